"""Whose sound an example is given: the part of a probe that chooses clips, before anything is read.

Choices depend on the seed and the ids alone, never on the batch or the order, so that a probe is
the same for every model and every batch size. Examples for which a probe has no meaning are left
out rather than asked something else.
"""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avs_bench.data.example import Example, SoundSource
from avs_bench.data.seeds import digest

CENTRE = 0.5
"""The pan of a sound whose source is not in the picture: it has no side."""


def own(examples: Sequence[Example], _seed: int) -> tuple[Example, ...]:
    """Everything hears its own sound."""
    return tuple(examples)


def own_beside_a_silent_twin(examples: Sequence[Example], _seed: int) -> tuple[Example, ...]:
    """Their own sound, where an object of a class that sounds is silent in the same picture.

    There the sound's side alone says which of the two is meant. The rest of the set is left out.
    """
    return tuple(example for example in examples if example.heard & set(example.silent))


def toward_a_twin(examples: Sequence[Example], share: float) -> tuple[Example, ...]:
    """A sound whose object has silent twins comes from `share` of the way to the nearest of them.

    The rest of the set, and sounds of which several of their class are heard, are left out.
    """
    return tuple(_moved(example, share) for example in examples if example.questions)


def _moved(example: Example, share: float) -> Example:
    sources, questions = [], example.questions
    for source in example.sources:
        pan = source.pan
        if source.class_index in questions:
            _, twins = questions[source.class_index]
            twin = min((one.pan for one in twins), key=lambda place: (abs(place - pan), place))
            pan = (1 - share) * pan + share * twin
        sources.append(replace(source, pan=pan))
    return replace(example, sources=tuple(sources))


def nothing(examples: Sequence[Example], _seed: int) -> tuple[Example, ...]:
    """Nothing is heard: a mix of no sources is digital silence."""
    return tuple(replace(example, sources=()) for example in examples)


def of_another_picture(examples: Sequence[Example], seed: int) -> tuple[Example, ...]:
    """Each hears the whole mix of another picture.

    Partners whose sound could come from an object that is seen, but not labelled, are passed
    over, and those of which it is not known what sounds, as in MS3: nobody could say what the right
    answer is.
    """

    def is_partner(example: Example, other: Example) -> bool:
        known = not example.sound_kind or (_has_kind(example) and _has_kind(other))
        return known and other.unit != example.unit and not other.heard & set(example.silent)

    pairs = _partners(examples, seed, is_partner)
    return tuple(replace(example, sources=_of(other, example)) for example, other in pairs)


def of_an_unseen_class(examples: Sequence[Example], seed: int) -> tuple[Example, ...]:
    """Each hears one clip, at the centre, of a class that is not in its picture."""

    def is_partner(example: Example, other: Example) -> bool:
        return bool(_unseen(example, other))

    pairs = _partners(examples, seed, is_partner)
    return tuple(
        replace(example, sources=(replace(_unseen(example, other)[0], pan=CENTRE),))
        for example, other in pairs
    )


def unseen_voices(
    examples: Sequence[Example], seed: int, count: int
) -> dict[str, tuple[SoundSource, ...]]:
    """Return clips, at the centre, of classes that are not in the picture of each example, by id.

    So many recordings, the first that the example meets on the ring of `_partners`; more of them
    begin with the same. Fewer where the set has no more.
    """
    ring = _ring(examples, seed)
    voices = {}
    for example in examples:
        found: dict[Path, SoundSource] = {}
        for other in ring.after(example.example_id):
            for source in _unseen(example, other):
                found.setdefault(source.clip, replace(source, pan=CENTRE))
            if len(found) >= count:
                break
        voices[example.example_id] = tuple(found.values())[:count]
    return voices


def one_class(examples: Sequence[Example], seed: int) -> tuple[Example, ...]:
    """Of several classes that sound, one is still heard; the rest of the set is left out."""
    several = (example for example in examples if len(example.heard) > 1)
    return tuple(_with_one_class(example, seed) for example in several)


def _with_one_class(example: Example, seed: int) -> Example:
    kept = min(example.heard, key=lambda index: digest("single", seed, example.example_id, index))
    sources = tuple(source for source in example.sources if source.class_index == kept)
    return replace(example, sources=sources)


def _unseen(example: Example, other: Example) -> list[SoundSource]:
    """The sources of another example whose class is not in the picture of this one.

    A recording in which several classes sound counts only if none of them is, and what sounds in
    it is known. Where the masks tell no classes apart, as in S4, the kind of sound must be another.
    """
    if _has_kind(example) and _has_kind(other):
        return list(_of(other, example)) if other.sound_kind != example.sound_kind else []
    seen = {0, *example.heard, *example.silent}
    mixed = {source.clip for source in other.sources if source.class_index in seen}
    return [source for source in other.sources if source.clip not in mixed]


def _of(other: Example, example: Example) -> tuple[SoundSource, ...]:
    """The sources of another example: of another kind they are no class that the mask labels."""
    if other.sound_kind == example.sound_kind:
        return other.sources
    return tuple(replace(source, class_index=0) for source in other.sources)


def _has_kind(example: Example) -> bool:
    """Whether it is known what sounds beyond the classes; MS3's videos name themselves only."""
    return example.sound_kind not in ("", example.unit)


@dataclass(frozen=True)
class _Ring:
    """Examples in the order of a hash of their ids, closed to a ring."""

    seed: int
    examples: tuple[Example, ...]
    places: tuple[int, ...]

    def after(self, example_id: str) -> Iterator[Example]:
        """Yield every example once, from the place of an id on."""
        start = bisect(self.places, digest("place", self.seed, example_id))
        count = len(self.examples)
        return (self.examples[(start + step) % count] for step in range(count))


def _ring(examples: Sequence[Example], seed: int) -> _Ring:
    ordered = sorted(examples, key=lambda example: digest("ring", seed, example.example_id))
    places = tuple(digest("ring", seed, example.example_id) for example in ordered)
    return _Ring(seed, tuple(ordered), places)


def _partners(
    examples: Sequence[Example], seed: int, is_partner: Callable[[Example, Example], bool]
) -> list[tuple[Example, Example]]:
    """Pair every example with the first admissible one after its own place on a ring of hashes.

    A few steps each, where ranking all pairs would be quadratic; and an example added to the set
    changes the partner of its neighbours on the ring only.
    """
    ring = _ring(examples, seed)
    pairs = []
    for example in examples:
        candidates = ring.after(example.example_id)
        partner = next((other for other in candidates if is_partner(example, other)), None)
        if partner is not None:
            pairs.append((example, partner))
    return pairs
