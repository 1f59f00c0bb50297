"""AVSBench as its copies lie about: training, scoring, counting and building read the same."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from PIL import Image

from avs_bench.data.audio import mix, read_moment
from avs_bench.data.avsbench import avsbench_dataset
from avs_bench.data.batch import collate, load_for_evaluation
from avs_bench.data.datasets import read_dataset
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.images import PictureReader
from tests.avsbench_trees import S4_VIDEOS, VOC, write_avss, write_s4
from tests.bench.data.test_avsbench import settings_for
from vpo_builder.config import WindowSettings
from vpo_builder.dataset.avsbench_media import NO_CLASS, mask_values
from vpo_builder.dataset.avsbench_trees import find_trees
from vpo_builder.rendering.single_plus import VideoTask, render_video
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.ffmpeg_program import ffmpeg_program
from vpo_builder.statistics.avsbench import count_tree

WINDOW = WindowSettings(sample_rate=16_000, seconds=1.0, start_seconds=0.0, max_shift_seconds=0.5)
CALL = tuple(replace(video, seconds=5.0) for video in S4_VIDEOS[3:5])


def target_of(dataset: AVSDataset, example: Example) -> np.ndarray:
    return np.asarray(PictureReader(dataset.mask_lookup, 0).read(example).target)


def heard_by_all(folder: Path, out: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the second of the val video's third frame, as a model and as a build hear it."""
    (tree,) = find_trees(folder)
    assert count_tree(tree).lacking == ()
    frame = avsbench_dataset(tree).videos["val"][0][2]
    (video,) = [video for video in tree.videos if video.subset == "val"]
    rendered = render_video(VideoTask(video, 1, out, WINDOW))
    assert rendered.rejections == []
    built, _ = soundfile.read(out / "audios" / f"{video.name}_3.wav", dtype="float32")
    return mix(frame.sources, 1, 1)[0], built


def tone(rate: int) -> np.ndarray:
    """Return five seconds [samples, 3] of tones, another in each second and channel."""
    times = np.arange(5 * rate) / rate
    pitches = 200 * (1 + times.astype(int))[:, None] * np.array([1.0, 2.0, 3.0])
    return 0.2 * np.sin(2 * np.pi * pitches * times[:, None])


@pytest.mark.parametrize("rate", [44_100, 8_000])
def test_recordings_of_any_rate_and_channels_are_heard_alike(tmp_path: Path, rate: int) -> None:
    write_s4(tmp_path, CALL)
    for wav in tmp_path.rglob("*.wav"):
        soundfile.write(wav, tone(rate), rate, subtype="FLOAT")
    model, build = heard_by_all(tmp_path, tmp_path / "out")
    expected = soxr.resample(tone(rate).mean(axis=1), rate, 16_000)[32_000:48_000]
    np.testing.assert_allclose(model, expected, atol=1e-4)
    np.testing.assert_allclose(model, build, atol=2**-15)


def test_the_sound_of_a_raw_video_stands_in_for_a_missing_wav(tmp_path: Path) -> None:
    write_s4(tmp_path, CALL)
    data = tmp_path / "Single-source" / "s4_data"
    for wav in data.rglob("*.wav"):
        soundfile.write(wav, tone(44_100)[:, :2], 44_100, subtype="FLOAT")
        video = data / "raw_videos" / wav.relative_to(data / "audio_wav").with_suffix(".mp4")
        video.parent.mkdir(parents=True)
        words = ["-i", wav, "-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=5"]
        form = ["-map", "0:a", "-map", "1:v", "-c:a", "aac", "-b:a", "192k", video]
        command = [ffmpeg_program(), "-loglevel", "error", *words, *form]
        subprocess.run(list(map(str, command)), check=True)
    right, _ = heard_by_all(tmp_path, tmp_path / "out")
    assert {video.audio.suffix for video in find_trees(tmp_path)[0].videos} == {".wav"}
    shutil.rmtree(data / "audio_wav")
    model, build = heard_by_all(tmp_path, tmp_path / "again")
    np.testing.assert_allclose(model, build, atol=2**-15)
    assert np.corrcoef(model, right)[0, 1] > 0.98  # AAC, in place to less than a period
    shutil.rmtree(data / "raw_videos")
    (tree,) = find_trees(tmp_path)
    assert len(count_tree(tree).lacking) == 2
    with pytest.raises(InputError, match=r"\.wav: no such file, though its list has it") as caught:
        mix(avsbench_dataset(tree).videos["val"][0][0].sources, 1, 1)
    assert "verify" not in str(caught.value)


def test_colours_alone_are_taken_back_to_class_indices(tmp_path: Path) -> None:
    write_avss(tmp_path)
    before = read_dataset(tmp_path)
    targets = [target_of(before, example) for example in before.subsets["test"]]
    for folder in tmp_path.rglob("labels_semantic"):
        shutil.rmtree(folder)
    (tree,) = find_trees(tmp_path)
    assert (count_tree(tree).lacking, count_tree(tree).total.found) == ((), 36)
    after = avsbench_dataset(tree)
    assert after.sha256 == before.sha256
    for example, target in zip(after.subsets["test"], targets, strict=True):
        np.testing.assert_array_equal(target_of(after, example), target)
    example = after.subsets["test"][0]
    Image.new("RGB", (40, 24), (1, 2, 3)).save(example.mask)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"is no class of this dataset.*of one") as caught:
        target_of(after, example)
    assert "vpo" not in str(caught.value)


def test_what_sounds_off_the_screen_is_heard_and_is_no_source(tmp_path: Path) -> None:
    path = write_avss(tmp_path) / "AVSBench_semantic" / "metadata.csv"
    text = path.read_text().replace(",guitar_man,", ",off-the-screen_guitar_background,")
    path.write_text(text.replace(",cat_dog,", ",off-the-screen,"))
    (tree,) = find_trees(tmp_path)
    assert not {"off-the-screen", "background"} & {name for name, _ in count_tree(tree).by_category}
    dataset = avsbench_dataset(tree)
    by_unit = {video[0].unit: video[0] for video in dataset.videos["test"]}
    guitar, nothing = by_unit["v1m_avss_m2_0_5000"], by_unit["v2_avss_w2_5000_15000"]
    assert [dataset.classes[index] for index in guitar.heard] == ["guitar"]
    assert (guitar.groups["sources"], nothing.groups["sources"]) == ("1", "0")
    assert nothing.heard == frozenset()
    assert mix(nothing.sources, 1, 1).any()
    settings = settings_for(1)
    loaded = load_for_evaluation(
        nothing, PictureReader(dataset.mask_lookup, 0), settings.image, settings.audio
    )
    assert not collate([loaded], len(dataset.classes)).sounding.any()


def test_a_mask_of_another_size_is_brought_to_its_frame_by_all(tmp_path: Path) -> None:
    write_s4(tmp_path, CALL, size=(32, 32), frame_size=(64, 48))
    (tree,) = find_trees(tmp_path)
    dataset = avsbench_dataset(tree)
    example = dataset.subsets["val"][0]
    assert (example.width, example.height) == (64, 48)
    (video,) = [video for video in tree.videos if video.subset == "val"]
    render_video(VideoTask(video, 1, tmp_path / "out", WINDOW))
    with Image.open(tmp_path / "out" / "labels" / f"{video.name}_1.png") as built:
        np.testing.assert_array_equal(target_of(dataset, example), np.asarray(built))


def palette(values: np.ndarray) -> Image.Image:
    image = Image.fromarray(values, "P")
    image.putpalette([0, 0, 0, 9, 9, 9] + [7] * 750)
    return image


SHAPE = np.array([[0, 1], [1, 0]], np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(SHAPE * np.uint8(255)),
        Image.fromarray(SHAPE),
        Image.fromarray(SHAPE * np.uint8(128)),
        Image.fromarray(np.array([[127, 250], [201, 3]], np.uint8)),
        Image.fromarray(SHAPE * np.uint8(255)).convert("1"),
        Image.fromarray(SHAPE * np.uint8(255)).convert("RGB"),
        Image.fromarray(SHAPE.astype(np.uint16) * np.uint16(65_535)),
        palette(SHAPE),
        palette(SHAPE * np.uint8(2)),
        palette(SHAPE * np.uint8(255)),
    ],
)
def test_an_object_is_an_object_in_whatever_mode_it_is_stored(image: Image.Image) -> None:
    np.testing.assert_array_equal(mask_values(image, "object"), SHAPE)


def test_values_that_are_no_index_are_refused() -> None:
    with pytest.raises(ValueError, match="coloured"):
        mask_values(Image.new("RGB", (2, 2), "red"), "object")
    with pytest.raises(ValueError, match="pixel value 256"):
        mask_values(Image.fromarray(np.full((2, 2), 256, np.uint16)), "labels")
    assert mask_values(Image.fromarray(np.full((2, 2), 70, np.uint16)), "labels").max() == 70
    strange = mask_values(Image.new("RGB", (1, 1), (1, 0, 0)), "colours")
    assert strange.tolist() == [[NO_CLASS]]
    known = mask_values(Image.fromarray(VOC[None]), "colours")
    assert known.tolist() == [list(range(len(VOC)))]


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no sound at all" * 9])
def test_a_recording_that_is_none_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.wav: cannot be heard: ") as caught:
        read_moment(path, 0, 16_000, 1.0)
    assert "\n" not in str(caught.value)
    assert "verify" not in str(caught.value)
