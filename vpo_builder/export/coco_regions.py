"""The regions of a sample: an outline for each source where it is kept, else one for each class.

MSMI keeps the outline of every source in `instances.jsonl`. A mask file alone cannot tell two
objects of a class apart: their region is then a crowd, as COCO calls it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from vpo_builder.dataset.instances import INSTANCES, decode_instances
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.media_files import OwnFiles
from vpo_builder.dataset.schema import Sample, Source
from vpo_builder.rendering.mask import BrokenMaskError, encode_segmentation, merge_masks
from vpo_builder.runtime.errors import InputError

Outlines = Mapping[tuple[str, int], str]
"""The run-length code of a source's outline by (sample id, annotation id)."""
Groups = Sequence[tuple[int, tuple[Source, ...]]]
"""The mask value and the sources of each region of a sample."""


@dataclass(frozen=True)
class Region:
    """Pixels that sound: a run-length code of pycocotools, its mask value, and whose they are."""

    value: int
    code: dict[str, Any]
    sources: tuple[Source, ...]

    @property
    def is_crowd(self) -> bool:
        """Whether it holds several objects that nothing tells apart."""
        return len(self.sources) > 1


def read_outlines(manifest: Manifest, files: OwnFiles) -> Outlines:
    """Return the outlines that a dataset keeps, none if it has no `instances.jsonl`."""
    path = manifest.folder / INSTANCES
    return files.load(path, decode_instances) if files.lists(path) else {}


def group_sources(sample: Sample, values: Mapping[str, int], outlines: Outlines) -> Groups:
    """Return mask value and sources of each region, by value, then in the order of the sources."""
    ordered = sorted(sample.sources, key=lambda source: values[source.category])
    if all((sample.sample_id, source.ann_id) in outlines for source in ordered):
        return [(values[source.category], (source,)) for source in ordered]
    by_value: dict[int, list[Source]] = {}
    for source in ordered:
        by_value.setdefault(values[source.category], []).append(source)
    return [(value, tuple(sources)) for value, sources in by_value.items()]


def draw_regions(
    folder: Path, sample: Sample, groups: Groups, mask: npt.NDArray[np.uint8], outlines: Outlines
) -> list[Region]:
    """Return the regions of a sample's groups.

    Raises InputError for outlines that do not draw the mask; `folder` is the dataset's.
    """
    where = f"{folder / INSTANCES}: sample {sample.sample_id}"
    regions = []
    for value, sources in groups:
        counts = outlines.get((sample.sample_id, sources[0].ann_id))
        try:
            if counts is None:
                code = dict(coco_mask.encode(np.asfortranarray(mask == value)))
            else:
                told = msgspec.json.encode({"size": mask.shape, "counts": counts})
                code = encode_segmentation(told, *mask.shape)
        except BrokenMaskError as error:
            raise InputError(
                f"{where}: the outline of annotation {sources[0].ann_id} cannot be drawn: {error}: "
                "build the dataset again"
            ) from None
        regions.append(Region(value, code, sources))
    seen = np.array([0, *(region.value for region in regions)], np.uint8)
    if not np.array_equal(seen[paint(regions)], mask):
        raise InputError(f"{where}: its outlines do not give its mask: build the dataset again")
    return regions


def paint(regions: Sequence[Region]) -> npt.NDArray[np.uint8]:
    """Return [H, W] with the place of the region seen, counted from 1; the smaller is on top."""
    return merge_masks([region.code for region in regions], range(1, len(regions) + 1))
