"""Reads a VPO dataset as `vpo-build` leaves it: manifest, pictures, masks and clips."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from avs_bench.data.example import UNKNOWN, AVSDataset, Example, Lookup, SeenObject, SoundSource
from vpo_builder.dataset.instances import (
    INSTANCES,
    Instance,
    decode_instances,
    decode_silent,
    pan_of,
)
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.dataset.schema import IGNORE, SUBSETS, ClassRow, Sample, Subset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular

_Outlines = tuple[Mapping[tuple[str, int], str], Mapping[str, tuple[Instance, ...]]]
"""The codes of sources by sample and annotation, and the silent twins of each sample."""


def read_vpo(folder: Path) -> AVSDataset:
    """Return the dataset in `folder`, e.g. `data/VPO/VPO-SS`, with every path in place.

    Raises InputError if the folder is missing, unfinished or edited, or names what no build writes.
    """
    manifest = read_manifest(folder)
    rows, outlines = manifest.meta.classes, _read_outlines(folder)
    return AVSDataset(
        name=manifest.meta.name,
        folder=folder,
        classes=tuple(row.name for row in rows),
        mask_lookup=mask_lookup(rows),
        sha256=manifest.meta.manifest_sha256,
        subsets={subset: _examples(manifest, rows, subset, outlines) for subset in SUBSETS},
        synthetic=manifest.meta.synthetic,
    )


def mask_lookup(rows: Iterable[ClassRow]) -> Lookup:
    """Return the table [256] from mask value to class index.

    A table, and not a replacement in place, because class indices and COCO ids overlap: the
    published loader turns every "car" (id 3 -> index 5) into "airplane" (id 5 -> index 1) when
    both occur (protocol §1).
    """
    lookup = np.full(256, UNKNOWN, dtype=np.uint8)
    lookup[IGNORE] = IGNORE
    for row in rows:
        lookup[row.mask_value] = row.index
    return lookup


def _examples(
    manifest: Manifest, rows: Iterable[ClassRow], subset: Subset, outlines: _Outlines
) -> tuple[Example, ...]:
    samples = [sample for sample in manifest.samples if sample.subset == subset]
    per_image = Counter(sample.image_id for sample in samples)
    class_index = {row.name: row.index for row in rows}
    return tuple(
        Example(
            example_id=sample.sample_id,
            image=manifest.folder / sample.image,
            mask=manifest.folder / sample.mask,
            height=sample.height,
            width=sample.width,
            sources=_sources(manifest, sample, class_index),
            groups=_groups(sample, per_image, imported=manifest.meta.imported),
            silent=tuple(class_index[name] for name in sample.silent),
            picture_id=str(sample.image_id),
            objects=_objects(sample, class_index, outlines),
        )
        for sample in samples
    )


def _sources(
    manifest: Manifest, sample: Sample, class_index: Mapping[str, int]
) -> tuple[SoundSource, ...]:
    return tuple(
        SoundSource(manifest.clip_path(s.clip_id), class_index[s.category], s.pan)
        for s in sample.sources
    )


def _read_outlines(folder: Path) -> _Outlines:
    """Return what `instances.jsonl` outlines; nothing where there is none."""
    path = folder / INSTANCES
    if not path.exists():
        return {}, {}
    try:
        data = read_regular(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    return decode_instances(data), decode_silent(data)


def _objects(
    sample: Sample, class_index: Mapping[str, int], outlines: _Outlines
) -> tuple[SeenObject, ...]:
    """Return the objects of a sample whose pixels are known: every source and twin, or none."""
    sources, silent = outlines
    codes = [sources.get((sample.sample_id, source.ann_id)) for source in sample.sources]
    found = []
    for source, counts in zip(sample.sources, codes, strict=True):
        if counts is None:
            return ()
        pan = _pan(sample, source.ann_id, counts)
        found.append(SeenObject(class_index[source.category], counts, pan, sounds=True))
    for twin in silent.get(sample.sample_id, ()):
        if twin.silent not in sample.silent:
            raise InputError(
                f"{INSTANCES}, annotation {twin.ann_id} of sample {sample.sample_id}: class "
                f"{str(twin.silent)[:80]!r} is not silent there: run vpo-data verify on its dataset"
            )
        pan = _pan(sample, twin.ann_id, twin.counts)
        found.append(SeenObject(class_index[str(twin.silent)], twin.counts, pan, sounds=False))
    return tuple(found)


def _pan(sample: Sample, ann_id: int, counts: str) -> float:
    try:
        return pan_of(counts, sample.height, sample.width)
    except ValueError as error:
        raise InputError(
            f"{INSTANCES}, annotation {ann_id} of sample {sample.sample_id}: {error}: run vpo-data "
            "verify on its dataset"
        ) from None


def _groups(sample: Sample, per_image: Mapping[int, int], *, imported: bool) -> dict[str, str]:
    """Say which parts of the subset a sample is scored with (protocol §2, SS and MS).

    Where every object that could sound does, the picture alone gives the answer away; where one
    picture comes with several sounds, nothing but the sound tells the masks apart. Of an import
    it is not known what could have sounded.
    """
    listening = {} if imported else {"listening": "some-silent" if sample.silent else "all-sound"}
    return {
        **listening,
        "picture": "counterfactual" if per_image[sample.image_id] > 1 else "single",
        "sources": str(len(sample.sources)),
    }
