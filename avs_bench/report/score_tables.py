"""The tables of a report: scores beside the published ones, groups and probes. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from avs_bench.metrics import Comparison, Confusion, Record, bootstrap, over_seeds
from avs_bench.metrics.families import (
    FIGURES,
    LOWER_IS_BETTER,
    PART_FIGURES,
    RecordFigure,
    miou_of_present,
)
from avs_bench.metrics.groups import OVERALL
from avs_bench.report.published_rows import PublishedRow, published_rows
from avs_bench.report.runs import Entry, Place, Run, by_place, seed_groups
from avs_bench.report.table import Number, Row, Table, unique
from avs_bench.results.listening import false_positive_rate, listening_gain, pan_sensitivity
from avs_bench.results.records import ProbedSet, ScoredSet, as_confusion
from vpo_builder.runtime.progress import progress

FAMILIES = {
    "dataset": "dataset level",
    "frame": "per frame",
    "video": "per video",
}
FALSE_POSITIVES, LOST = "foreground_fpr_dataset", "lost by the probe"
INTERVALS = "[low, high]: 95 % bootstrap interval over the pictures or videos of the subset."
SPREADS = "±: standard deviation over runs that differ only in their seed."
SYNTHETIC = (
    "The pictures and sounds are synthetic: published rows, of real ones, stand here for their "
    "layout only."
)
OTHER_BUILDS = (
    "Several builds of the dataset are reported, each in tables of its own: figures on different "
    "manifests do not compare."
)
ON_TEST = (
    "CHOSEN ON TEST: of these runs the epoch is the one that scores best on test, as the published "
    "code chooses it: figures too high to compare with those of an epoch chosen on val."
)
PARTS = "Parts of a subset lack classes: means are over the classes that occur in the part."


@dataclass(frozen=True)
class Tables:
    """Everything that a report has in tables."""

    scores: tuple[Table, ...]
    comparisons: tuple[Table, ...]
    probes: tuple[Table, ...]
    groups: tuple[Table, ...]

    @property
    def every(self) -> tuple[Table, ...]:
        """All of them, in the order in which a report shows them."""
        return (*self.scores, *self.comparisons, *self.probes, *self.groups)


def tables_of(runs: Sequence[Run], comparisons: Sequence[Table] = ()) -> Tables:
    """Return the tables of a report; those of `--compare` are made by `comparison_tables`."""
    return Tables(score_tables(runs), tuple(comparisons), probe_tables(runs), group_tables(runs))


def score_tables(runs: Sequence[Run]) -> tuple[Table, ...]:
    """Return a table for each dataset, subset and metric family, with its published rows.

    A run alone has intervals over its pictures or videos; runs that differ only in their seed are
    one row of mean and standard deviation.
    """
    return tuple(_score_table(place, entries) for place, entries in by_place(runs).items())


def group_tables(runs: Sequence[Run]) -> tuple[Table, ...]:
    """Return a table of the parts of each subset: what is silent, how many sound, how large."""
    tables = (_group_table(place, entries) for place, entries in by_place(runs).items())
    return tuple(table for table in tables if table.rows)


def probe_tables(runs: Sequence[Run]) -> tuple[Table, ...]:
    """Return a table for each dataset and subset that some run was probed on."""
    tables = (
        _probe_table(place, entries)
        for place, entries in by_place(runs).items()
        if place.family == "dataset"
    )
    return tuple(table for table in tables if table.rows)


def title_of(place: Place) -> str:
    """Return e.g. "VPO-SS, test, dataset level"; of several builds, with the manifest's."""
    return f"{_data_of(place)}, {FAMILIES[place.family]}"


def _data_of(place: Place) -> str:
    build = f" (manifest {place.build})" if place.build else ""
    return f"{place.dataset}{build}, {place.subset}"


def _score_table(place: Place, entries: Sequence[Entry]) -> Table:
    figures = FIGURES[place.family]
    named = [figure(entries[0].scores.overall) for figure in figures]
    names = tuple(figure.name for figure in named)
    published = published_rows(place.dataset, place.subset, place.family)
    groups = seed_groups(entries)
    told = progress(groups, len(groups), f"intervals: {title_of(place)}")
    rows = [_score_row(group, figures) for group in told]
    notes = [f"{figure.name}: {figure.rules}." for figure in named]
    notes += [INTERVALS] * any(len(group) == 1 for group in groups)
    notes += [SPREADS] * any(len(group) > 1 for group in groups)
    notes += [f"[{row.key}] {row.source}." for row in published]
    notes += [ON_TEST] * any(entry.result.chosen_on_test for entry in entries)
    notes += [OTHER_BUILDS] * bool(place.build)
    notes += [SYNTHETIC] * any(entry.result.synthetic for entry in entries)
    return Table(
        title_of(place),
        words=("run", "model", "checkpoint", "items"),
        figures=names,
        rows=(*rows, *(_published_row(row, names) for row in published)),
        notes=unique(notes),
        lower=LOWER_IS_BETTER,
        ranked=True,
    )


def _score_row(group: Sequence[Entry], figures: Sequence[RecordFigure]) -> Row:
    first = group[0]
    names = ", ".join(entry.run for entry in group)
    epochs = ", ".join(str(entry.result.epochs) for entry in group)
    known = any(entry.result.epochs for entry in group)  # published weights do not say theirs
    checkpoint = f"{first.result.checkpoint}, epoch {epochs}" if known else first.result.checkpoint
    on_test = first.result.chosen_on_test
    words = (names, first.result.model, checkpoint, str(len(first.scores.items)))
    return Row(words, tuple(_number(group, figure) for figure in figures), first.run, on_test)


def _published_row(row: PublishedRow, names: Sequence[str]) -> Row:
    numbers = (row.figures.get(name) for name in names)
    return Row(
        (f"published [{row.key}]", row.method, "–", "–"),
        tuple(None if number is None else Number(number / 100) for number in numbers),
    )


def _number(group: Sequence[Entry], figure: RecordFigure) -> Number:
    if len(group) == 1:
        return Number.of(bootstrap(group[0].scores.by_unit(), figure))
    return Number.of(over_seeds([figure(entry.scores.overall) for entry in group]))


def _group_table(place: Place, entries: Sequence[Entry]) -> Table:
    leading, *others = PART_FIGURES[place.family]
    rows = []
    told = progress(entries, len(entries), f"intervals of parts: {title_of(place)}")
    for entry in told:
        for group, part in entry.scores.groups().items():
            if group == OVERALL or len(part.items) == len(entry.scores.items):
                continue
            numbers = [Number.of(bootstrap(part.by_unit(), leading))]
            numbers += [Number.of(figure(part.overall)) for figure in others]
            words = (entry.run, ": ".join(group), str(len(part.items)), _present(part.overall))
            rows.append(Row(words, tuple(numbers), entry.run))
    return Table(
        f"{title_of(place)}, by group",
        words=("run", "group", "items", "classes"),
        figures=tuple(figure(entries[0].scores.overall).name for figure in (leading, *others)),
        rows=tuple(rows),
        notes=(PARTS, INTERVALS),
        lower=LOWER_IS_BETTER,
    )


def _present(record: Record) -> str:
    return str(len(record.classes_in_target)) if isinstance(record, Confusion) else "–"


def _probe_table(place: Place, entries: Sequence[Entry]) -> Table:
    probed = [(entry, one) for entry in entries for one in entry.result.probes]
    return Table(
        f"{_data_of(place)}, probes",
        words=("run", "probe", "items", "p"),
        figures=(FALSE_POSITIVES, "miou_dataset", LOST),
        rows=tuple(_probe_row(entry, one) for entry, one in probed),
        notes=unique(
            [
                "foreground_fpr_dataset: share of the pixels in which nothing heard is seen that "
                "are predicted as an object; lower is better.",
                "miou_dataset: against what is heard, over the classes that are; background "
                "included.",
                "lost by the probe: miou_dataset with the right sound minus that under the probe, "
                "both against the mask of the right sound; for silence it is the listening gain, "
                "for swap-channels the pan sensitivity; p by a paired permutation test.",
                *(f"{one.probe}: {one.question} Source: {one.source}" for _, one in probed),
                INTERVALS,
            ]
        ),
        lower=LOWER_IS_BETTER,
    )


def _probe_row(entry: Entry, probed: ProbedSet) -> Row:
    lost = lost_by(entry.scores, probed)
    answer = as_confusion(probed.answer.overall)
    numbers = (
        Number.of(false_positive_rate(probed)),
        Number.of(miou_of_present(answer)),
        None if lost is None else Number(lost.difference, lost.low, lost.high),
    )
    p = "–" if lost is None else f"{lost.p_value:.4f}"
    return Row((entry.run, probed.probe, str(len(probed.answer.items)), p), numbers, entry.run)


def lost_by(right: ScoredSet, probed: ProbedSet) -> Comparison | None:
    """Return the listening gain for silence, the pan sensitivity for swapped channels, or None."""
    measures = {"silence": listening_gain, "swap-channels": pan_sensitivity}
    measure = measures.get(probed.probe)
    return measure(right, probed) if measure else None
