"""Shows datasets in a static folder that opens from disk: pictures, masks, sounds, charts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.dataset.class_colours import Colour, class_colours
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.gallery.choosing import choose_shown
from vpo_builder.gallery.copies import Shown, copy_media
from vpo_builder.gallery.page import render_page
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import write_named
from vpo_builder.runtime.whole_folders import atomic_folder

__all__ = ["Gallery", "write_gallery"]

PAGE = "index.html"
MEDIA = "media"


@dataclass(frozen=True)
class Gallery:
    """A gallery that was written: its page, and how many samples it shows of how many."""

    page: Path
    shown: int
    samples: int


def write_gallery(
    folders: Sequence[Path], out: Path, per_class: int = 12, workers: int | None = None
) -> Gallery:
    """Write a gallery of one or several finished datasets to `out` and return what it shows.

    Up to `per_class` samples of each class and subset (0: all). The folder appears when it is
    complete; an older gallery there is replaced. Raises InputError for an unfinished dataset, a
    file that cannot be shown, and an `out` that holds something else.
    """
    manifests = [read_manifest(folder) for folder in folders]
    datasets = [Shown(m, choose_shown(m.samples, per_class)) for m in manifests]
    colours = _colours(manifests)
    _refuse_other_content(out)
    with atomic_folder(out) as fresh:
        (fresh / MEDIA).mkdir()
        copies = copy_media(datasets, colours, fresh / MEDIA, workers)
        page = render_page(datasets, copies, colours)
        write_named(fresh / PAGE, page.encode())
    shown = sum(len(dataset.samples) for dataset in datasets)
    return Gallery(out / PAGE, shown, sum(len(m.samples) for m in manifests))


def _colours(manifests: Iterable[Manifest]) -> dict[str, Colour]:
    """Return a colour for each class, the same in every dataset."""
    names = dict.fromkeys(row.name for m in manifests for row in m.meta.classes if row.index)
    return dict(zip(names, class_colours(1 + len(names))[1:], strict=True))


def _refuse_other_content(out: Path) -> None:
    """Raise for an `out` that is neither new, nor empty, nor a gallery."""
    if out.is_dir():
        names = {path.name for path in out.iterdir()}
        if names in (set(), {PAGE, MEDIA}):
            return
    elif not out.exists():
        return
    raise InputError(f"{out}: holds something that is no gallery: give a new folder with --out")
