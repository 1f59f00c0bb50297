"""`export` to the layouts of VPO itself: its authors', and the one that DDESeg and EASE read."""

import ast
import csv
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image

from tests.builder.dataset_by_hand import (
    AUDIO,
    CLASSES,
    DUETS,
    VALUES,
    finish,
    mask_png,
    waveform,
    write_dataset,
)
from vpo_builder.dataset.manifest import read_manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.export.export import export_dataset
from vpo_builder.runtime.errors import InputError

INDICES = {row.name: row.index for row in CLASSES}


def as_ddeseg(root: Path, split: str, kind: str) -> list[tuple[Path, Path, Path]]:
    """Return frame, mask and sound of each row, found as DDESeg's loader does."""
    table = pd.read_csv(root / "vpo_data_clean.csv")
    rows = table[(table["split"] == split) & (table["type"] == kind)]
    return [
        (
            root / row.iloc[0] / "frames" / row.iloc[1],
            root / row.iloc[0] / "labels_semantic" / row.iloc[2],
            root / row.iloc[0] / "stereo_audio.wav",
        )
        for _, row in rows.iterrows()
    ]


def as_ease(root: Path, split: str, kind: str) -> list[tuple[Path, Path, list[int]]]:
    """Return frame, mask and classes of each row, found as EASE's loader does."""
    with (root / "vpo_data_clean.csv").open(newline="") as file:
        _, *rows = csv.reader(file)
    found = []
    for uid, frame, mask, category, *where in rows:
        if where == [split, kind]:
            home = root / kind / uid.rsplit("/", 1)[-1]
            classes = ast.literal_eval(category)
            found.append((home / "frames" / frame, home / "labels_semantic" / mask, classes))
    return found


def heard(folder: Path, sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Return the sum and the panned sum of a sample's clips, of 0.25 s and so twelve times."""
    mono, stereo = np.zeros(48_000), np.zeros((48_000, 2))
    for source in sample.sources:
        clip, _ = soundfile.read(folder / AUDIO / f"{source.clip_id}.wav")
        tiled = np.tile(clip, 12)
        mono += tiled
        stereo += np.stack([(1 - source.pan) * tiled, source.pan * tiled], axis=1)
    return mono, stereo


@pytest.mark.parametrize("fixture", ["small_dataset", "small_duets"])
def test_ddeseg_and_ease_find_class_indices_and_mixes(
    fixture: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = request.getfixturevalue(fixture)
    out = tmp_path / "clean"
    export_dataset(folder, out, "vpo-clean")
    kind, seen = folder.name, set()
    samples = {sample.sample_id: sample for sample in read_manifest(folder).samples}
    for split in ("train", "val", "test"):
        rows = zip(as_ddeseg(out, split, kind), as_ease(out, split, kind), strict=True)
        for (frame, mask, sound), (frame_too, mask_too, classes) in rows:
            assert (frame, mask) == (frame_too, mask_too)
            sample = samples[mask.stem]
            seen.add(sample.sample_id)
            assert sample.subset == split
            assert frame.read_bytes() == (folder / sample.image).read_bytes()
            assert classes == sorted(INDICES[source.category] for source in sample.sources)
            grey = Image.open(mask)
            assert grey.mode == "L"
            drawn = np.asarray(Image.open(folder / sample.mask))
            for name, index in INDICES.items():
                assert np.array_equal(np.asarray(grey) == index, drawn == VALUES[name])
            mono, stereo = heard(folder, sample)
            for path, wanted in ((sound, stereo), (sound.with_name("mono_audio.wav"), mono)):
                found, rate = soundfile.read(path)
                assert rate == 16_000
                assert np.allclose(found, wanted, atol=1e-6)
    assert seen == samples.keys()


def test_a_mix_holds_no_time_of_day(small_duets: Path, tmp_path: Path) -> None:
    export_dataset(small_duets, tmp_path / "now", "vpo-clean")
    time.sleep(1.1)  # libsndfile's clock has seconds
    export_dataset(small_duets, tmp_path / "later", "vpo-clean")
    sounds = sorted((tmp_path / "now").rglob("*.wav"))
    assert len(sounds) == 6
    for path in sounds:
        later = tmp_path / "later" / path.relative_to(tmp_path / "now")
        assert path.read_bytes() == later.read_bytes()


def test_two_of_a_class_are_one_class_and_ignored_pixels_stay(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "data", DUETS[:1], "msmi")
    (sample,) = read_manifest(folder).samples
    twins = replace(sample.sources[1], category="cat")
    (folder / sample.mask).write_bytes(
        mask_png([(17, (0, 0, 9, 9)), (255, (9, 0, 12, 9))], (96, 64))
    )
    finish(folder, "msmi", [replace(sample, sources=(sample.sources[0], twins))])
    export_dataset(folder, tmp_path / "clean", "vpo-clean")
    ((_, mask, classes),) = as_ease(tmp_path / "clean", "train", "VPO-MSMI")
    assert classes == [INDICES["cat"]]
    assert dict(zip(*np.unique(np.asarray(Image.open(mask)), return_counts=True), strict=True)) == {
        0: 96 * 64 - 12 * 9,
        INDICES["cat"]: 81,
        255: 27,
    }
    (folder / sample.mask).write_bytes(mask_png([(7, (0, 0, 9, 9))], (96, 64)))
    finish(folder, "msmi", read_manifest(folder).samples)
    with pytest.raises(InputError, match=r"mask values \[7\] are no class's"):
        export_dataset(folder, tmp_path / "strange", "vpo-clean")


@pytest.mark.parametrize("spoilt", ["rate", "channels"])
def test_clips_that_cannot_be_mixed_are_one_line(
    small_duets: Path, tmp_path: Path, spoilt: str
) -> None:
    samples = read_manifest(small_duets).samples
    clip = samples[0].sources[0].clip_id
    sound: Any = waveform(clip)
    rate = 8_000 if spoilt == "rate" else 16_000
    if spoilt == "channels":
        sound = np.stack([sound, sound], axis=1)
    soundfile.write(small_duets / AUDIO / f"{clip}.wav", sound, rate, subtype="PCM_16")
    finish(small_duets, "ms", samples)
    with pytest.raises(InputError, match=clip):
        export_dataset(small_duets, tmp_path / "clean", "vpo-clean")


def test_the_authors_layout_holds_their_files_and_no_other(
    small_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "published"
    export_dataset(small_dataset, out, "published")
    built = small_dataset.parents[1]
    found = {path.relative_to(out) for path in out.rglob("*") if path.is_file()}
    home = Path("VPO/VPO-SS")
    samples = read_manifest(small_dataset).samples
    wanted = {home / path for sample in samples for path in (sample.image, sample.mask)}
    wanted |= {
        Path("vggsound_bench/VGGSound/audios") / f"{source.clip_id}.wav"
        for sample in samples
        for source in sample.sources
    }
    assert found == wanted | {home / "vpo_ss_data_stereo.csv"}
    for path in found:
        assert (out / path).read_bytes() == (built / path).read_bytes()


def test_msmi_as_published_finds_in_ms_what_it_shares(tmp_path: Path) -> None:
    ms = write_dataset(tmp_path / "data", DUETS[:1], "ms")
    folder = write_dataset(tmp_path / "data", DUETS, "msmi")
    _, *own = read_manifest(folder).samples
    shared = read_manifest(ms).samples[0]
    away = replace(shared, image=f"../VPO-MS/{shared.image}", mask=f"../VPO-MS/{shared.mask}")
    finish(folder, "msmi", [away, *own])
    out = tmp_path / "published"
    export_dataset(folder, out, "published")
    with (out / "VPO/VPO-MSMI/vpo_msmi_data_stereo.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            home = out / "VPO" / ("VPO-MSMI" if row["multi_instance"] == "1" else "VPO-MS")
            name = f"{int(row['img_Id']):012d}"
            assert (home / "data" / f"{name}.jpg").is_file()
            assert (home / "mask" / f"{name}.png").is_file()
            assert (out / "vggsound_bench/VGGSound/audios" / f"{row['vgg_file']}.wav").is_file()
    assert not (out / "VPO/VPO-MS/vpo_ms_data_stereo.csv").exists()


@pytest.mark.parametrize("target", ["published", "vpo-clean"])
def test_avsbench_has_no_layout_of_vpo(single_plus: Path, tmp_path: Path, target: Any) -> None:
    with pytest.raises(InputError, match="a layout of VPO"):
        export_dataset(single_plus / "avsbench_data_single_plus", tmp_path / "out", target)
