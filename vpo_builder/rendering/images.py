"""Renders the images and masks of a plan, one task an image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.executors import Executor
from vpo_builder.records import Photo, Placement, Rejection, Scene
from vpo_builder.rendering.layout import ImageTask, MaskTask, render_image, scene_sample
from vpo_builder.schema import Split
from vpo_builder.sources.corpus import Corpus

PlacedScene = tuple[Scene, tuple[Placement, ...]]


@dataclass(frozen=True)
class RenderedImages:
    """The scenes whose image is whole, the images that are not, and every file's sha256."""

    scenes: list[PlacedScene]
    rejections: list[Rejection]
    sha256: Mapping[Path, str]


def render_images(
    scenes: Sequence[PlacedScene], corpus: Corpus, folder: Path, split: Split, executor: Executor
) -> RenderedImages:
    """Write the images and masks of `scenes` into the dataset's folder."""
    tasks = _tasks(scenes, corpus, folder, split)
    results = executor(render_image, tasks, "images")
    rejections: list[Rejection] = []
    sha256: dict[Path, str] = {}
    for task, result in zip(tasks, results, strict=True):
        sha256.update(result.sha256)
        if result.reason is not None:
            rejections.append(Rejection("image", str(task.photo.id), result.reason))
    unusable = {rejection.record for rejection in rejections}
    whole = [pair for pair in scenes if str(pair[0].photo.id) not in unusable]
    return RenderedImages(whole, rejections, sha256)


def _tasks(
    scenes: Sequence[PlacedScene], corpus: Corpus, folder: Path, split: Split
) -> list[ImageTask]:
    """Return one task an image: a test image of SS has several samples."""
    values = {row.name: row.mask_value for row in corpus.table}
    photos: dict[int, Photo] = {}
    images: dict[int, set[Path]] = {}
    masks: dict[int, list[MaskTask]] = {}
    for scene, placements in scenes:
        sample = scene_sample(scene, placements, split)
        number = scene.photo.id
        photos[number] = scene.photo
        images.setdefault(number, set()).add(folder / sample.image)
        masks.setdefault(number, []).append(
            MaskTask(
                folder / sample.mask,
                tuple(bytes(item.candidate.mask.segmentation) for item in placements),
                tuple(values[item.candidate.category] for item in placements),
            )
        )
    return [
        ImageTask(
            photo, corpus.image_path(photo), tuple(sorted(images[number])), tuple(masks[number])
        )
        for number, photo in photos.items()
    ]
