"""The records that a finished dataset is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from msgspec import UNSET, UnsetType

Split = Literal["ss", "ms", "msmi", "avsbench-single-plus"]
Subset = Literal["train", "val", "test"]
Origin = Literal["published"]
"""Where samples come from that no build of ours chose: somebody's published copy, imported."""

SPLITS: tuple[Split, ...] = get_args(Split)
SUBSETS: tuple[Subset, ...] = get_args(Subset)

SPLIT_NAMES: Mapping[Split, str] = {
    "ss": "VPO-SS",
    "ms": "VPO-MS",
    "msmi": "VPO-MSMI",
    "avsbench-single-plus": "AVSBench-Single+",
}
"""The name of each split in its papers, by which published rows are found too."""

OF_OTHER_SOURCES = " of other sources"
OTHER_INPUTS = ("images/", "sounds/")
"""How the inputs begin that are not COCO's and VGGSound's."""

SCHEMA_VERSION = 1
VPO_CSV_COLUMNS = (
    "img_Id",
    "ann_Ids",
    "cateName",
    "cateId",
    "vgg_file",
    "split",
    "audio_pos",
    "multi_instance",
)
"""Header of the published `vpo_*_data_stereo.csv` (protocol §2)."""

IGNORE = 255
"""Mask value that no loss and no metric counts."""


@dataclass(frozen=True, slots=True)
class Source:
    """A sounding object of a sample.

    `category` is a class name of the table; `ann_id` the COCO annotation; `clip_id`
    `<youtube id>_<start second:06d>`; `pan` the horizontal centre of the mask's bounding box
    over the image width, in [0, 1], 0 being left (protocol §2). In AVSBench-Single+ `ann_id` is
    the frame's number in its video, counted from 1, `clip_id` the sample's id, and pan 0.5.
    """

    category: str
    ann_id: int
    clip_id: str
    pan: float


@dataclass(frozen=True, slots=True)
class Sample:
    """One image with the objects that sound in it.

    `image` and `mask` are POSIX paths relative to the dataset's folder; `width` and `height` are
    pixels; `silent` names the class of every object that could have sounded and does not, so
    that "some silent" can be told from "all sound". Samples that share `image_id` are
    counterfactuals of each other; it is COCO's, and a hash of the name in AVSBench-Single+.
    """

    sample_id: str
    subset: Subset
    image_id: int
    image: str
    mask: str
    width: int
    height: int
    sources: tuple[Source, ...]
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClassRow:
    """A class of a dataset: its index in predictions, its name and its value in mask files."""

    index: int
    name: str
    mask_value: int
    group: str


@dataclass(frozen=True, slots=True)
class ManifestMeta:
    """What a manifest was made from, enough to make it again.

    `audio` is the folder of the clips relative to the dataset's folder; `inputs` maps each input
    to its sha256; `funnel` maps stage, then outcome, to a count; `files` is the number of files
    in SHA256SUMS and `checksums_sha256` the hash of that list; `manifest_sha256` is the hash of
    manifest.jsonl and `sha256` that of this record with `sha256` empty. `origin` is written only
    for what was imported: its rules are its authors', and what else could have sounded in a
    picture is not known.
    """

    schema_version: int
    split: Split
    classes: tuple[ClassRow, ...]
    seed: int
    audio: str
    synthetic: bool
    config: dict[str, Any]
    inputs: dict[str, str]
    funnel: dict[str, dict[str, int]]
    decoders: dict[str, str]
    samples: int
    files: int
    checksums_sha256: str
    manifest_sha256: str
    sha256: str = ""
    origin: Origin | UnsetType = UNSET

    @property
    def name(self) -> str:
        """What to call the dataset: as its papers do, if it is made of what theirs is made of.

        Figures of others cannot stand beside those of another set of pictures or of recordings.
        """
        others = any(name.startswith(OTHER_INPUTS) for name in self.inputs)
        return SPLIT_NAMES[self.split] + OF_OTHER_SOURCES * others

    @property
    def imported(self) -> bool:
        """Whether others chose the samples."""
        return self.origin == "published"
