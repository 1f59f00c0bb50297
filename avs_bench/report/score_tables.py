"""The tables of a report: scores beside the published ones, groups and probes. Pure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from avs_bench.metrics import Confusion, ModelComparison, Record, foreground_fpr_dataset, holm
from avs_bench.metrics.families import (
    FIGURES,
    LOWER_IS_BETTER,
    PART_FIGURES,
    RecordFigure,
    miou_of_present,
)
from avs_bench.metrics.groups import OVERALL
from avs_bench.report.models import Model, Scored, legend_of, models_of, numbers_of, scored_by_place
from avs_bench.report.pan_table import TOWARD_TWIN, pan_tables
from avs_bench.report.published_rows import PublishedRow, published_rows
from avs_bench.report.robust_table import robust_tables
from avs_bench.report.runs import Entry, Place, Run
from avs_bench.report.table import Number, Row, Table, unique
from avs_bench.results.listening import lost_by
from avs_bench.results.records import ProbedSet, ScoredSet, as_confusion
from avs_bench.results.tally import remarks_on
from vpo_builder.runtime.progress import progress

FAMILIES = {
    "dataset": "dataset level",
    "frame": "per frame",
    "video": "per video",
    "instances": "instances by ear",
    "listening": "by ear",
}
FALSE_POSITIVES, LOST = "foreground_fpr_dataset", "lost by the probe"
HOLM = "p (Holm): corrected for the number of rows; a star marks values below 0.05."
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
SEEN = (
    "HAS SEEN n OF m: training saw n of the m pictures that are scored here: figures too high to "
    "compare with those of a model that saw none."
)
ROUNDED = (
    "SCORED IN BF16 or FP16: by a model that rounded its products to 16 bits: figures differ from "
    "those of fp32 by rounding, either way."
)
MAPPED = (
    "Classes mapped: the model was trained for another class table, so these figures compare with "
    "none of the whole table. Probabilities of classes that mean one add up, the model's other "
    "classes count as background; pixels of the dataset's other classes are ignored, and examples "
    "in which no scored class sounds are left out."
)
PROBE_NOTES = (
    "foreground_fpr_dataset: share of the pixels in which nothing heard is seen that are predicted "
    "as an object; lower is better.",
    "miou_dataset: against what is heard, over the classes that are; background included.",
    "lost by the probe: miou_dataset with the right sound minus that under the probe, both against "
    "the mask of the right sound; for silence it is the listening gain, for swap-channels the pan "
    "sensitivity; p: a paired permutation test of one run, of several seeds a test over seeds and "
    "pictures.",
)
ALPHA = 0.05
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
    models = models_of(runs)
    return Tables(
        score_tables(models),
        tuple(comparisons),
        (*probe_tables(models), *robust_tables(models), *pan_tables(models)),
        group_tables(models),
    )


def score_tables(models: Sequence[Model]) -> tuple[Table, ...]:
    """Return a table for each dataset, subset and metric family, with its published rows.

    The listening score heads all of them where some model has it.
    """
    tables = score_tables_by_place(models)
    return tuple(_headed(table, by_ear(place, tables)) for place, table in tables.items())


def score_tables_by_place(models: Sequence[Model]) -> dict[Place, Table]:
    """Return the table of each place with its published rows.

    A model of one run has intervals over its pictures or videos; one of several seeds is a row of
    mean and standard deviation.
    """
    return {place: _score_table(place, scored) for place, scored in scored_by_place(models).items()}


def by_ear(place: Place, tables: Mapping[Place, Table]) -> Table | None:
    """Return the table of listening on the same data; None if there is none, or it is this one."""
    alone = place.family == "listening"
    return None if alone else tables.get(replace(place, family="listening"))


def listening_of(row: Row, table: Table) -> Number | None:
    """Return the listening score in the table of listening that belongs to a row of another."""
    same = (one.numbers[0] for one in table.rows if one.words[:3] == row.words[:3])
    return next(same, None)


def _headed(table: Table, heard: Table | None) -> Table:
    if heard is None:
        return table
    rows = (replace(row, numbers=(listening_of(row, heard), *row.numbers)) for row in table.rows)
    return replace(
        table,
        figures=(heard.figures[0], *table.figures),
        rows=tuple(rows),
        notes=(heard.notes[0], *table.notes),
    )


def group_tables(models: Sequence[Model]) -> tuple[Table, ...]:
    """Return a table of the parts of each subset: what is silent, how many sound, how large."""
    tables = (_group_table(place, scored) for place, scored in scored_by_place(models).items())
    return tuple(table for table in tables if table.rows)


def probe_tables(models: Sequence[Model]) -> tuple[Table, ...]:
    """Return a table for each dataset and subset that some run was probed on."""
    return tuple(probe_tables_by_place(models).values())


def probe_tables_by_place(models: Sequence[Model]) -> dict[Place, Table]:
    """Return the table of probes for each place at dataset level, where every probe is counted."""
    tables = {
        place: _probe_table(place, scored)
        for place, scored in scored_by_place(models).items()
        if place.family == "dataset"
    }
    return {place: table for place, table in tables.items() if table.rows}


def title_of(place: Place) -> str:
    """Return e.g. "VPO-SS, test, dataset level", with build and mapping where there are some."""
    return f"{place.data}, {FAMILIES[place.family]}"


def doubts_of(scored: Sequence[Scored]) -> list[str]:
    """Return what keeps figures from being compared with others: marks, and mapped classes."""
    marks = {ON_TEST: any(one.on_test for one in scored)}
    marks |= {SEEN: any(one.seen_mark for one in scored)}
    marks |= {ROUNDED: any(one.precision_mark for one in scored)}
    marks |= {MAPPED: any(one.first.result.class_map for one in scored)}
    return [meaning for meaning, shown in marks.items() if shown]


def _score_table(place: Place, scored: Sequence[Scored]) -> Table:
    figures = FIGURES[place.family]
    named = [figure(scored[0].overall) for figure in figures]
    names = tuple(figure.name for figure in named)
    published = () if place.mapped else published_rows(place.dataset, place.subset, place.family)
    legend = [*legend_of(scored), *doubts_of(scored)]
    legend += [
        text
        for one in scored
        for entry in one.entries
        for text in remarks_on(entry.result, place.family)
    ]
    legend += [OTHER_BUILDS] * bool(place.build)
    legend += [SYNTHETIC] * any(one.first.result.synthetic for one in scored)
    notes = [f"{figure.name}: {figure.rules}." for figure in named]
    notes += [f"[{row.key}] {row.source}." for row in published]
    notes += [
        f"{one.model.name}: {m.sentence}" for one in scored if (m := one.first.result.class_map)
    ]
    told = progress(scored, len(scored), f"intervals: {title_of(place)}")
    rows = [_score_row(one, figures) for one in told]
    return Table(
        title_of(place),
        words=("model", "runs", "checkpoint", "items"),
        figures=names,
        rows=(*rows, *(_published_row(row, names) for row in published)),
        legend=tuple(legend),
        notes=unique(notes),
        lower=LOWER_IS_BETTER,
        ranked=True,
    )


def _score_row(scored: Scored, figures: Sequence[RecordFigure]) -> Row:
    first = scored.first
    epochs = [entry.result.epochs for entry in scored.entries]
    checkpoint = first.result.checkpoint
    if any(epochs):  # published weights do not say theirs
        checkpoint += f", epoch {', '.join(map(str, epochs))}"
    name = f"{scored.model.name}{scored.seen_mark}{scored.precision_mark}"
    words = (name, scored.told_by, checkpoint, str(len(first.scores.items)))
    has_seen_test = scored.on_test or bool(scored.seen_mark)
    return Row(words, tuple(scored.numbers(figures)), scored.model.name, has_seen_test)


def _published_row(row: PublishedRow, names: Sequence[str]) -> Row:
    numbers = (row.figures.get(name) for name in names)
    return Row(
        (row.method, f"published [{row.key}]", "–", "–"),
        tuple(None if number is None else Number(number / 100) for number in numbers),
    )


def _group_table(place: Place, scored: Sequence[Scored]) -> Table:
    leading, *others = PART_FIGURES[place.family]
    told = progress(scored, len(scored), f"intervals of parts: {title_of(place)}")
    rows = tuple(row for one in told for row in _group_rows(one, leading, others))
    return Table(
        f"{title_of(place)}, by group",
        words=("model", "group", "items", "classes"),
        figures=tuple(figure(scored[0].overall).name for figure in (leading, *others)),
        rows=rows,
        legend=(*legend_of(scored), *doubts_of(scored), PARTS),
        lower=LOWER_IS_BETTER,
    )


def _group_rows(
    scored: Scored, leading: RecordFigure, others: Sequence[RecordFigure]
) -> Iterator[Row]:
    """Yield a row for each part, in which the leading figure alone has an interval."""
    for group, part in scored.parts().items():
        size, whole = len(part.first.scores.items), len(scored.first.scores.items)
        if group == OVERALL or size == whole:
            continue
        overalls = [entry.scores.overall for entry in part.entries]
        numbers = part.numbers([leading])
        numbers += [Number.over_seeds([figure(record) for record in overalls]) for figure in others]
        words = (scored.label, ": ".join(group), str(size), _present(part.overall))
        yield Row(words, tuple(numbers), scored.model.name)


def _present(record: Record) -> str:
    return str(len(record.classes_in_target)) if isinstance(record, Confusion) else "–"


def _probe_table(place: Place, scored: Sequence[Scored]) -> Table:
    asked = [one for model in scored for one in _asked(model)]
    models = [one.scored for one in asked]
    lost = [lost_by(one.pairs) for one in asked]
    corrected = holm([math.nan if one is None else one.p_value for one in lost])
    rows = tuple(map(_probe_row, asked, lost, corrected))
    told = (f"{one.probe}: {one.pairs[0][1].question} {one.pairs[0][1].source}" for one in asked)
    return Table(
        f"{place.data}, probes",
        words=("model", "probe", "items", "p (Holm)"),
        figures=(FALSE_POSITIVES, "miou_dataset", LOST),
        rows=rows,
        legend=(*legend_of(models), *doubts_of(models), HOLM),
        notes=unique([*PROBE_NOTES, *told]),
        lower=LOWER_IS_BETTER,
    )


@dataclass(frozen=True)
class _Asked:
    """What a model answered to one probe: for each seed the scores with the right sound and it."""

    scored: Scored
    probe: str
    pairs: tuple[tuple[ScoredSet, ProbedSet], ...]


def _asked(scored: Scored) -> Iterator[_Asked]:
    probes: dict[str, list[tuple[Entry, ProbedSet]]] = {}
    for entry in scored.entries:
        for one in entry.result.probes:
            if one.probe.startswith(TOWARD_TWIN):  # past the half its own mask is wrong
                continue
            probes.setdefault(one.probe, []).append((entry, one))
    for name, found in probes.items():
        part = replace(scored, entries=tuple(entry for entry, _ in found))
        yield _Asked(part, name, tuple((entry.scores, one) for entry, one in found))


def _probe_row(asked: _Asked, lost: ModelComparison | None, p: float) -> Row:
    answers = [one.answer for _, one in asked.pairs]
    numbers = (
        *numbers_of([one.units for one in answers], [foreground_fpr_dataset]),
        Number.over_seeds([miou_of_present(as_confusion(one.overall)) for one in answers]),
        None if lost is None else Number.of(lost),
    )
    words = (asked.scored.label, asked.probe, str(len(answers[0].items)), p_text(p))
    return Row(words, numbers, asked.scored.model.name)


def p_text(p: float) -> str:
    """Return a p-value, starred below 0.05; "–" where there is none."""
    return "–" if math.isnan(p) else f"{p:.4f}{'*' * (p < ALPHA)}"
