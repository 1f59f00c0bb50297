"""The translation of a set of answers as text for a terminal."""

import textwrap
from collections.abc import Iterator

from avs_bench.results.translation import Translated, Translation, WordFigures

WIDTH = 100
INDENT = " " * 10
HEAD = (
    'The same answers under the rules of each code. "Yours" is the figure that eval and score lead '
    "with on this dataset; below it stands why each other one of that word is another number."
)


def translation_text(translation: Translation) -> str:
    """Return every figure, those of a word below the dataset's own, with why they differ."""
    title = f"{translation.model} on {translation.dataset}, {translation.subset}"
    blocks = ["\n".join(_block(word)) for word in translation.words]
    return "\n\n".join([f"{title}\n{_wrapped(HEAD, '')}", *blocks])


def _block(word: WordFigures) -> Iterator[str]:
    own, told = word.own, "; ".join(word.own_rules)
    yield f"{word.word}: yours is {_percent(own)}, {own.name} ({own.printed_by})"
    yield _wrapped(f"{told}.", INDENT)
    for other in word.others:
        yield f"{_percent(other):>9} {other.name} ({other.printed_by})"
        yield _wrapped(_sentence(own, other), INDENT)


def _sentence(own: Translated, other: Translated) -> str:
    """Say why one figure is another, by the rules that they do not share."""
    if other.value is None:
        return f"none here: {other.note}."
    why = "; ".join(f"{one.aspect} {one.theirs}" for one in other.because)
    if _percent(other) == _percent(own):
        return f"the same here, though {why}."
    return f"your {_percent(own)} is their {_percent(other)} because {why}."


def _percent(figure: Translated) -> str:
    return "–" if figure.value is None else f"{100 * figure.value:.2f} %"


def _wrapped(text: str, indent: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
