"""Parquet as the Hugging Face Hub keeps it: `load_dataset(folder)` gives pictures and sound.

The files of a row lie in it, so that a row is whole wherever it is read. `audio` holds the
recording of each of `sources`, in their order; a mask is the file of the dataset, whose pixels are
the classes' mask values.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.media_files import OwnFiles
from vpo_builder.dataset.schema import Sample, Subset
from vpo_builder.documents.attribution import Credit, read_credits
from vpo_builder.export.export_card import write_card
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.threads import in_threads
from vpo_builder.runtime.whole_files import atomic_path

SAMPLES_A_FILE = 1000  # about 1 GB; the Hub asks for less than 5 GB a file
SAMPLES_A_GROUP = 100  # what a reader holds at once; the Hub's viewer asks for 100 to 300 MB
SPLITS: Mapping[Subset, str] = {"train": "train", "val": "validation", "test": "test"}

TEXT, INTEGER, NUMBER = (
    {"_type": "Value", "dtype": kind} for kind in ("string", "int64", "float64")
)
SOURCE = {
    "category": TEXT,
    "class": INTEGER,
    "mask_value": INTEGER,
    "ann_id": INTEGER,
    "clip_id": TEXT,
    "pan": NUMBER,
}
FEATURES = {
    "image": {"_type": "Image"},
    "mask": {"_type": "Image"},
    "audio": [{"_type": "Audio"}],
    "sample_id": TEXT,
    "image_id": INTEGER,
    "width": INTEGER,
    "height": INTEGER,
    "sources": [SOURCE],
    "silent": [TEXT],
    "licence": TEXT,
    "licence_url": TEXT,
    "author_page": TEXT,
}
"""The columns as `datasets` describes them; it finds this in each file."""
SECTION = """\
The Parquet files in `data/` hold everything; the paths under "Files" are those of the dataset that
they were made from.

```python
from datasets import load_dataset

rows = load_dataset(".")  # this folder, or the name of its repository
first = rows["train"][0]  # image, mask, audio: a recording for each of first["sources"]
```
"""


def write_hf(manifest: Manifest, files: OwnFiles, target: Path, workers: int | None) -> None:
    """Write `data/<split>-<number>-of-<count>.parquet` and a card that tells where they are.

    Raises InputError if pyarrow is not installed.
    """
    if find_spec("pyarrow") is None:
        raise InputError(
            "--format hf: pyarrow is not installed: pip install 'avs-toolkit[hf]', or choose "
            "another format"
        )
    read = partial(_row, manifest, files, read_credits(manifest.folder))
    configs = []
    (target / "data").mkdir()
    for subset, split in SPLITS.items():
        samples = [sample for sample in manifest.samples if sample.subset == subset]
        if samples:
            configs.append(f"  - split: {split}\n    path: data/{split}-*\n")
            count = -(-len(samples) // SAMPLES_A_FILE)
            label = f"export: samples of {subset}"
            with closing(in_threads(read, samples, workers, label)) as rows:
                for number in range(count):
                    path = target / "data" / f"{split}-{number:05d}-of-{count:05d}.parquet"
                    _write_parquet(path, islice(rows, SAMPLES_A_FILE))
    front = "configs:\n- config_name: default\n  data_files:\n" + "".join(configs)
    write_card(target, SECTION, front)


def _row(
    manifest: Manifest, files: OwnFiles, credits: Mapping[int, Credit], sample: Sample
) -> dict[str, Any]:
    rows = {row.name: row for row in manifest.meta.classes}
    credit = credits.get(sample.image_id, Credit())

    def held(path: Path) -> dict[str, Any]:
        return {"bytes": files.load(path, bytes), "path": PurePosixPath(path).name}

    return {
        "image": held(manifest.folder / sample.image),
        "mask": held(manifest.folder / sample.mask),
        "audio": [held(manifest.clip_path(source.clip_id)) for source in sample.sources],
        "sample_id": sample.sample_id,
        "image_id": sample.image_id,
        "width": sample.width,
        "height": sample.height,
        "sources": [
            {
                "category": source.category,
                "class": rows[source.category].index,
                "mask_value": rows[source.category].mask_value,
                "ann_id": source.ann_id,
                "clip_id": source.clip_id,
                "pan": source.pan,
            }
            for source in sample.sources
        ],
        "silent": list(sample.silent),
        "licence": credit.licence,
        "licence_url": credit.licence_url,
        "author_page": credit.author_page,
    }


def _write_parquet(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    import pyarrow  # 0.3 s, and only here: it is no requirement of the builder
    from pyarrow import parquet

    columns = [(name, _arrow_type(pyarrow, feature)) for name, feature in FEATURES.items()]
    described = json.dumps({"info": {"features": FEATURES}})
    schema = pyarrow.schema(columns, metadata={"huggingface": described})
    with atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        while group := list(islice(rows, SAMPLES_A_GROUP)):
            writer.write_table(pyarrow.Table.from_pylist(group, schema))


def _arrow_type(pyarrow: Any, feature: Any) -> Any:
    """Return the type of a column of FEATURES, or of what lies in it."""
    if isinstance(feature, list):
        return pyarrow.list_(_arrow_type(pyarrow, feature[0]))
    kind = feature.get("_type")
    if kind is None:
        return pyarrow.struct([(name, _arrow_type(pyarrow, of)) for name, of in feature.items()])
    if kind == "Value":
        return getattr(pyarrow, feature["dtype"])()
    return pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
