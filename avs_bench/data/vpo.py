"""Reads a VPO dataset as `vpo-build` leaves it: manifest, pictures, masks and clips."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from avs_bench.data.example import UNKNOWN, AVSDataset, Example, Lookup, SoundSource
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.dataset.schema import IGNORE, SUBSETS, ClassRow, Sample, Subset


def read_vpo(folder: Path) -> AVSDataset:
    """Return the dataset in `folder`, e.g. `data/VPO/VPO-SS`, with every path in place.

    Raises InputError if the folder is missing, unfinished or edited, or names what no build writes.
    """
    manifest = read_manifest(folder)
    rows = manifest.meta.classes
    return AVSDataset(
        name=manifest.meta.name,
        folder=folder,
        classes=tuple(row.name for row in rows),
        mask_lookup=mask_lookup(rows),
        sha256=manifest.meta.manifest_sha256,
        subsets={subset: _examples(manifest, rows, subset) for subset in SUBSETS},
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


def _examples(manifest: Manifest, rows: Iterable[ClassRow], subset: Subset) -> tuple[Example, ...]:
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
