"""WebDataset: tar files in which a sample is the files that share a name.

`<sample>.jpg` (or .png), `<sample>.mask.png`, `<sample>.json` and one `<sample>.<n>.wav` for each
source. Owners, modes and times are fixed and names sorted, so equal datasets give equal bytes.
Masks are grey, not palette images: WebDataset's decoders turn a palette into its colours and
would lose the values. The card says how to read them and a varying number of sounds.
"""

import io
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from PIL import Image

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.media_files import OwnFiles, decode_mask
from vpo_builder.dataset.schema import SUBSETS, Sample
from vpo_builder.export.export_card import write_card
from vpo_builder.runtime.threads import in_threads
from vpo_builder.runtime.whole_files import faults_named

SECTION = """\
The samples lie in `<subset>-<number>.tar`; the paths under "Files" are those of the dataset that
they were made from. A mask is a grey PNG of mask values. A sample has as many recordings as
sources, so a batch is a list and not a stack:

```python
import io
from glob import glob

import numpy as np
import soundfile
import webdataset
from PIL import Image


def mask_values(data):
    return np.asarray(Image.open(io.BytesIO(data)))  # [H, W]; the image decoders give colours


def waveform(data):
    return soundfile.read(io.BytesIO(data), dtype="float32")  # samples, rate in Hz


def with_sounds(sample):
    sources = sample["json"]["sources"]  # class, mask_value, pan and the name of its recording
    return {**sample, "sounds": [sample[source["audio"]] for source in sources]}


batches = (
    webdataset.WebDataset(sorted(glob("train-*.tar")), shardshuffle=False)
    .decode(
        webdataset.handle_extension("mask.png", mask_values),
        webdataset.handle_extension("wav", waveform),
        "rgb8",
    )
    .map(with_sounds)
    .batched(8, collation_fn=list)
)
```
"""
SAMPLES_A_SHARD = 1000  # about 500 MB, within the 0.1–1 GB that WebDataset's readers like


def write_webdataset(
    manifest: Manifest, files: OwnFiles, target: Path, workers: int | None
) -> None:
    """Write `<subset>-<number>.tar` for every subset that has samples, and how to read them."""
    for subset in SUBSETS:
        samples = [sample for sample in manifest.samples if sample.subset == subset]
        read = partial(_members, manifest, files)
        label = f"export: samples of {subset}"
        with closing(in_threads(read, samples, workers, label)) as members:
            for number, start in enumerate(range(0, len(samples), SAMPLES_A_SHARD)):
                path = target / f"{subset}-{number:06d}.tar"
                _write_shard(samples[start : start + SAMPLES_A_SHARD], members, path)
    write_card(target, SECTION)


def _write_shard(
    samples: Sequence[Sample], members: Iterator[list[tuple[str, bytes]]], path: Path
) -> None:
    with faults_named(path, path), tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as shard:
        for sample in samples:
            for extension, data in next(members):
                member = tarfile.TarInfo(f"{sample.sample_id}.{extension}")
                member.size = len(data)  # all else is fixed: mode 0644, owner 0, time 0
                shard.addfile(member, io.BytesIO(data))


def _members(manifest: Manifest, files: OwnFiles, sample: Sample) -> list[tuple[str, bytes]]:
    """Return (extension, bytes) of a sample's files, sorted by extension."""
    folder = manifest.folder
    sounds = [files.load(manifest.clip_path(source.clip_id), bytes) for source in sample.sources]
    return [
        *((f"{number}.wav", sound) for number, sound in enumerate(sounds)),
        (PurePosixPath(sample.image).suffix[1:], files.load(folder / sample.image, bytes)),
        ("json", msgspec.json.encode(_description(manifest, sample))),
        ("mask.png", files.load(folder / sample.mask, partial(_grey_png, sample))),
    ]


def _grey_png(sample: Sample, data: bytes) -> bytes:
    buffer = io.BytesIO()
    mask = decode_mask(data, sample.width, sample.height)
    Image.fromarray(mask, "L").save(buffer, "PNG")
    return buffer.getvalue()


def _description(manifest: Manifest, sample: Sample) -> dict[str, Any]:
    """Return the manifest's record, with each source's class index, mask value and recording."""
    rows = {row.name: row for row in manifest.meta.classes}
    record: dict[str, Any] = msgspec.to_builtins(sample)
    for number, source in enumerate(record["sources"]):
        row = rows[source["category"]]
        source |= {"class": row.index, "mask_value": row.mask_value, "audio": f"{number}.wav"}
    return record
