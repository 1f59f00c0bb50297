"""Loading weights by name: published checkpoints, ImageNet backbones, VGGish and our own."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from avs_bench.checkpoints.published_names import (
    NAMINGS,
    dead_entries,
    other_network,
    published_names,
)
from avs_bench.checkpoints.state_dicts import StateDict, read_state_dict
from avs_bench.models.protocol import official_of, parts_of
from vpo_builder.runtime.errors import InputError

# Where the authors put their files; read in their READMEs, none is ours to pass on.
PUBLISHED_AT = {
    "CAVP": "github.com/cyh-0/CAVP, README, Results (AVSBench at 224 pixels)",
    "TPAVI": "github.com/OpenNLPLab/AVSBench, README (backbones only: ResNet-50, PVTv2-b5, VGGish)",
    "AVSegFormer": "github.com/vvvb-github/AVSegFormer, README, since 2023-08-14 (512 pixels)",
    "VGGish": "github.com/harritaylor/torchvggish, release v0.1, vggish-10086976.pth",
    "ResNet, plain stem": "download.pytorch.org/models/resnet50-0676ba61.pth",
    "ResNet, deep stem": "github.com/charlesCXK/TorchSemiSeg, Getting started, resnet50_v1c.pth "
    "and resnet101_v1c.pth",
    "HRNetV2-w48": "github.com/HRNet/HRNet-Image-Classification, README, HRNet-W48-C",
    "PVTv2-b5": "github.com/whai362/PVT, release v2, pvt_v2_b5.pth",
}

# What ImageNet checkpoints hold behind the part that serves as a backbone.
CLASSIFIERS: dict[str, tuple[str, ...]] = {
    "ResNet, plain stem": ("fc.",),
    "ResNet, deep stem": ("fc.",),
    "HRNetV2-w48": ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier."),
    "PVTv2-b5": ("head.",),
}
COUNTER = "num_batches_tracked"  # absent from old files; only a norm without momentum reads it


@dataclass(frozen=True)
class Layout:
    """A way of naming a model's entries: `names` maps a file's names to ours.

    `skipped` are names, or beginnings of names that end in a dot, of what is read past.
    """

    title: str
    names: Mapping[str, str]
    skipped: tuple[str, ...] = ()

    def skips(self, name: str) -> bool:
        """Whether an entry of a file is read past."""
        return any(
            name.startswith(skipped) if skipped.endswith(".") else name == skipped
            for skipped in self.skipped
        )


@dataclass(frozen=True)
class LoadedWeights:
    """What a file gave: the layout it was read in and, by the file's names, what did not fit.

    `untouched` names the model's parts of which nothing was loaded, such as everything but the
    backbone after an ImageNet file.
    """

    layout: str
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]
    untouched: tuple[str, ...]

    def summary(self, path: Path) -> str:
        """Return what was loaded from `path` on one line."""
        parts = [f"{path}: {len(self.loaded)} entries loaded, layout {self.layout}"]
        for title in ("missing", "unexpected", "misshapen"):
            names = getattr(self, title)
            if names:
                parts.append(f"{title} {len(names)}: {fold_names(names)}")
        if self.untouched:
            parts.append(f"not in it: {', '.join(self.untouched)}")
        return "; ".join(parts)


def load_weights(model: nn.Module, path: Path, *, partial: bool = False) -> LoadedWeights:
    """Load a file's weights into `model` by name, whichever known layout fits best.

    Known are our names, the published ones, those of an ImageNet backbone (then only the
    backbone is loaded) and VGGish's (only the frozen audio encoder). Dead entries of published
    files are dropped. Raises InputError listing every missing, unexpected and misshapen entry,
    before anything is changed, unless `partial`: then what fits is loaded, at least one entry.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file: official weights are at {published_at(model)}")
    state = read_state_dict(path)
    other = other_network(model, state)
    if other:
        raise InputError(f"{path}: holds {other}: give one of those at {published_at(model)}")
    layout = max(layouts(model), key=lambda layout: sum(name in layout.names for name in state))
    fitting, report = match(model, state, layout)
    faulty = report.missing or report.unexpected or report.misshapen
    if (faulty and not partial) or not fitting:
        raise InputError(_misfit(path, state, model, layout, report))
    model.load_state_dict(fitting, strict=False)
    return report


def published_at(model: nn.Module) -> str:
    """Return where the official weights of a model and of its parts are."""
    keys = (official_of(module) for module in (model, *parts_of(model).values()))
    return "; ".join(f"{key}: {PUBLISHED_AT[key]}" for key in keys if key in PUBLISHED_AT)


def layouts(model: nn.Module) -> list[Layout]:
    """Return every way in which a file may name what `model` holds, our own first."""
    ours = list(model.state_dict())
    found = [Layout("our own", {name: name for name in ours}, _classifier_of(model))]
    if official_of(model) in NAMINGS:
        published = {theirs: name for name, theirs in published_names(model).items()}
        found.append(Layout("published", published, tuple(dead_entries(model))))
    found += (_part(name, part, ours) for name, part in parts_of(model).items())
    return found


def match(
    model: nn.Module, state: Mapping[str, Tensor], layout: Layout
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
    touched = {layout.names[name].split(".")[0] for name in state if name in layout.names}
    untouched = [n for n, part in model.named_children() if part.state_dict() and n not in touched]
    report = LoadedWeights(
        layout.title, tuple(fitting), tuple(missing), tuple(unexpected), tuple(misshapen),
        tuple(untouched),
    )  # fmt: skip
    return fitting, report


def _part(name: str, part: nn.Module, ours: list[str]) -> Layout:
    prefix = f"{name}."
    names = {n.removeprefix(prefix): n for n in ours if n.startswith(prefix)}
    title = f"{type(part).__name__} (the {name} alone)"
    return Layout(title, names, _classifier_of(part))


def _classifier_of(module: nn.Module) -> tuple[str, ...]:
    return CLASSIFIERS.get(official_of(module), ())


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
        remedy = "give the file of this very model and its options, or ask for a partial load"
    return f"{path}: does not fit, read in the layout {layout.title}: {'; '.join(faults)}; {remedy}"


def class_counts(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> tuple[int, int] | None:
    """Return the two class counts if all pairs of shapes differ in one and the same first size."""
    if any(found[1:] != wanted[1:] for found, wanted in pairs):
        return None
    firsts = {(found[0], wanted[0]) for found, wanted in pairs if found and wanted}
    return firsts.pop() if len(firsts) == 1 else None


Tree = dict[str, Any]


def fold_names(names: Iterable[str]) -> str:
    """Return dotted names sorted and folded as a shell would unfold them.

    >>> fold_names(["a.0.weight", "a.1.weight", "a.0.bias", "a.1.bias", "b"])
    'a.{0,1}.{bias,weight}, b'
    """
    tree: Tree = {}
    for name in sorted(set(names)):
        node = tree
        for part in name.split("."):
            node = node.setdefault(part, {})
    return ", ".join(_branches(tree))


def _branches(tree: Tree) -> list[str]:
    """Return each distinct subtree once, behind the names of all siblings that have it."""
    owners: dict[str, list[str]] = {}
    for name, subtree in tree.items():
        owners.setdefault(_braced(_branches(subtree)), []).append(name)
    return [
        f"{_braced(sorted(siblings, key=_numbers_first))}{'.' if below else ''}{below}"
        for below, siblings in owners.items()
    ]


def _braced(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{{{','.join(parts)}}}" if parts else ""


def _numbers_first(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() else (1 << 31, name)
