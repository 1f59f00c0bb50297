"""AVSBench-Single+: S4 as published becomes 24-class samples with a second of sound each."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import avsbench_trees
from tests.avsbench_trees import S4_VIDEOS, MadeVideo, outline, photograph, waveform, write_s4
from tests.builder.begun_again import begun_again
from tests.builder.building_single_plus import (
    FOLDER,
    build_from,
    contents,
    files_of,
    run_single_plus,
)
from tests.builder.single_plus_loader import CLASSES, Loaded, load
from vpo_builder.config import WindowSettings
from vpo_builder.dataset.manifest import MANIFEST, read_manifest
from vpo_builder.dataset.schema import SUBSETS
from vpo_builder.publishing.media_record import note_media
from vpo_builder.rendering.clip_sound import resample_to_mono
from vpo_builder.rendering.recording import Recording
from vpo_builder.rendering.single_plus import cut_window
from vpo_builder.runtime.errors import InputError
from vpo_builder.verify.verify import verify

RATE = 16_000


@pytest.fixture(scope="module")
def samples(single_plus: Path) -> dict[str, Loaded]:
    return {sample.name: sample for sample in load(single_plus)}


def test_every_annotated_frame_is_a_sample(samples: dict[str, Loaded]) -> None:
    wanted = {
        f"{video.name}_{number}": video
        for video in S4_VIDEOS
        for number in ((1,) if video.subset == "train" else range(1, 6))
    }
    assert samples.keys() == wanted.keys()
    for name, video in wanted.items():
        assert samples[name].classes == (video.categories[0], "background")
        assert samples[name].subset == video.subset


def test_labels_hold_the_class_where_the_mask_is_white(samples: dict[str, Loaded]) -> None:
    for video in S4_VIDEOS:
        sample = samples[f"{video.name}_1"]
        mask = outline(video.name, 1, (32, 32))
        np.testing.assert_array_equal(sample.label, mask * CLASSES.index(video.categories[0]))
        np.testing.assert_array_equal(sample.salient, mask)


def test_salient_labels_also_read_as_the_black_and_white_of_s4(single_plus: Path) -> None:
    for path in (single_plus / FOLDER / "salient_labels").iterdir():
        with Image.open(path) as image:
            white = np.asarray(image.convert("1"))
            np.testing.assert_array_equal(white, np.asarray(image) == 1)


def test_frames_are_those_of_s4_byte_for_byte(s4_tree: Path, single_plus: Path) -> None:
    for video in S4_VIDEOS:
        name = f"{video.name}_1.png"
        source = files_of(s4_tree, video, "visual_frames") / name
        assert (single_plus / FOLDER / "frames" / name).read_bytes() == source.read_bytes()


def test_the_sound_of_frame_i_is_second_i_in_mono(samples: dict[str, Loaded]) -> None:
    video = S4_VIDEOS[-1]
    mono = waveform(video).astype(np.float32).mean(axis=1)
    for number in range(1, 6):
        second = mono[(number - 1) * RATE : number * RATE]
        heard = samples[f"{video.name}_{number}"].sound
        assert heard.shape == (RATE,)
        assert np.abs(heard - second).max() <= 0.5


def test_a_recording_some_milliseconds_short_gives_its_last_second(tmp_path: Path) -> None:
    short = MadeVideo("6sHoRtViDeo", "test", ("race_car",), seconds=4.9)
    tree = write_s4(tmp_path / "short", [short])
    build_from(tree, tmp_path / "out")
    heard = {sample.name: sample.sound for sample in load(tmp_path / "out")}
    mono = waveform(short).astype(np.float32).mean(axis=1)
    assert np.abs(heard["6sHoRtViDeo_5"] - mono[-RATE:]).max() <= 0.5
    assert np.abs(heard["6sHoRtViDeo_4"] - mono[3 * RATE : 4 * RATE]).max() <= 0.5


def test_windows_have_their_length_and_stay_near_their_frame() -> None:
    sound = np.arange(5 * 100, dtype=np.float32)
    second = WindowSettings(100, 1.0, 0.0, 0.5)
    centred = WindowSettings(100, 1.0, 0.4375, 0.5)
    assert [cut_window(sound, n, second)[0] for n in range(1, 6)] == [0, 100, 200, 300, 400]
    assert [cut_window(sound, n, centred)[0] for n in range(1, 6)] == [44, 144, 244, 344, 400]
    assert cut_window(sound[:449], 5, second) is None
    assert cut_window(sound[:450], 5, second)[-1] == 449
    assert cut_window(sound[:99], 1, second) is None


def test_the_manifest_says_what_the_files_are(single_plus: Path) -> None:
    manifest = read_manifest(single_plus / FOLDER)
    assert [row.name for row in manifest.meta.classes] == list(CLASSES)
    assert [row.mask_value for row in manifest.meta.classes] == list(range(24))
    assert manifest.meta.funnel["videos"] == {"entered": 6, "used": 6}
    assert manifest.meta.funnel["samples"] == {"entered": 18, "train": 3, "val": 5, "test": 10}
    for sample in manifest.samples:
        (source,) = sample.sources
        video, _, number = sample.sample_id.rpartition("_")
        assert (source.ann_id, source.clip_id) == (int(number), sample.sample_id)
        assert manifest.clip_path(source.clip_id).is_file()
        assert source.pan == 0.5
        assert video in {made.name for made in S4_VIDEOS}
    assert len({sample.image_id for sample in manifest.samples}) == len(manifest.samples)
    assert {sample.subset for sample in manifest.samples} == set(SUBSETS)


def test_a_build_verifies_and_no_pickle_was_opened(s4_tree: Path, single_plus: Path) -> None:
    assert verify(single_plus / FOLDER, decode=True).faults == ()
    assert not avsbench_trees.unpickled_mark(s4_tree).exists()


def test_larger_frames_keep_their_size_and_the_mask_is_scaled(tmp_path: Path) -> None:
    video = MadeVideo("7lArGeFrAme", "val", ("helicopter",))
    tree = write_s4(tmp_path / "avsbench", [video], size=(16, 16), frame_size=(48, 32))
    build_from(tree, tmp_path / "data")
    for sample in load(tmp_path / "data"):
        number = int(sample.name[-1])
        frame = np.asarray(photograph(video.name, number, (48, 32)))
        np.testing.assert_array_equal(sample.frame, frame)
        small = outline(video.name, number, (16, 16))
        np.testing.assert_array_equal(sample.salient, small.repeat(2, 0).repeat(3, 1))


def test_any_number_of_workers_gives_the_same_bytes(
    s4_tree: Path, single_plus: Path, tmp_path: Path
) -> None:
    build_from(s4_tree, tmp_path, workers=2)
    assert contents(tmp_path) == contents(single_plus)


def test_an_interrupted_build_resumes_to_the_same_bytes(
    s4_tree: Path, single_plus: Path, tmp_path: Path
) -> None:
    build_from(s4_tree, tmp_path)
    folder = tmp_path / FOLDER
    begun_again(folder)
    (folder / MANIFEST).unlink()
    note_media(folder, ["audios/stale_9.wav"])
    (folder / "frames" / "5tEsTpIaNo5_2.png").write_bytes(b"half a file")
    (folder / "audios" / "stale_9.wav").write_bytes(b"of an earlier run")
    kept = folder / "labels" / "5tEsTpIaNo5_2.png"
    age = kept.stat().st_mtime_ns
    build_from(s4_tree, tmp_path)
    assert contents(tmp_path) == contents(single_plus)
    assert kept.stat().st_mtime_ns == age, "a file that was whole is left alone"
    assert build_from(s4_tree, tmp_path).already_built


def test_other_settings_are_not_mixed_into_a_dataset(
    s4_tree: Path, single_plus: Path, tmp_path: Path
) -> None:
    shutil.copytree(single_plus / FOLDER, tmp_path / FOLDER)
    with pytest.raises(InputError, match=r"audio\.start_seconds is 0\.0, now 0\.25"):
        build_from(s4_tree, tmp_path, "audio.start_seconds=0.25")


def test_the_command_prints_the_funnel(s4_tree: Path, tmp_path: Path) -> None:
    result = run_single_plus("--avsbench", s4_tree, "--out", tmp_path)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].split() == ["videos", "6"]
    assert result.stdout.splitlines()[-1].endswith("avsbench_data_single_plus: 18 samples")


def test_sound_of_another_rate_keeps_its_time() -> None:
    seconds = np.arange(5 * 44_100, dtype=np.float32) / 44_100
    wave = np.sin(2 * np.pi * 440 * seconds)
    mono = resample_to_mono(Recording(wave, 44_100, 5.0), RATE)
    wanted = np.sin(2 * np.pi * 440 * np.arange(5 * RATE) / RATE)
    assert mono.shape == (5 * RATE,)
    assert np.abs(mono - wanted)[100:-100].max() < 1e-3
