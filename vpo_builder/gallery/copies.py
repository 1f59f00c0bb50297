"""Copies the media of everything a gallery shows, each file once, under numbers of its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from vpo_builder.dataset.class_colours import Colour
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.media_files import OwnFiles
from vpo_builder.dataset.schema import Sample
from vpo_builder.gallery.media import ClipCopy, encode_clip, encode_overlay, encode_photograph
from vpo_builder.runtime.threads import in_threads
from vpo_builder.runtime.whole_files import write_named

Numbers = Mapping[Path, int]
Numbered = tuple[int, Path]


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

    def clips(self, sample: Sample) -> list[Path]:
        """Return the path of each source's clip."""
        return [self.manifest.clip_path(source.clip_id) for source in sample.sources]

    @cached_property
    def files(self) -> OwnFiles:
        """What may be copied of the dataset."""
        return OwnFiles(self.manifest.folder)


@dataclass(frozen=True)
class Copies:
    """The number of each file's copy by the file's path, and the waveform of each clip."""

    images: Numbers
    masks: Numbers
    clips: Numbers
    waveforms: Sequence[ClipCopy]


def copy_media(
    datasets: Sequence[Shown], colours: Mapping[str, Colour], target: Path, workers: int | None
) -> Copies:
    """Write image-N.jpg, mask-N.png and clip-N.js into `target` for everything shown, in threads.

    Raises InputError naming the first file that cannot be shown.
    """
    pairs = [(shown, sample) for shown in datasets for sample in shown.samples]
    images = _owned((shown, [shown.image(sample)]) for shown, sample in pairs)
    masks = _owned((shown, [shown.mask(sample)]) for shown, sample in pairs)
    clips = _owned((shown, shown.clips(sample)) for shown, sample in pairs)

    def photograph(task: Numbered) -> None:
        number, path = task
        copy = images[path].files.load(path, encode_photograph)
        write_named(target / f"image-{number}.jpg", copy)

    def overlay(task: Numbered) -> None:
        number, path = task
        values = _mask_colours(masks[path].manifest, colours)
        copy = masks[path].files.load(path, partial(encode_overlay, colours=values))
        write_named(target / f"mask-{number}.png", copy)

    def clip(task: Numbered) -> ClipCopy:
        number, path = task
        copy, script = clips[path].files.load(path, partial(encode_clip, number=number))
        write_named(target / f"clip-{number}.js", script)
        return copy

    for files, write, label in ((images, photograph, "photographs"), (masks, overlay, "masks")):
        list(in_threads(write, list(enumerate(files)), workers, f"gallery: {label}"))
    waveforms = list(in_threads(clip, list(enumerate(clips)), workers, "gallery: clips"))
    return Copies(_numbered(images), _numbered(masks), _numbered(clips), waveforms)


def _mask_colours(manifest: Manifest, colours: Mapping[str, Colour]) -> list[tuple[int, Colour]]:
    rows = (row for row in manifest.meta.classes if row.index)
    return [(row.mask_value, colours[row.name]) for row in rows]


def _owned(files: Iterable[tuple[Shown, Iterable[Path]]]) -> dict[Path, Shown]:
    """Return each path, once and in order, with a dataset that it belongs to."""
    return {path: shown for shown, paths in files for path in paths}


def _numbered(paths: Iterable[Path]) -> dict[Path, int]:
    """Return a number for each path: the names of copies are ours, never a manifest's."""
    return {path: number for number, path in enumerate(paths)}
