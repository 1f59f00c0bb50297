"""Copies the media of everything a gallery shows, each file once, under numbers of its own."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import soundfile

from vpo_builder.dataset.class_colours import Colour
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.gallery.media import ClipCopy, copy_clip, copy_photograph, draw_overlay
from vpo_builder.runtime.errors import InputError

T = TypeVar("T")


@dataclass(frozen=True)
class Shown:
    """A dataset and those of its samples that a gallery shows."""

    manifest: Manifest
    samples: Sequence[Sample]

    def image(self, sample: Sample) -> Path:
        """Return the path of a sample's image."""
        return self.manifest.folder / sample.image

    def mask(self, sample: Sample) -> Path:
        """Return the path of a sample's mask."""
        return self.manifest.folder / sample.mask


@dataclass(frozen=True)
class Copies:
    """The number of each file's copy by the file's path, and the waveform of each clip."""

    images: Mapping[Path, int]
    masks: Mapping[Path, int]
    clips: Mapping[Path, int]
    waveforms: Sequence[ClipCopy]


def copy_media(
    datasets: Sequence[Shown], colours: Mapping[str, Colour], target: Path, pool: Executor
) -> Copies:
    """Write image-N.jpg, mask-N.png and clip-N.js into `target` for everything shown.

    Raises InputError naming the first file that cannot be shown.
    """
    pairs = [(shown, sample) for shown in datasets for sample in shown.samples]
    images = _numbered(shown.image(sample) for shown, sample in pairs)
    masks = _numbered(shown.mask(sample) for shown, sample in pairs)
    clips = _numbered(
        shown.manifest.clip_path(source.clip_id)
        for shown, sample in pairs
        for source in sample.sources
    )
    values = {shown.mask(sample): _mask_colours(shown.manifest, colours) for shown, sample in pairs}

    _each(pool, images, lambda path, n: copy_photograph(path, target / f"image-{n}.jpg"))
    _each(pool, masks, lambda path, n: draw_overlay(path, target / f"mask-{n}.png", values[path]))
    waveforms = _each(pool, clips, lambda path, n: copy_clip(path, target / f"clip-{n}.js", n))
    return Copies(images, masks, clips, waveforms)


def _mask_colours(manifest: Manifest, colours: Mapping[str, Colour]) -> list[tuple[int, Colour]]:
    rows = (row for row in manifest.meta.classes if row.index)
    return [(row.mask_value, colours[row.name]) for row in rows]


def _numbered(paths: Iterable[Path]) -> dict[Path, int]:
    """Return a number for each path: the names of copies are ours, never a manifest's."""
    return {path: number for number, path in enumerate(dict.fromkeys(paths))}


def _each(pool: Executor, files: Mapping[Path, int], copy: Callable[[Path, int], T]) -> list[T]:
    def named(path: Path, number: int) -> T:
        try:
            return copy(path, number)
        except (OSError, ValueError, soundfile.SoundFileError) as error:
            raise InputError(
                f"{path}: cannot be shown: {error}; run vpo-data verify on its dataset"
            ) from None

    return list(pool.map(named, files.keys(), files.values()))
