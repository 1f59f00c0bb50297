"""Compares two builds by their manifests and checksums: no image or clip is opened."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.dataset.schema import Sample, Source
from vpo_builder.runtime.errors import InputError
from vpo_builder.verify.listing import read_checksums


class ChangeKind(StrEnum):
    """What is different about a sample."""

    ADDED = "added"
    REMOVED = "removed"
    MOVED = "moved"
    SOURCES = "other objects sound"
    REPAIRED = "re-paired"
    PAN = "pan changed"
    IMAGE = "image changed"
    MASK = "mask changed"
    AUDIO = "audio changed"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; `detail` says from what to what."""

    sample_id: str
    kind: ChangeKind
    detail: str = ""


@dataclass(frozen=True)
class Comparison:
    """The changes from `first` to `second`, sorted by sample.

    `shared_sources` counts the objects that sound in both, `repaired_sources` those of them that
    play another clip.
    """

    first: Path
    second: Path
    changes: tuple[Change, ...]
    unchanged: int
    shared_sources: int
    repaired_sources: int


@dataclass(frozen=True)
class _Build:
    manifest: Manifest
    checksums: Mapping[str, str]

    def sound(self, source: Source) -> str | None:
        return self.checksums.get(self.manifest.clip(source.clip_id))


def compare(first: Path, second: Path) -> Comparison:
    """Return what changed from the dataset in `first` to that in `second`.

    Raises InputError for an unfinished or edited dataset, and for two of different splits.
    """
    before, after = _read(first), _read(second)
    splits = before.manifest.meta.split, after.manifest.meta.split
    if splits[0] != splits[1]:
        raise InputError(f"{first} is {splits[0]} and {second} is {splits[1]}: give two of a split")
    old = {sample.sample_id: sample for sample in before.manifest.samples}
    new = {sample.sample_id: sample for sample in after.manifest.samples}
    shared = sorted(old.keys() & new.keys())
    changes = [Change(name, ChangeKind.ADDED) for name in new.keys() - old.keys()]
    changes += [Change(name, ChangeKind.REMOVED) for name in old.keys() - new.keys()]
    for name in shared:
        changes += _sample_changes(old[name], new[name], before, after)
    pairs = [pair for name in shared for pair in _shared_sources(old[name], new[name])]
    changed = {change.sample_id for change in changes}
    return Comparison(
        first,
        second,
        tuple(sorted(changes, key=lambda change: (change.sample_id, change.kind, change.detail))),
        unchanged=sum(name not in changed for name in shared),
        shared_sources=len(pairs),
        repaired_sources=sum(a.clip_id != b.clip_id for a, b in pairs),
    )


def format_comparison(comparison: Comparison) -> Iterator[str]:
    """Yield one line for each change, then the counts."""
    for change in comparison.changes:
        detail = f": {change.detail}" if change.detail else ""
        yield f"{change.sample_id} {change.kind}{detail}"
    counts = Counter(change.kind for change in comparison.changes)
    named = ", ".join(f"{counts[kind]} {kind}" for kind in ChangeKind if counts[kind])
    yield f"{named or 'no difference'}; {comparison.unchanged} samples are the same"
    if comparison.repaired_sources:
        share = 100 * comparison.repaired_sources / comparison.shared_sources
        yield (
            f"{comparison.repaired_sources} of {comparison.shared_sources} sources that sound in "
            f"both play another clip ({share:.1f} %)"
        )


def _read(folder: Path) -> _Build:
    manifest = read_manifest(folder)
    checksums, faults = read_checksums(folder, manifest.meta)
    if faults:
        reason = f"{faults[0].path}: {faults[0].reason}"
        raise InputError(f"{folder}: {reason}; run vpo-data verify {folder}")
    return _Build(manifest, checksums)


def _sample_changes(old: Sample, new: Sample, before: _Build, after: _Build) -> Iterator[Change]:
    name = old.sample_id
    if old.subset != new.subset:
        yield Change(name, ChangeKind.MOVED, f"{old.subset} → {new.subset}")
    objects = [sorted(source.ann_id for source in sample.sources) for sample in (old, new)]
    if objects[0] != objects[1]:
        yield Change(name, ChangeKind.SOURCES, " → ".join(map(_listed, objects)))
    for a, b in _shared_sources(old, new):
        where = f"{a.category} {a.ann_id}"
        if a.clip_id != b.clip_id:
            yield Change(name, ChangeKind.REPAIRED, f"{where}: {a.clip_id} → {b.clip_id}")
        elif before.sound(a) != after.sound(b):
            yield Change(name, ChangeKind.AUDIO, f"{where}: {a.clip_id}")
        if a.pan != b.pan:
            yield Change(name, ChangeKind.PAN, f"{where}: {a.pan} → {b.pan}")
    if before.checksums.get(old.image) != after.checksums.get(new.image):
        yield Change(name, ChangeKind.IMAGE)
    if before.checksums.get(old.mask) != after.checksums.get(new.mask):
        yield Change(name, ChangeKind.MASK)


def _shared_sources(old: Sample, new: Sample) -> Iterator[tuple[Source, Source]]:
    later = {source.ann_id: source for source in new.sources}
    for source in old.sources:
        if source.ann_id in later:
            yield source, later[source.ann_id]


def _listed(ids: list[int]) -> str:
    return ", ".join(map(str, ids))
