"""Holds AVSBench-Single+'s names and its csv against the manifest (protocol §3)."""

import csv
import io
from collections import Counter
from collections.abc import Iterator

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.verify.faults import Fault

CSV_NAME = "data.csv"
CSV_COLUMNS = ["name", "category", "split"]
SALIENT = 1
"""Value of what sounds in a salient label; the rest is 0."""


def single_plus_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield the faults of names and csv that show without opening any media file."""
    for sample in manifest.samples:
        yield from _name_faults(sample)
    yield from _csv_faults(manifest)


def salient_label(sample: Sample) -> str:
    """Return the path of a sample's binary label."""
    return f"salient_labels/{sample.sample_id}.png"


def _name_faults(sample: Sample) -> Iterator[Fault]:
    name = sample.sample_id
    for found, wanted in (
        (sample.image, f"frames/{name}.png"),
        (sample.mask, f"labels/{name}.png"),
        *((source.clip_id, name) for source in sample.sources),
    ):
        if found != wanted:
            yield Fault(found, f"sample {name} should name it {wanted}")


def _csv_faults(manifest: Manifest) -> Iterator[Fault]:
    try:
        data = (manifest.folder / CSV_NAME).read_bytes()
    except OSError as error:
        yield Fault(CSV_NAME, f"cannot be read: {error.strerror}")
        return
    try:
        header, *rows = csv.reader(io.StringIO(data.decode("utf-8", errors="replace"), newline=""))
    except (ValueError, csv.Error) as error:
        yield Fault(CSV_NAME, f"cannot be read: {error}")
        return
    if header != CSV_COLUMNS:
        yield Fault(CSV_NAME, f"columns are {header}, expected {CSV_COLUMNS}")
        return
    found: Counter[tuple[str, ...]] = Counter(map(tuple, rows))
    wanted: Counter[tuple[str, ...]] = Counter(
        (sample.sample_id, f"{source.category},background", sample.subset)
        for sample in manifest.samples
        for source in sample.sources
    )
    for row in found - wanted:
        yield Fault(CSV_NAME, f"row {row} is not in the manifest")
    for row in wanted - found:
        yield Fault(CSV_NAME, f"row {row} of the manifest is missing")
