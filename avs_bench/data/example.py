"""The one form that every dataset, whatever its published layout, is read into."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.figure import Family
from vpo_builder.schema import Subset

Lookup = NDArray[np.uint8]

UNKNOWN = 254
"""Entry of `AVSDataset.mask_lookup` for a mask value that is no class (255 stays "ignore")."""


@dataclass(frozen=True, slots=True)
class SoundSource:
    """A sounding object: its clip (16 kHz mono wav), class index and pan in [0, 1], 0 left."""

    clip: Path
    class_index: int
    pan: float


@dataclass(frozen=True, slots=True)
class Example:
    """One picture with what is heard in it; files are named here and read later.

    `example_id` is unique in the dataset and seeds the example's augmentation; `height` and
    `width` are pixels of both files; `groups` maps a kind to the example's part of it, such as
    "listening" to "some-silent", and scores are reported for each part as well. `silent` are the
    class indices of what is seen and could sound but does not, where the dataset says so.
    Examples of one picture share a `picture_id`; None means that the picture is in no other.
    """

    example_id: str
    image: Path
    mask: Path
    height: int
    width: int
    sources: tuple[SoundSource, ...]
    groups: Mapping[str, str]
    silent: tuple[int, ...] = ()
    picture_id: str | None = None

    @property
    def unit(self) -> str:
        """What scores are resampled by: samples of one picture are not independent."""
        return self.picture_id or self.example_id


@dataclass(frozen=True)
class AVSDataset:
    """The examples of a dataset by subset, in a fixed order.

    `classes[i]` is the name of class index i, background first; `mask_lookup` [256] maps a
    mask's pixel value to its class index; `sha256` is the fingerprint of everything listed;
    `family` is how its papers score it: "dataset" for VPO and Single+, "video" for S4 and MS3,
    whose videos are the examples' units, "frame" for AVSS (protocol §4). A `synthetic` one is drawn
    and not photographed.
    """

    name: str
    folder: Path
    classes: tuple[str, ...]
    mask_lookup: Lookup
    sha256: str
    subsets: dict[Subset, tuple[Example, ...]]
    family: Family = "dataset"
    synthetic: bool = False
