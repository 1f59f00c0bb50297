"""Holds AVSBench-Single+'s csv against the manifest (protocol §3)."""

import csv
import io
from collections import Counter
from collections.abc import Iterator

from vpo_builder.dataset.faults import Fault
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.runtime.regular_files import read_regular

CSV_NAME = "data.csv"
CSV_COLUMNS = ["name", "category", "split"]
SALIENT = 1
"""Value of what sounds in a salient label; the rest is 0."""


def salient_label(sample: Sample) -> str:
    """Return the path of a sample's binary label."""
    return f"salient_labels/{sample.sample_id}.png"


def single_plus_faults(manifest: Manifest) -> Iterator[Fault]:
    """Yield the faults of the csv, which show without opening any media file."""
    try:
        data = read_regular(manifest.folder / CSV_NAME)
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
