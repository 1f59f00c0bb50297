"""Checks a manifest as what it is: a file that anybody can have written.

Its seal is a plain sha256, so that a right seal says nothing of who made it. Ids are held against
their patterns, paths against those that the ids give, and numbers against what files can hold;
what passes names no place outside of the dataset and breaks nothing that reads it.
"""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

from vpo_builder.dataset.avsbench_trees import FRAMES, VIDEO_NAME
from vpo_builder.dataset.clip_ids import EXPECTED, alike_but_for_case, is_clip_id
from vpo_builder.dataset.faults import Fault
from vpo_builder.dataset.places import (
    MANIFEST,
    MS_HOME,
    SampleFiles,
    audio_folder,
    single_plus_files,
    vpo_files,
)
from vpo_builder.dataset.schema import IGNORE, ClassRow, ManifestMeta, Sample, Source

CLASS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _-]{0,60}", re.ASCII)
BACKGROUND = "background"
LARGEST_ID = 10**12 - 1  # file names hold twelve digits
LARGEST_HASH = 2**53 - 1  # AVSBench-Single+ hashes names to image ids that json keeps exactly
LARGEST_SIDE = 65_500  # what a JPEG can hold; a larger figure is a wrong one
LARGEST_AREA = 178_956_970  # pixels: what Pillow takes for a decompression bomb
LONGEST_GROUP = 100
SHOWN = 80  # characters of a foreign text in a message

T = TypeVar("T", bound=Hashable)


def meta_faults(meta: ManifestMeta) -> Iterator[str]:
    """Yield what is wrong with a meta record whose seal is right."""
    audio = audio_folder(meta.split)
    if meta.audio != audio:
        yield f"audio is {_short(meta.audio)}, expected {audio!r}, where its clips lie"
    for field in ("samples", "files"):
        if getattr(meta, field) < 0:
            yield f"{field} is {getattr(meta, field)}, expected a count"
    if meta.imported and meta.split == "avsbench-single-plus":
        yield "origin is 'published', which only copies of VPO have"
    yield from class_faults(meta.classes)


def class_faults(rows: Sequence[ClassRow]) -> Iterator[str]:
    """Yield what is wrong with a class table: names become folders, values lie in masks."""
    indices = [row.index for row in rows]
    if indices != list(range(len(rows))) or not rows or rows[0].name != BACKGROUND:
        yield (
            f"its class table has the indices {_short(sorted(indices))}: expected 0 (background), "
            "1, 2 and so on without a gap"
        )
    for row in rows:
        where = f"class {_short(row.name)}"
        if not CLASS_NAME.fullmatch(row.name):
            yield f"{where}: expected letters, digits, spaces, '_' and '-'"
        if not 0 <= row.mask_value < IGNORE or (row.mask_value == 0) != (row.name == BACKGROUND):
            yield f"{where}: mask_value {row.mask_value}, expected 1 to 254 and 0 for background"
        if len(row.group) > LONGEST_GROUP or not row.group.isprintable():
            yield f"{where}: group {_short(row.group)}, expected a short printable name"
    for twice in (_repeated(row.name for row in rows), _repeated(row.mask_value for row in rows)):
        for value in twice:
            yield f"its class table has {_short(value)} twice"


def sample_faults(meta: ManifestMeta, samples: Sequence[Sample]) -> Iterator[Fault]:
    """Yield what is wrong with samples: each fault names the manifest or the path it gives."""
    if meta.samples != len(samples):
        yield Fault(MANIFEST, f"{len(samples)} samples, the meta record counts {meta.samples}")
    ids = [sample.sample_id for sample in samples]
    if ids != sorted(ids):
        yield Fault(MANIFEST, "samples are not sorted by id")
    for sample_id, count in _repeated(ids).items():
        yield Fault(MANIFEST, f"sample id {_cut(sample_id)} occurs {count} times")
    classes = {row.name for row in meta.classes} - {BACKGROUND}
    single_plus = meta.split == "avsbench-single-plus"
    clips = {source.clip_id for s in samples for source in s.sources if not single_plus}
    for pair in alike_but_for_case(sorted(clips)):
        yield Fault(MANIFEST, f"clip ids {' and '.join(map(_short, pair))} differ in case alone")
    for sample in samples:
        where = f"sample {_cut(sample.sample_id)}"
        reasons = [*_number_faults(sample, single_plus), *_class_faults(sample, classes)]
        reasons += _frame_faults(sample) if single_plus else _clip_faults(sample)
        yield from (Fault(MANIFEST, f"{where}: {reason}") for reason in reasons)
        if sample.sources:
            yield from _path_faults(sample, where, _places(meta, sample))


def _number_faults(sample: Sample, single_plus: bool) -> Iterator[str]:
    largest = LARGEST_HASH if single_plus else LARGEST_ID
    if not 0 <= sample.image_id <= largest:
        yield f"image id {sample.image_id} is outside [0, {largest}]"
    sides = (sample.width, sample.height)
    if not all(1 <= side <= LARGEST_SIDE for side in sides) or sides[0] * sides[1] > LARGEST_AREA:
        yield (
            f"size {sample.width}x{sample.height}: expected sides in [1, {LARGEST_SIDE}] and at "
            f"most {LARGEST_AREA} pixels"
        )
    for source in sample.sources:
        if not 0.0 <= source.pan <= 1.0:
            yield f"pan {source.pan} is not in [0, 1]"
        if not 0 <= source.ann_id <= LARGEST_ID:
            yield f"annotation id {source.ann_id} is outside [0, {LARGEST_ID}]"
    if _repeated(source.ann_id for source in sample.sources):
        yield "an annotation sounds twice"


def _class_faults(sample: Sample, classes: set[str]) -> Iterator[str]:
    if not sample.sources:
        yield "no source"
    for source in sample.sources:
        if source.category not in classes:
            yield f"sounds {_short(source.category)}, which its class table lacks"
    for name in sample.silent:
        if name not in classes:
            yield f"names {_short(name)} as silent, which its class table lacks"


def _clip_faults(sample: Sample) -> Iterator[str]:
    for source in sample.sources:
        if not is_clip_id(source.clip_id):
            yield f"clip id {_short(source.clip_id)}: expected {EXPECTED}"


def _frame_faults(sample: Sample) -> Iterator[str]:
    """A frame of AVSBench-Single+ is named by its video and number, and its sound by the frame."""
    name, _, number = sample.sample_id.rpartition("_")
    numbers = [str(n) for n in range(1, FRAMES + 1)]
    if not VIDEO_NAME.fullmatch(name) or number not in numbers:
        yield f"expected a video's name, '_' and a frame from 1 to {FRAMES}"
    wanted = [(number, sample.sample_id)]
    if [(str(source.ann_id), source.clip_id) for source in sample.sources] != wanted:
        found = [(source.ann_id, source.clip_id) for source in sample.sources]
        yield f"its sources are {_short(found)}, expected its own frame's and sound"


def _places(meta: ManifestMeta, sample: Sample) -> list[SampleFiles]:
    """Return where a sample's files may lie: one place, or two for MSMI."""
    if meta.split == "avsbench-single-plus":
        return [single_plus_files(sample.sample_id)]
    first: Source = sample.sources[0]
    homes = ("", MS_HOME) if meta.split == "msmi" else ("",)
    return [
        vpo_files(meta.split, sample.image_id, first.category, first.ann_id, home) for home in homes
    ]


def _path_faults(sample: Sample, where: str, places: Sequence[SampleFiles]) -> Iterator[Fault]:
    found = SampleFiles(sample.sample_id, sample.image, sample.mask)
    if found in places:
        return
    if found.sample_id != places[0].sample_id:
        yield Fault(MANIFEST, f"{where}: its ids give it the name {_cut(places[0].sample_id)}")
    home = MS_HOME if sample.image.startswith(MS_HOME) else ""
    wanted = next((p for p in places if p.image.startswith(home)), places[0])
    for path, right in ((found.image, wanted.image), (found.mask, wanted.mask)):
        if path != right:
            outside = "lies outside of the dataset: " if _is_outside(path) else ""
            yield Fault(_cut(path), f"{outside}{where} should name it {_cut(right)}")


def _is_outside(path: str) -> bool:
    pure = PurePosixPath(path)
    return pure.is_absolute() or ".." in pure.parts


def _repeated(values: Iterable[T]) -> dict[T, int]:
    return {value: count for value, count in Counter(values).items() if count > 1}


def _short(value: object) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
