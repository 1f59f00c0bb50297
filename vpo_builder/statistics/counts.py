"""Counts what a finished dataset holds, as records and as a text table."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.schema import SUBSETS, Sample, Split, Subset

MIN_TEST_SAMPLES = 20
"""Fewer test samples of a class make its score an anecdote (protocol §2, clip choice)."""
MIN_VAL_SAMPLES = 10
"""Fewer val samples of a class cannot choose an epoch (protocol §2, subsets)."""


@dataclass(frozen=True, slots=True)
class ClassCount:
    """One class in one subset.

    `samples` hold the class at least once, `sources` counts its sounding objects, `clips` the
    different clips they play and `most_used` the objects that share the most used one.
    """

    category: str
    group: str
    subset: Subset
    samples: int
    sources: int
    clips: int
    most_used: int


@dataclass(frozen=True, slots=True)
class SubsetCount:
    """One subset: `by_sources[n]` samples have n sources, `some_silent` a silent eligible object.

    A sample of MS is an image; an image of SS's test has a sample for each eligible object.
    """

    subset: Subset
    images: int
    samples: int
    sources: int
    by_sources: tuple[int, ...]
    some_silent: int


@dataclass(frozen=True)
class Statistics:
    """Counts of a dataset by class and subset, in the order of the class table and of SUBSETS.

    Of an `imported` one it is not known what else could have sounded.
    """

    name: str
    split: Split
    synthetic: bool
    classes: tuple[ClassCount, ...]
    subsets: tuple[SubsetCount, ...]
    imported: bool = False

    def of_class(self, category: str) -> tuple[ClassCount, ...]:
        """Return the counts of a class, one for each subset."""
        return tuple(row for row in self.classes if row.category == category)

    @property
    def categories(self) -> tuple[str, ...]:
        """The class names, background left out."""
        return tuple(dict.fromkeys(row.category for row in self.classes))

    @property
    def samples(self) -> int:
        """The number of samples of all subsets."""
        return sum(row.samples for row in self.subsets)


@dataclass(frozen=True, slots=True)
class Scarcity:
    """A class with fewer samples in a subset than a score or a choice of epoch needs."""

    category: str
    subset: Subset
    samples: int
    wanted: int


def count(manifest: Manifest) -> Statistics:
    """Return the statistics of a dataset."""
    by_subset = {
        subset: [sample for sample in manifest.samples if sample.subset == subset]
        for subset in SUBSETS
    }
    rows = [row for row in manifest.meta.classes if row.index != 0]
    classes = [
        _count_class(row.name, row.group, subset, by_subset[subset])
        for row, subset in product(rows, SUBSETS)
    ]
    return Statistics(
        manifest.folder.resolve().name,
        manifest.meta.split,
        manifest.meta.synthetic,
        tuple(classes),
        tuple(_count_subset(subset, samples) for subset, samples in by_subset.items()),
        manifest.meta.imported,
    )


def scarcities(statistics: Statistics) -> tuple[Scarcity, ...]:
    """Return the classes with too few samples: below 20 in test, below 10 in val."""
    wanted: dict[Subset, int] = {"val": MIN_VAL_SAMPLES, "test": MIN_TEST_SAMPLES}
    return tuple(
        Scarcity(row.category, subset, row.samples, least)
        for subset, least in wanted.items()
        for row in statistics.classes
        if row.subset == subset and row.samples < least
    )


def format_statistics(statistics: Statistics) -> Iterator[str]:
    """Yield the lines of the text report: classes, subsets, and what is scarce."""
    origin = ", synthetic corpus: for trying and testing only" if statistics.synthetic else ""
    origin += ", imported from a published copy" if statistics.imported else ""
    yield f"{statistics.name}: {statistics.samples} samples{origin}"
    yield ""
    yield from aligned(_class_table(statistics), left=2)
    yield ""
    yield from aligned(_subset_table(statistics.subsets, imported=statistics.imported), left=1)
    scarce = scarcities(statistics)
    for subset, least in (("val", MIN_VAL_SAMPLES), ("test", MIN_TEST_SAMPLES)):
        named = [f"{row.category} {row.samples}" for row in scarce if row.subset == subset]
        if named:
            yield ""
            yield f"warning: fewer than {least} {subset} samples: {', '.join(named)}"


def _count_class(
    category: str, group: str, subset: Subset, samples: Sequence[Sample]
) -> ClassCount:
    clips: Counter[str] = Counter()
    holding = 0
    for sample in samples:
        own = [source.clip_id for source in sample.sources if source.category == category]
        clips.update(own)
        holding += bool(own)
    most_used = max(clips.values(), default=0)
    return ClassCount(category, group, subset, holding, clips.total(), len(clips), most_used)


def _count_subset(subset: Subset, samples: Sequence[Sample]) -> SubsetCount:
    numbers = Counter(len(sample.sources) for sample in samples)
    return SubsetCount(
        subset,
        images=len({sample.image_id for sample in samples}),
        samples=len(samples),
        sources=sum(number * samples for number, samples in numbers.items()),
        by_sources=tuple(numbers[n] for n in range(max(numbers, default=0) + 1)),
        some_silent=sum(bool(sample.silent) for sample in samples),
    )


def _class_table(statistics: Statistics) -> Iterator[tuple[str, ...]]:
    yield "class", "group", *SUBSETS, "total", "sources", "clips", "per clip", "most"
    for category in statistics.categories:
        rows = statistics.of_class(category)
        sources, clips = sum(row.sources for row in rows), sum(row.clips for row in rows)
        yield (
            category,
            rows[0].group,
            *(str(row.samples) for row in rows),
            str(sum(row.samples for row in rows)),
            str(sources),
            str(clips),
            f"{sources / clips:.1f}" if clips else "–",
            str(max(row.most_used for row in rows)),
        )


def _subset_table(subsets: Sequence[SubsetCount], *, imported: bool) -> Iterator[tuple[str, ...]]:
    most = max(len(row.by_sources) for row in subsets)
    numbers = range(1, max(most, 2))
    names = (f"{n} source{'s' * (n > 1)}" for n in numbers)
    yield "subset", "images", "samples", *names, "some silent", "share"
    for row in subsets:
        share = f"{100 * row.some_silent / row.samples:.1f} %" if row.samples else "–"
        by_sources = [row.by_sources[n] if n < len(row.by_sources) else 0 for n in numbers]
        counts = map(str, (row.images, row.samples, *by_sources))
        silent = ("unknown", "–") if imported else (str(row.some_silent), share)
        yield row.subset, *counts, *silent


def aligned(rows: Iterable[tuple[str, ...]], left: int) -> Iterator[str]:
    """Yield rows as text with columns of equal width, the first `left` ones aligned left."""
    table = list(rows)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
