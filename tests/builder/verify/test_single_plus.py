"""`verify` on AVSBench-Single+: what a change to a file, and to a record, is called.

Every test signs its change with right checksums, so that only the content can give it away.
"""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.builder.building_single_plus import FOLDER
from vpo_builder.dataset.manifest import (
    CHECKSUMS,
    MANIFEST,
    encode_samples,
    read_manifest,
    write_manifest,
)
from vpo_builder.dataset.schema import Sample
from vpo_builder.verify.verify import verify

NAME = "4tEsTdOg_t4_3"


@pytest.fixture
def dataset(single_plus: Path, tmp_path: Path) -> Path:
    return shutil.copytree(single_plus / FOLDER, tmp_path / FOLDER)


def sign(folder: Path, change: Callable[[Sample], Sample] = lambda sample: sample) -> None:
    """Write manifest, checksums and meta anew for what lies in the folder."""
    manifest = read_manifest(folder)
    samples = [change(s) if s.sample_id == NAME else s for s in manifest.samples]
    lines = encode_samples(samples)
    (folder / MANIFEST).write_bytes(lines)
    names = [line.split("  ", 1)[1] for line in (folder / CHECKSUMS).read_text().splitlines()]
    present = [name for name in names if (folder / name).exists()]
    listing = "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in present
    ).encode()
    (folder / CHECKSUMS).write_bytes(listing)
    meta = replace(
        manifest.meta,
        files=len(present),
        checksums_sha256=hashlib.sha256(listing).hexdigest(),
        manifest_sha256=hashlib.sha256(lines).hexdigest(),
    )
    write_manifest(folder, meta, samples)


def faults(folder: Path) -> dict[str, str]:
    return {fault.path: fault.reason for fault in verify(folder).faults}


def test_a_signed_dataset_has_no_fault(dataset: Path) -> None:
    sign(dataset)
    assert faults(dataset) == {}


def test_a_salient_label_is_binary_and_belongs_to_every_sample(dataset: Path) -> None:
    path = dataset / "salient_labels" / f"{NAME}.png"
    label = Image.open(dataset / "labels" / f"{NAME}.png")
    label.save(path)
    sign(dataset)
    assert faults(dataset) == {f"salient_labels/{NAME}.png": "mask holds 7, the sources say 1"}
    path.unlink()
    sign(dataset)
    assert faults(dataset) == {f"salient_labels/{NAME}.png": f"not listed in {CHECKSUMS}"}


def test_a_label_of_another_class_is_a_fault(dataset: Path) -> None:
    shutil.copy(dataset / "labels" / "1rAcEcAr_cE_1.png", dataset / "labels" / f"{NAME}.png")
    sign(dataset)
    assert faults(dataset) == {f"labels/{NAME}.png": "mask holds 22, the sources say 7"}


def test_a_sound_is_one_second_exactly(dataset: Path) -> None:
    path = dataset / "audios" / f"{NAME}.wav"
    soundfile.write(path, np.ones(15_999, np.int16), 16_000, subtype="PCM_16")
    sign(dataset)
    assert faults(dataset) == {f"audios/{NAME}.wav": "15999 audio frames, expected 16000"}


def test_names_follow_the_sample_s_id(dataset: Path) -> None:
    sign(dataset, lambda sample: replace(sample, image="frames/4tEsTdOg_t4_4.png"))
    found = faults(dataset)
    assert found["frames/4tEsTdOg_t4_4.png"] == f"sample {NAME} should name it frames/{NAME}.png"


def test_the_csv_says_what_the_manifest_says(dataset: Path) -> None:
    csv = dataset / "data.csv"
    text = csv.read_text()
    row = f'{NAME},"dog_barking,background",test\n'
    assert row in text
    csv.write_text(text.replace(row, row.replace("test", "train")))
    sign(dataset)
    reasons = sorted(fault.reason for fault in verify(dataset).faults)
    assert reasons == [
        f"row ('{NAME}', 'dog_barking,background', 'test') of the manifest is missing",
        f"row ('{NAME}', 'dog_barking,background', 'train') is not in the manifest",
    ]
    csv.write_text(text.replace("name,category", "id,category"))
    sign(dataset)
    assert "columns are ['id', 'category', 'split']" in faults(dataset)["data.csv"]
    csv.write_text("")
    sign(dataset)
    assert "cannot be read" in faults(dataset)["data.csv"]
