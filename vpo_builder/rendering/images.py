"""Renders the images and masks of a plan, one task an image."""

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from vpo_builder.dataset.picture_hash import Hashes
from vpo_builder.records import ArchiveMember, Photo, PlannedSample, Reason, Rejection
from vpo_builder.rendering.mask import encode_png, encode_segmentation, merge_masks
from vpo_builder.rendering.published_picture import (
    SIDEWAYS,
    Change,
    orientation,
    published_picture,
)
from vpo_builder.runtime.regular_files import UnusableFileError, read_regular
from vpo_builder.runtime.tasks import Executor
from vpo_builder.runtime.whole_files import write_if_changed
from vpo_builder.sources.archives import read_member


@dataclass(frozen=True)
class MaskTask:
    """A mask file: undecoded segmentations and the value that each one's pixels get."""

    target: Path
    segmentations: tuple[bytes, ...]
    values: tuple[int, ...]


@dataclass(frozen=True)
class ImageTask:
    """An image to check and copy, byte for byte, and the masks to render for it."""

    photo: Photo
    source: Path | ArchiveMember
    targets: tuple[Path, ...]
    masks: tuple[MaskTask, ...]


@dataclass(frozen=True)
class ImageResult:
    """Why an image cannot be used, or the sha256 of every file it became, and what was changed.

    `outlines` holds, for each mask file, COCO's run-length code of every object in it; `hash` is
    the image's difference hash.
    """

    reason: Reason | None
    sha256: Mapping[Path, str]
    change: Change | None = None
    outlines: Mapping[Path, tuple[str, ...]] = field(default_factory=dict)
    hash: Hashes | None = None


@dataclass(frozen=True)
class _Usable:
    """The bytes to publish of an image, what is changed in them, and their difference hash."""

    data: bytes
    change: Change | None
    hash: Hashes


@dataclass(frozen=True)
class RenderedImages:
    """The samples whose image is whole, the images that are not, and every file's sha256.

    `notes` are lines for a person: how many pictures were changed; `outlines` are ImageResult's,
    and `hashes` those of every image file.
    """

    samples: list[PlannedSample]
    rejections: list[Rejection]
    sha256: Mapping[Path, str]
    notes: list[str]
    outlines: Mapping[Path, tuple[str, ...]]
    hashes: Mapping[Path, Hashes]


def render_images(
    samples: Sequence[PlannedSample],
    image_path: Callable[[Photo], Path | ArchiveMember],
    mask_values: Mapping[str, int],
    folder: Path,
    executor: Executor,
) -> RenderedImages:
    """Write the images and masks of `samples` into the dataset's folder.

    `image_path` tells where a photo's file lies, `mask_values` what a class is in a mask.
    """
    by_image: dict[int, list[PlannedSample]] = defaultdict(list)
    for planned in samples:
        by_image[planned.sample.image_id].append(planned)
    tasks = [
        _task(group, image_path(group[0].scene.photo), mask_values, folder)
        for group in by_image.values()
    ]
    results = executor(render_image, tasks, "images")
    rejections: list[Rejection] = []
    sha256: dict[Path, str] = {}
    hashes: dict[Path, Hashes] = {}
    for task, result in zip(tasks, results, strict=True):
        sha256.update(result.sha256)
        if result.hash is not None:
            hashes |= dict.fromkeys(task.targets, result.hash)
        if result.reason is not None:
            rejections.append(Rejection("image", str(task.photo.id), result.reason))
    unusable = {rejection.record for rejection in rejections}
    whole = [planned for planned in samples if str(planned.sample.image_id) not in unusable]
    changes = Counter(result.change for result in results if result.change is not None)
    notes = [f"{count} pictures {change}" for change, count in sorted(changes.items())]
    outlines = {mask: codes for result in results for mask, codes in result.outlines.items()}
    return RenderedImages(whole, rejections, sha256, notes, outlines, hashes)


def _task(
    group: Sequence[PlannedSample],
    source: Path | ArchiveMember,
    mask_values: Mapping[str, int],
    folder: Path,
) -> ImageTask:
    """Return the task of one image: a test image of SS has several samples."""
    masks = tuple(
        MaskTask(
            folder / planned.sample.mask,
            tuple(bytes(candidate.mask.segmentation) for candidate in planned.scene.sounding),
            tuple(mask_values[candidate.category] for candidate in planned.scene.sounding),
        )
        for planned in group
    )
    targets = sorted({folder / planned.sample.image for planned in group})
    return ImageTask(group[0].scene.photo, source, tuple(targets), masks)


def render_image(task: ImageTask) -> ImageResult:
    """Write an image and its masks, or return why the image cannot be used."""
    try:
        if isinstance(task.source, Path):
            source = read_regular(task.source)
        else:
            source = read_member(task.source)
    except FileNotFoundError:
        return ImageResult(Reason.IMAGE_MISSING, {})
    except (UnusableFileError, ValueError):
        return ImageResult(Reason.IMAGE_CORRUPT, {})
    checked = _checked(source, task.photo)
    if isinstance(checked, Reason):
        return ImageResult(checked, {})
    files = dict.fromkeys(task.targets, checked.data)
    outlines = {}
    for mask in task.masks:
        codes = [
            encode_segmentation(segmentation, task.photo.height, task.photo.width)
            for segmentation in mask.segmentations
        ]
        files[mask.target] = encode_png(merge_masks(codes, mask.values))
        outlines[mask.target] = tuple(code["counts"].decode("ascii") for code in codes)
    for path, content in files.items():
        write_if_changed(path, content)
    hashes = {path: _sha256(content) for path, content in files.items()}
    return ImageResult(None, hashes, checked.change, outlines, checked.hash)


def _checked(data: bytes, photo: Photo) -> Reason | _Usable:
    """Return why a file cannot be used, or what is to be published for it.

    Decodes it once, for its hash: at a part of the size, which reads every byte all the same.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.size != (photo.width, photo.height):
                return _other_size(image, photo)
            return _Usable(*published_picture(data, image))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return Reason.IMAGE_CORRUPT


def _other_size(image: Image.Image, photo: Photo) -> Reason:
    """Return why a picture of another size than its masks cannot be used.

    Who draws masks on a picture as Exif turns it has its sides the other way round.
    """
    turned = image.size == (photo.height, photo.width) and orientation(image) in SIDEWAYS
    return Reason.IMAGE_TURNED if turned else Reason.IMAGE_SIZE_DIFFERS


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
