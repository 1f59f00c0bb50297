"""Renders the images and masks of a plan, one task an image."""

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from vpo_builder.records import Photo, PlannedSample, Reason, Rejection
from vpo_builder.rendering.mask import encode_png, encode_segmentation, merge_masks
from vpo_builder.runtime.tasks import Executor
from vpo_builder.runtime.whole_files import write_if_changed


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
    source: Path
    targets: tuple[Path, ...]
    masks: tuple[MaskTask, ...]


@dataclass(frozen=True)
class ImageResult:
    """Why an image cannot be used, or the sha256 of every file it became."""

    reason: Reason | None
    sha256: Mapping[Path, str]


@dataclass(frozen=True)
class RenderedImages:
    """The samples whose image is whole, the images that are not, and every file's sha256."""

    samples: list[PlannedSample]
    rejections: list[Rejection]
    sha256: Mapping[Path, str]


def render_images(
    samples: Sequence[PlannedSample],
    image_path: Callable[[Photo], Path],
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
    for task, result in zip(tasks, results, strict=True):
        sha256.update(result.sha256)
        if result.reason is not None:
            rejections.append(Rejection("image", str(task.photo.id), result.reason))
    unusable = {rejection.record for rejection in rejections}
    whole = [planned for planned in samples if str(planned.sample.image_id) not in unusable]
    return RenderedImages(whole, rejections, sha256)


def _task(
    group: Sequence[PlannedSample], source: Path, mask_values: Mapping[str, int], folder: Path
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
        data = task.source.read_bytes()
    except FileNotFoundError:
        return ImageResult(Reason.IMAGE_MISSING, {})
    reason = _reason_against(data, task.photo)
    if reason is not None:
        return ImageResult(reason, {})
    files = dict.fromkeys(task.targets, data)
    for mask in task.masks:
        codes = [
            encode_segmentation(segmentation, task.photo.height, task.photo.width)
            for segmentation in mask.segmentations
        ]
        files[mask.target] = encode_png(merge_masks(codes, mask.values))
    for path, content in files.items():
        write_if_changed(path, content)
    return ImageResult(None, {path: _sha256(content) for path, content in files.items()})


def _reason_against(data: bytes, photo: Photo) -> Reason | None:
    """Decode at an eighth of the size, which reads every byte and costs a fraction."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.size != (photo.width, photo.height):
                return Reason.IMAGE_SIZE_DIFFERS
            image.draft("L", (max(1, photo.width // 8), max(1, photo.height // 8)))
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return Reason.IMAGE_CORRUPT
    return None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
