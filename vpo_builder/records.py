"""The records that pass between the stages of a build; what is published is in schema.py.

Those that COCO and VGGSound give by the ten thousand are structs that the cycle collector does not
look at (they are frozen and hold no cycle): made in an eighth of a dataclass's time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

import msgspec

from vpo_builder.dataset.schema import Sample, Subset
from vpo_builder.dataset.sound_credits import SoundCredit
from vpo_builder.dataset.untrusted import LARGEST_ID

ListedId = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]
"""An id in a list of COCO's shape, checked while the list is decoded."""
Home = Literal["train", "val", "test", "divided"]
"""What a list of images is for: train gives val too, and a divided one all three subsets."""


class Reason(StrEnum):
    """Why an image, an object or a clip is not in the dataset."""

    NO_SOUNDING_OBJECT = "no_sounding_object"
    REPEATED_INSTANCES = "repeated_instances"
    NOT_EXHAUSTIVE = "annotated_in_part"
    CROWD = "crowd"
    PERSON_AMBIGUOUS = "person_ambiguous"
    NO_ELIGIBLE_OBJECT = "no_eligible_object"
    NO_ELIGIBLE_REPEAT = "no_eligible_repeat"
    ONE_CLASS_ONLY = "one_class_only"
    OVER_LIMIT = "over_limit"
    IMAGE_MISSING = "image_missing"
    IMAGE_CORRUPT = "image_corrupt"
    IMAGE_SIZE_DIFFERS = "image_size_differs"
    IMAGE_TURNED = "image_turned_by_exif"
    IMAGE_IN_TWO_SUBSETS = "image_in_two_subsets"
    EXCLUDED = "excluded_by_list"
    NEAR_DUPLICATE = "near_duplicate"

    WITHOUT_AREA = "annotation_without_area"
    BROKEN_MASK = "annotation_broken_mask"
    ANNOTATION_DIFFERS = "annotation_differs"
    ANNOTATION_MISSING = "annotation_missing"
    IMAGE_DROPPED = "image_dropped"
    IMAGE_NOT_LISTED = "image_not_listed"
    TOO_SMALL = "too_small"
    HIDDEN = "hidden_by_smaller_ones"
    NO_CLIP_FOR_CLASS = "class_without_clips"

    VIDEO_MISSING = "video_missing"
    AUDIO_MISSING = "audio_missing"
    MASK_MISSING = "mask_missing"
    MASK_CORRUPT = "mask_corrupt"
    MASK_EMPTY = "mask_empty"

    MASK_SIZE_DIFFERS = "mask_size_differs"
    MASK_OF_NO_CLASS = "mask_value_of_no_class"
    MASK_OF_OTHERS = "mask_not_of_its_sources"

    ROW_UNUSABLE = "row_unusable"
    ROW_TWICE = "listed_twice"
    ROW_IN_TWO_SUBSETS = "listed_in_two_subsets"

    CLIP_VANISHED = "clip_vanished"
    CLIP_IN_BOTH_SPLITS = "clip_in_both_splits"
    CLIP_UNDECODABLE = "clip_undecodable"
    CLIP_TRUNCATED = "clip_truncated"
    CLIP_TOO_SHORT = "clip_too_short"
    CLIP_TOO_LONG = "clip_too_long"
    CLIP_SILENT = "clip_silent"
    CLIP_CLIPPED = "clip_clipped"
    CLIP_INAUDIBLE = "clip_label_inaudible"
    CLIP_IN_TWO_SUBSETS = "clip_in_two_subsets"
    CLIP_NOT_LISTED = "clip_not_listed"
    CLIP_OF_SEVERAL = "clip_of_several_classes"


DAMAGE = frozenset(
    {
        Reason.IMAGE_MISSING,
        Reason.IMAGE_CORRUPT,
        Reason.IMAGE_SIZE_DIFFERS,
        Reason.IMAGE_TURNED,
        Reason.WITHOUT_AREA,
        Reason.BROKEN_MASK,
        Reason.VIDEO_MISSING,
        Reason.AUDIO_MISSING,
        Reason.MASK_MISSING,
        Reason.MASK_CORRUPT,
        Reason.CLIP_UNDECODABLE,
        Reason.CLIP_TRUNCATED,
        Reason.CLIP_TOO_SHORT,
        Reason.CLIP_TOO_LONG,
        Reason.CLIP_SILENT,
        Reason.CLIP_CLIPPED,
    }
)
"""What `--strict` stops at. A vanished clip is not among it: a fifth of VGGSound is gone."""


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """A record that a rule or a fault kept out: its kind, id and why.

    Kinds are image, object and clip, for AVSBench video and frame, and for what is imported row
    (its line in the list), sample and clip.
    """

    kind: str
    record: str
    reason: Reason
    detail: str = ""


class Photo(msgspec.Struct, frozen=True, gc=False):
    """A row of COCO's `images`; width and height in pixels.

    LVIS names the file by `coco_url` alone. It lists the categories of which the picture shows
    more objects than are annotated, and, beside those that are annotated, the categories of which
    it shows none; nobody looked for any other.
    """

    id: ListedId
    width: int
    height: int
    file_name: str = ""
    license: int | None = 0
    coco_url: str | None = ""
    flickr_url: str | None = ""
    not_exhaustive_category_ids: tuple[int, ...] | None = ()
    neg_category_ids: tuple[int, ...] | None = None


class ObjectMask(msgspec.Struct, frozen=True, gc=False):
    """A row of COCO's `annotations`; `segmentation` is the undecoded json, area in pixels.

    Other producers leave out what has a default here. No area is that of the mask.
    """

    id: ListedId
    image_id: Annotated[int, msgspec.Meta(ge=-(10**18), le=10**18)]  # so that 64 bits hold it
    category_id: int
    area: float | None = None
    iscrowd: bool | int | None = 0
    segmentation: msgspec.Raw = msgspec.Raw(b"")


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """A file in an archive; `offset` is where its bytes begin in a tar, -1 in a zip."""

    archive: Path
    path: str
    size: int
    offset: int

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return PurePosixPath(self.path).name

    @property
    def stem(self) -> str:
        """The file's name without folders and ending."""
        return PurePosixPath(self.path).stem

    @property
    def suffix(self) -> str:
        """The file's ending, with its dot."""
        return PurePosixPath(self.path).suffix


CLIP_SECONDS = 10  # VGGSound's


class ClipRow(msgspec.Struct, frozen=True, gc=False):
    """A row of VGGSound's csv; `split` is VGGSound's own, train or test."""

    youtube_id: str
    start: int
    label: str
    split: str

    @property
    def clip_id(self) -> str:
        """The name of the clip in the published layout."""
        return f"{self.youtube_id}_{self.start:06d}"

    @property
    def file_stems(self) -> tuple[str, str]:
        """The two ways in which folders of VGGSound name this clip's file."""
        end = self.start + CLIP_SECONDS
        return self.clip_id, f"{self.youtube_id}_{1000 * self.start}_{1000 * end}"

    @property
    def group(self) -> str:
        """What may not cross subsets with it: the video."""
        return self.youtube_id

    @property
    def labels(self) -> tuple[str, ...]:
        """Its label, as the only one."""
        return (self.label,)

    @property
    def begins(self) -> None:
        """Where it begins in its recording, which holds it alone."""
        return


class SoundRow(msgspec.Struct, frozen=True, gc=False):
    """A clip of any other list: `begins` seconds into its recording.

    `labels` are all that may be told of it, those of class tables among them; `split` is train,
    test, or "" where the group's hash decides.
    """

    clip_id: str
    group: str
    labels: tuple[str, ...]
    split: str
    begins: float = 0.0


@dataclass(frozen=True)
class Sounds:
    """The rows whose label is wanted, where their recordings are, and all rows by label.

    `credits` tell whose the recordings are that are not VGGSound's; `inputs` maps each list to
    its sha256; `packed` are archives to read from their beginning, where nothing else is there.
    """

    rows: tuple[ClipRow | SoundRow, ...]
    paths: Mapping[str, Path | ArchiveMember]
    label_counts: Mapping[str, int]
    inputs: Mapping[str, str]
    credits: Mapping[str, SoundCredit] = field(default_factory=dict)
    packed: tuple[Path, ...] = ()


class Clip(msgspec.Struct, frozen=True, gc=False):
    """A clip whose label sounds like a class.

    `path` is None when it has no file: it has vanished, or if `fetchable` it may yet come. It is
    the whole recording, or `begins` so many seconds into it.
    """

    clip_id: str
    category: str
    subset: Subset
    path: Path | ArchiveMember | None
    fetchable: bool = False
    begins: float | None = None


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """An object that could sound: its mask and the class it has in this dataset."""

    mask: ObjectMask
    category: str


class Candidates(msgspec.Struct, frozen=True, gc=False):
    """An image that the rules keep, with the objects that are large enough to sound."""

    photo: Photo
    subset: Subset
    objects: tuple[Candidate, ...]
    repeated: bool


class Scene(msgspec.Struct, frozen=True, gc=False):
    """An image with the objects chosen to sound in it, before each has its clip."""

    photo: Photo
    subset: Subset
    sounding: tuple[Candidate, ...]
    silent: tuple[Candidate, ...]
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class PlannedSample:
    """A sample with the scene it shows; `sample.sources[i]` is the scene's `sounding[i]`."""

    sample: Sample
    scene: Scene


class PersonDecision(msgspec.Struct, frozen=True, gc=False):
    """What an image's captions say of its persons, word by word, so that one can check it."""

    image_id: int
    verdict: str
    captions: tuple[tuple[str, tuple[str, ...]], ...]
