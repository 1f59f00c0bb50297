"""Holds the manifest's records against each other, the paths they name and the published csv."""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from vpo_builder.dataset.manifest import MANIFEST, Manifest
from vpo_builder.dataset.schema import VPO_CSV_COLUMNS, Sample
from vpo_builder.verify.faults import Fault
from vpo_builder.verify.single_plus import single_plus_faults

Row = tuple[int, int, str, int, str, str, float, int]


def record_faults(manifest: Manifest) -> list[Fault]:
    """Return the faults that show without opening any media file."""
    faults = list(_manifest_faults(manifest))
    if manifest.meta.split == "avsbench-single-plus":
        faults += single_plus_faults(manifest)
    else:
        faults += _csv_faults(manifest)
    return faults


def _manifest_faults(manifest: Manifest) -> Iterator[Fault]:
    meta, samples = manifest.meta, manifest.samples
    if meta.samples != len(samples):
        yield Fault(MANIFEST, f"{len(samples)} samples, the meta record counts {meta.samples}")
    ids = [sample.sample_id for sample in samples]
    if ids != sorted(ids):
        yield Fault(MANIFEST, "samples are not sorted by id")
    for sample_id, count in Counter(ids).items():
        if count > 1:
            yield Fault(MANIFEST, f"sample id {sample_id} occurs {count} times")
    classes = {row.name for row in meta.classes}
    for sample in samples:
        yield from (Fault(MANIFEST, reason) for reason in _sample_faults(sample, classes))
        if meta.split != "avsbench-single-plus":
            yield from _path_faults(sample, meta.split == "ss")


def _sample_faults(sample: Sample, classes: set[str]) -> Iterator[str]:
    where = f"sample {sample.sample_id}"
    if not sample.sources:
        yield f"{where}: no source"
    for source in sample.sources:
        if source.category not in classes:
            yield f"{where}: {source.category!r} is no class of this dataset"
        if not 0.0 <= source.pan <= 1.0:
            yield f"{where}: pan {source.pan} is not in [0, 1]"
    ann_ids = [source.ann_id for source in sample.sources]
    if len(set(ann_ids)) < len(ann_ids):
        yield f"{where}: an annotation sounds twice"


def _path_faults(sample: Sample, single_source: bool) -> Iterator[Fault]:
    """Compare the ids in the published names with the record's (protocol §2, layout)."""
    folder = f"{sample.sources[0].category}/" if single_source and sample.sources else ""
    image = f"data/{folder}{sample.image_id:012d}.jpg"
    stem = f"{sample.image_id:012d}"
    if single_source and sample.sources:
        stem += f"_{sample.sources[0].ann_id:012d}"
    mask = f"mask/{folder}{stem}.png"
    for found, wanted in ((sample.image, image), (sample.mask, mask)):
        if PurePosixPath(found).parts[-len(PurePosixPath(wanted).parts) :] != tuple(
            wanted.split("/")
        ):
            yield Fault(found, f"sample {sample.sample_id} should name it {wanted}")


def _csv_faults(manifest: Manifest) -> list[Fault]:
    name = f"vpo_{manifest.meta.split}_data_stereo.csv"
    try:
        data = (manifest.folder / name).read_bytes()
    except OSError as error:
        return [Fault(name, f"cannot be read: {error.strerror}")]
    reader = csv.DictReader(io.StringIO(data.decode("utf-8", errors="replace")))
    if tuple(reader.fieldnames or ()) != VPO_CSV_COLUMNS:
        return [Fault(name, f"columns are {reader.fieldnames}, expected {list(VPO_CSV_COLUMNS)}")]
    try:
        found = Counter(map(_row_of_csv, reader))
    except (ValueError, TypeError, AttributeError) as error:
        return [Fault(name, f"line {reader.line_num}: cannot be read: {error}")]
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
