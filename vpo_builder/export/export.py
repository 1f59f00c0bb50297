"""Writes a finished dataset in formats that other tools read."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vpo_builder.dataset.manifest import META, Manifest, encode_meta, read_manifest
from vpo_builder.dataset.media_files import OwnFiles
from vpo_builder.documents.documents import ATTRIBUTION, CARD
from vpo_builder.export.coco import write_coco
from vpo_builder.export.hf import write_hf
from vpo_builder.export.published import write_published
from vpo_builder.export.vpo_clean import write_vpo_clean
from vpo_builder.export.webdataset import write_webdataset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import write_named
from vpo_builder.runtime.whole_folders import atomic_folder
from vpo_builder.verify.listing import read_checksums

__all__ = ["FORMATS", "Export", "ExportFormat", "export_dataset"]

ExportFormat = Literal["webdataset", "coco", "hf", "vpo-clean", "published"]
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)

WRITERS: dict[ExportFormat, Callable[[Manifest, OwnFiles, Path, int | None], None]] = {
    "webdataset": write_webdataset,
    "coco": write_coco,
    "hf": write_hf,
    "vpo-clean": write_vpo_clean,
    "published": write_published,
}
VPO_ONLY: tuple[ExportFormat, ...] = ("vpo-clean", "published")
"""Layouts of VPO's own, which AVSBench does not have."""


@dataclass(frozen=True)
class Export:
    """An export that was written: its folder, its files and the samples in it."""

    folder: Path
    files: int
    samples: int


def export_dataset(
    folder: Path, out: Path, target: ExportFormat, workers: int | None = None
) -> Export:
    """Write the dataset in `folder` to the new folder `out`, with its card and attributions.

    The same dataset gives the same bytes, in any number of threads (`workers`; default: one a
    processor). The layout of VPO's authors holds their files alone. Raises InputError for an
    unfinished dataset, a file that is missing, changed or reached by a link that leads out of the
    dataset, a format that its split has not, and an `out` that is not empty; `out` appears when
    it is complete.
    """
    manifest = read_manifest(folder)
    checksums, faults = read_checksums(folder, manifest.meta)
    for fault in faults:
        raise InputError(f"{folder / fault.path}: {fault.reason}: run vpo-data verify {folder}")
    files = OwnFiles(folder, checksums)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise InputError(f"{out}: is not empty: give a new folder with --out")
    if target in VPO_ONLY and manifest.meta.split == "avsbench-single-plus":
        raise InputError(
            f"{folder}: --format {target} is a layout of VPO, and this is AVSBench-Single+: choose "
            f"{', '.join(kind for kind in FORMATS if kind not in VPO_ONLY)}"
        )
    ours = target != "published"  # whose readers may take a file of ours for one of theirs
    with atomic_folder(out) as fresh:
        for name in (CARD, ATTRIBUTION):
            if ours and name in checksums:
                files.copy(folder / name, fresh / name)
        WRITERS[target](manifest, files, fresh, workers)
        if ours:
            write_named(fresh / META, encode_meta(manifest.meta))
    number = sum(path.is_file() for path in out.rglob("*"))
    return Export(out, number, len(manifest.samples))
