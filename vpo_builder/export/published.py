"""The authors' own layout of VPO, and nothing beside it: pictures, masks, csv and recordings."""

import posixpath
from pathlib import Path

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.media_files import OwnFiles
from vpo_builder.dataset.places import dataset_folder
from vpo_builder.layout import csv_name, encode_csv
from vpo_builder.runtime.whole_files import write_named


def write_published(manifest: Manifest, files: OwnFiles, target: Path, workers: int | None) -> None:
    """Write `VPO/VPO-<split>/` and the recordings' folder; MSMI also writes what it reads from MS.

    The csv says train for val, as published readers need (see encode_csv).
    """
    split = manifest.meta.split
    home = dataset_folder(split)
    paths = {path for sample in manifest.samples for path in (sample.image, sample.mask)}
    paths |= {manifest.clip(s.clip_id) for sample in manifest.samples for s in sample.sources}
    copies = {
        posixpath.normpath(f"{home}/{path}"): manifest.folder / path for path in sorted(paths)
    }
    for folder in {home, *map(posixpath.dirname, copies)}:
        (target / folder).mkdir(parents=True, exist_ok=True)
    files.copy_all(copies, target, workers, "export: files")
    values = {row.name: row.mask_value for row in manifest.meta.classes}
    table = encode_csv(manifest.samples, values, split)
    write_named(target / home / csv_name(split), table)
