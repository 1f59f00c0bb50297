"""One set of answers in every variant in circulation, and why two figures of one word differ. Pure.

The reasons are computed from the rules that two variants do not share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from avs_bench.metrics.figure import Figure
from avs_bench.metrics.variant_rules import Reason, Word
from avs_bench.metrics.variants import Variant
from avs_bench.names import Family
from avs_bench.results.records import Result
from vpo_builder.runtime.whole_files import write_atomically


@dataclass(frozen=True)
class Translated:
    """A figure as a fraction, None where its rules leave no value, which `note` tells.

    `because` says in what its rules differ from those of the dataset's own figure of that word.
    """

    name: str
    value: float | None
    printed_by: str
    rules: str
    note: str
    because: tuple[Reason, ...]


@dataclass(frozen=True)
class WordFigures:
    """Figures of one word: the dataset's own with its rules as phrases, and every other one."""

    word: Word
    own: Translated
    own_rules: tuple[str, ...]
    others: tuple[Translated, ...]


@dataclass(frozen=True)
class Translation:
    """Every figure of one set of answers."""

    model: str
    dataset: str
    subset: str
    words: tuple[WordFigures, ...]


def translation_of(
    result: Result, variants: Sequence[Variant], figures: Sequence[Figure]
) -> Translation:
    """Return the figures of `variants` beside the dataset's own."""
    family = result.sets[0].family
    groups: dict[Word, list[tuple[Variant, Figure]]] = {}
    for variant, figure in zip(variants, figures, strict=True):
        groups.setdefault(variant.rules.word, []).append((variant, figure))
    words = tuple(_word_figures(word, group, family) for word, group in groups.items())
    return Translation(result.model, result.dataset, result.subset, words)


def write_translation(folder: Path, result: Result, translation: Translation) -> Path:
    """Write `translation-<checkpoint>-<dataset>-<subset>.json` beside the scores."""
    path = folder / f"translation-{result.file_stem}.json"
    write_atomically(path, msgspec.json.format(msgspec.json.encode(translation), indent=1) + b"\n")
    return path


def _word_figures(
    word: Word, group: Sequence[tuple[Variant, Figure]], family: Family
) -> WordFigures:
    own, figure = next(pair for pair in group if pair[1].family == family)
    others = (pair for pair in group if pair[0] is not own)
    return WordFigures(
        word,
        _translated(own, figure, own),
        own.rules.told,
        tuple(_translated(variant, figure, own) for variant, figure in others),
    )


def _translated(variant: Variant, figure: Figure, own: Variant) -> Translated:
    value = None if math.isnan(figure.value) else figure.value
    because = variant.rules.unlike(own.rules)
    return Translated(variant.name, value, variant.printed_by, figure.rules, figure.note, because)
