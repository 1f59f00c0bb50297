"""Holds the manifest's records against each other, the paths they name and the published csv."""

import csv
import io
from collections import Counter
from collections.abc import Iterable

from vpo_builder.dataset.faults import Fault
from vpo_builder.dataset.manifest import META, Manifest
from vpo_builder.dataset.schema import VPO_CSV_COLUMNS
from vpo_builder.dataset.sound_credits import SOUNDS, read_sound_credits
from vpo_builder.dataset.untrusted import meta_faults, sample_faults
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.verify.single_plus import single_plus_faults

Row = tuple[int, int, str, int, str, str, float, int]


def record_faults(manifest: Manifest) -> list[Fault]:
    """Return the faults that show without opening any media file."""
    faults = [Fault(META, reason) for reason in meta_faults(manifest.meta)]
    faults += sample_faults(manifest.meta, manifest.samples)
    if manifest.meta.split == "avsbench-single-plus":
        faults += single_plus_faults(manifest)
    else:
        faults += _csv_faults(manifest) + _credit_faults(manifest)
    return faults


def _credit_faults(manifest: Manifest) -> list[Fault]:
    """Return what is wrong with the list of recordings that are not VGGSound's."""
    try:
        credits = read_sound_credits(manifest)
    except InputError as error:
        return [Fault(SOUNDS, str(error).removeprefix(f"{manifest.folder / SOUNDS}: "))]
    used = {source.clip_id for sample in manifest.samples for source in sample.sources}
    return [
        Fault(SOUNDS, f"clip {clip_id[:80]} is in no sample")
        for clip_id in sorted(credits.keys() - used)
    ]


def _csv_faults(manifest: Manifest) -> list[Fault]:
    name = f"vpo_{manifest.meta.split}_data_stereo.csv"
    try:
        data = read_regular(manifest.folder / name)
    except OSError as error:
        return [Fault(name, f"cannot be read: {error.strerror}")]
    reader = csv.DictReader(io.StringIO(data.decode("utf-8", errors="replace")))
    try:
        if tuple(reader.fieldnames or ()) != VPO_CSV_COLUMNS:
            columns = reader.fieldnames
            return [Fault(name, f"columns are {columns}, expected {list(VPO_CSV_COLUMNS)}")]
        found = Counter(map(_row_of_csv, reader))
    except (ValueError, TypeError, AttributeError, csv.Error) as error:
        return [Fault(name, f"line {reader.reader.line_num}: cannot be read: {error}")]
    wanted = Counter(_rows_of_manifest(manifest))
    return [
        *(Fault(name, f"row {row} is not in the manifest") for row in (found - wanted)),
        *(Fault(name, f"row {row} of the manifest is missing") for row in (wanted - found)),
    ]


def _row_of_csv(row: dict[str, str]) -> Row:
    return (
        int(row["img_Id"]),
        int(row["ann_Ids"]),
        row["cateName"],
        int(row["cateId"]),
        row["vgg_file"].removesuffix(".wav"),
        row["split"],
        float(row["audio_pos"]),
        int(row["multi_instance"]),
    )


def _rows_of_manifest(manifest: Manifest) -> Iterable[Row]:
    """Yield the published rows; the csv has no val, its loader reads those rows as test."""
    values = {row.name: row.mask_value for row in manifest.meta.classes}
    for sample in manifest.samples:
        subset = "test" if sample.subset == "test" else "train"
        # Rows with 0 are read from VPO-MS: in MSMI a sample of its own folder has 1.
        own = manifest.meta.split == "msmi" and not sample.mask.startswith("../")
        for source in sample.sources:
            value = values.get(source.category, 0)
            ids = (sample.image_id, source.ann_id, source.category, value)
            yield (*ids, source.clip_id, subset, source.pan, int(own))
