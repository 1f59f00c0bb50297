"""Loading weights by name: published checkpoints, ImageNet backbones, VGGish and our own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from avs_bench.checkpoints.folded_names import fold_names
from avs_bench.checkpoints.hub import local_file
from avs_bench.checkpoints.published_files import classifiers_of, published_at
from avs_bench.checkpoints.published_names import (
    NAMINGS,
    dead_entries,
    other_network,
    published_names,
)
from avs_bench.checkpoints.state_dicts import StateDict, read_state_dict
from avs_bench.models.protocol import fresh_of, official_of, parts_of
from vpo_builder.runtime.errors import InputError

COUNTER = "num_batches_tracked"  # absent from old files; only a norm without momentum reads it


@dataclass(frozen=True)
class Layout:
    """A way of naming a model's entries: `names` maps a file's names to ours.

    `skipped` are names, or beginnings of names that end in a dot, of what is read past; `fresh` our
    names of what such a file leaves as it was initialised.
    """

    title: str
    names: Mapping[str, str]
    skipped: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()

    def skips(self, name: str) -> bool:
        """Whether an entry of a file is read past."""
        return any(
            name.startswith(skipped) if skipped.endswith(".") else name == skipped
            for skipped in self.skipped
        )


@dataclass(frozen=True)
class LoadedWeights:
    """What a file gave: the layout it was read in and, by the file's names, what did not fit.

    `path` is the file's; `loaded` and `fresh` are our names, the latter of what the file of a part
    cannot fill. `untouched` names the model's parts of which nothing was loaded, such as everything
    but the backbone after an ImageNet file.
    """

    path: Path
    layout: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]
    untouched: tuple[str, ...]
    fresh: tuple[str, ...] = ()

    def summary(self) -> str:
        """Return what was loaded on one line."""
        filled = ", ".join(dict.fromkeys(_part_of(name) for name in self.loaded))
        layout = f"layout {self.layout}"
        parts = [f"{self.path}: {len(self.loaded)} entries loaded, into {filled}; {layout}"]
        for title in ("missing", "unexpected", "misshapen"):
            names = getattr(self, title)
            if names:
                parts.append(f"{title} {len(names)}: {fold_names(names)}")
        if self.fresh:
            parts.append(f"as initialised: {fold_names(self.fresh)}")
        if self.untouched:
            parts.append(f"nothing loaded into {', '.join(self.untouched)}")
        return "; ".join(parts)


def load_weights(model: nn.Module, path: Path, *, partial: bool = False) -> LoadedWeights:
    """Load a file's weights, also a hub's, into `model` by name, whichever known layout fits best.

    Known are our names, the published ones, and those of the file of a part, such as an ImageNet
    backbone or VGGish: then that part alone is loaded. Dead entries of published files are dropped.
    Raises InputError listing every missing, unexpected and misshapen entry, before anything is
    changed. With `partial` the parts of the model that a file holds whole are loaded, at least one,
    and the others stay as they are.
    """
    path = local_file(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file: official weights are at {published_at(model)}")
    state = read_state_dict(path)
    other = other_network(model, state)
    if other:
        raise InputError(f"{path}: holds {other}: give one of those at {published_at(model)}")
    layout = best_layout(model, state)
    fitting, report = match(model, state, layout, path)
    if report.missing or report.unexpected or report.misshapen:
        whole = _whole_parts(layout, report) if partial else set()
        if not whole:
            raise InputError(_misfit(path, state, model, layout, report))
        fitting = {name: value for name, value in fitting.items() if _part_of(name) in whole}
        untouched = tuple(n for n in _children(model) if n not in whole)
        report = replace(report, loaded=tuple(fitting), untouched=untouched)
    if not fitting:
        raise InputError(_misfit(path, state, model, layout, report))
    model.load_state_dict(fitting, strict=False)
    return report


def best_layout(model: nn.Module, state: Mapping[str, Tensor]) -> Layout:
    """Return the layout in which most entries of a file fit, by name and shape."""
    shapes = {name: value.shape for name, value in model.state_dict().items()}

    def fit(layout: Layout) -> tuple[int, int]:
        known = [name for name in state if name in layout.names]
        return sum(state[name].shape == shapes[layout.names[name]] for name in known), len(known)

    return max(layouts(model), key=fit)


def layouts(model: nn.Module) -> list[Layout]:
    """Return every way in which a file may name what `model` holds, our own first."""
    ours = list(model.state_dict())
    found = [Layout("our own", {name: name for name in ours}, classifiers_of(model))]
    if official_of(model) in NAMINGS:
        published = {theirs: name for name, theirs in published_names(model).items()}
        found.append(Layout("published", published, tuple(dead_entries(model))))
    found += (_part(name, part) for name, part in parts_of(model).items())
    return found


def match(
    model: nn.Module, state: Mapping[str, Tensor], layout: Layout, path: Path
) -> tuple[StateDict, LoadedWeights]:
    """Return the entries of `state` that fit, under our names, and what became of the rest."""
    shapes = {name: value.shape for name, value in model.state_dict().items()}
    fitting: StateDict = {}
    unexpected, misshapen = [], []
    for name, value in state.items():
        ours = layout.names.get(name)
        if ours is None:
            if not layout.skips(name):
                unexpected.append(name)
        elif value.shape != shapes[ours]:
            misshapen.append(name)
        else:
            fitting[ours] = value
    missing = [n for n in layout.names if n not in state and not n.endswith(COUNTER)]
    touched = {_part_of(layout.names[name]) for name in state if name in layout.names}
    untouched = [name for name in _children(model) if name not in touched]
    report = LoadedWeights(
        path, layout.title, tuple(fitting), tuple(missing), tuple(unexpected), tuple(misshapen),
        tuple(untouched), layout.fresh,
    )  # fmt: skip
    return fitting, report


def _whole_parts(layout: Layout, report: LoadedWeights) -> set[str]:
    """Return the parts of a model that a file holds whole, in its shapes, and nothing beside."""
    owners: dict[str, set[str]] = {}
    for theirs, ours in layout.names.items():
        for beginning in _beginnings(theirs):
            owners.setdefault(beginning, set()).add(_part_of(ours))
    broken = {_part_of(layout.names[name]) for name in (*report.missing, *report.misshapen)}
    for name in report.unexpected:
        broken |= next((owners[b] for b in _beginnings(name) if b in owners), set())
    return {_part_of(name) for name in report.loaded} - broken


def _beginnings(name: str) -> Iterable[str]:
    """Yield what a dotted name lies in, from the nearest on."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _part_of(name: str) -> str:
    return name.partition(".")[0]


def _children(model: nn.Module) -> list[str]:
    """Return the names of the parts that hold anything."""
    return [name for name, part in model.named_children() if part.state_dict()]


def _part(name: str, part: nn.Module) -> Layout:
    names, fresh = published_names(part), fresh_of(part)
    left = {ours: theirs for ours, theirs in names.items() if fresh and ours.startswith(fresh)}
    return Layout(
        title=f"{type(part).__name__} (the {name} alone)",
        names={theirs: f"{name}.{ours}" for ours, theirs in names.items() if ours not in left},
        skipped=(*classifiers_of(part), *left.values()),
        fresh=tuple(f"{name}.{ours}" for ours in left),
    )


def _misfit(
    path: Path, state: Mapping[str, Tensor], model: nn.Module, layout: Layout, report: LoadedWeights
) -> str:
    """Say on one line what does not fit, and what to do."""
    if not report.loaded and not report.misshapen:
        return (
            f"{path}: none of its {len(state)} entries belongs to this model "
            f"({fold_names(state)}): official weights are at {published_at(model)}"
        )
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    faults = [
        f"{title} {len(names)}: {fold_names(names)}"
        for title, names in (("missing", report.missing), ("unexpected", report.unexpected))
        if names
    ]
    if report.misshapen:
        listed = (
            f"{name} is {tuple(state[name].shape)}, the model's {shapes[layout.names[name]]}"
            for name in report.misshapen
        )
        faults.append(f"other shape {len(report.misshapen)}: {', '.join(listed)}")
    counts = class_counts(
        [(tuple(state[name].shape), shapes[layout.names[name]]) for name in report.misshapen]
    )
    if counts and not report.missing and not report.unexpected:
        remedy = f"it was trained for {counts[0]} classes, this model has {counts[1]}"
    else:
        remedy = (
            "give the file of this very model and its options, or one that holds some part of it "
            "whole to train --partial-weights"
        )
    return f"{path}: does not fit, read in the layout {layout.title}: {'; '.join(faults)}; {remedy}"


def class_counts(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> tuple[int, int] | None:
    """Return the two class counts if all pairs of shapes differ in one and the same first size."""
    if any(found[1:] != wanted[1:] for found, wanted in pairs):
        return None
    firsts = {(found[0], wanted[0]) for found, wanted in pairs if found and wanted}
    return firsts.pop() if len(firsts) == 1 else None
