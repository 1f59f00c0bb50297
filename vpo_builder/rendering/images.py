"""Renders the images and masks of a plan, one task an image."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.executors import Executor
from vpo_builder.records import Photo, PlannedSample, Rejection
from vpo_builder.rendering.layout import ImageTask, MaskTask, render_image


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
