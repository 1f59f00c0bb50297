import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from avs_bench.config import read_preset
from avs_bench.data.audio import mix, read_moment
from avs_bench.data.avsbench import read_labels
from avs_bench.data.datasets import read_dataset
from avs_bench.data.holdout import hold_out
from avs_bench.data.images import PictureReader
from avs_bench.data.loader import plain_batches, training_batches, training_order
from avs_bench.data.spectrograms import VGGISH_STEP, vggish_examples
from tests.avsbench_trees import (
    AVSS_CLASSES,
    AVSS_VIDEOS,
    MS3_VIDEOS,
    S4_VIDEOS,
    outline,
    semantic_mask,
    unpickled_mark,
    waveform,
    write_avss,
    write_ms3,
    write_s4,
)
from tests.builder.dataset_by_hand import write_dataset
from vpo_builder.runtime.errors import InputError


def settings_for(frames, **train):
    settings = read_preset("tiny", ("image.long_side=0", "image.crop=32", "audio.seconds=1"))
    image = replace(settings.image, frames=frames)
    return replace(settings, image=image, train=replace(settings.train, **train))


@pytest.mark.parametrize("place", ["", "Single-source"])
def test_s4_is_read_from_its_folder_or_the_one_above(tmp_path, place):
    dataset = read_dataset(write_s4(tmp_path) / place)
    assert (dataset.name, dataset.family) == ("AVSBench-S4", "video")
    assert dataset.classes == ("background", "object")
    assert {s: len(e) for s, e in dataset.subsets.items()} == {"train": 3, "val": 5, "test": 10}
    assert [len(video) for video in dataset.videos["train"]] == [5, 5, 5]
    for video in dataset.videos["train"]:
        assert [frame.mask is None for frame in video] == [False, True, True, True, True]
    assert len({e.unit for e in dataset.subsets["test"]}) == 2
    assert not unpickled_mark(tmp_path).exists()


def test_s4_and_ms3_masks_are_background_and_object(tmp_path):
    for write, video in ((write_s4, S4_VIDEOS[-1]), (write_ms3, MS3_VIDEOS[-1])):
        dataset = read_dataset(write(tmp_path / write.__name__))
        example = dataset.subsets["test"][-1]
        target = PictureReader(dataset.mask_lookup, 0).read(example).target
        np.testing.assert_array_equal(np.asarray(target), outline(video.name, 5, (32, 32)))


def test_ms3_annotates_every_frame(tmp_path):
    dataset = read_dataset(write_ms3(tmp_path))
    assert {s: len(e) for s, e in dataset.subsets.items()} == {"train": 5, "val": 5, "test": 5}
    assert dataset.subsets["train"][0].image.name.endswith(".mp4_1.png")


@pytest.mark.parametrize("one_based", [False, True])
def test_avss_has_its_lengths_classes_and_masks(tmp_path, one_based):
    dataset = read_dataset(write_avss(tmp_path, one_based=one_based))
    assert (dataset.family, dataset.classes) == ("frame", AVSS_CLASSES)
    lengths = {video[0].unit: len(video) for v in dataset.videos.values() for video in v}
    assert lengths["v2_avss_w1_0_10000"] == 10
    assert lengths["v1s_-avss_s1_0_5000"] == 5
    parts = [e.groups["part"] for e in dataset.subsets["train"]]
    assert {part: parts.count(part) for part in parts} == {"v1s": 1, "v1m": 5, "v2": 10}

    duet = next(e for e in dataset.subsets["test"] if e.groups["part"] == "v1m")
    assert [dataset.classes[s.class_index] for s in duet.sources] == ["guitar", "man"]
    target = np.asarray(PictureReader(dataset.mask_lookup, 0).read(duet).target)
    np.testing.assert_array_equal(target, semantic_mask(AVSS_VIDEOS[3], 0, (40, 24)))


def test_a_recording_of_two_classes_is_heard_once_where_its_frame_is(tmp_path):
    dataset = read_dataset(write_avss(tmp_path))
    frame = dataset.videos["test"][0][2]
    assert len(frame.sources) == 2
    video = next(v for v in AVSS_VIDEOS if frame.unit.endswith(v.name))
    expected = waveform(video)[32_000:48_000].mean(axis=1) / 2**15
    np.testing.assert_allclose(mix(frame.sources, 1, 1)[0], expected, atol=1e-7)


@pytest.mark.parametrize(
    ("frame", "seconds", "step", "first"),
    [(0, 1, 1.0, 0), (3, 1, 1.0, 48_000), (3, 1, 0.96, 46_080), (2, 3, 1.0, 16_000)],
)
def test_the_moment_of_a_frame_is_read(tmp_path, frame, seconds, step, first):
    samples = np.arange(80_000) % 30_000
    soundfile.write(tmp_path / "a.wav", samples.astype(np.int16), 16_000, subtype="PCM_16")
    read = read_moment(tmp_path / "a.wav", frame, seconds * 16_000, step) * 2**15
    np.testing.assert_array_equal(read, samples[first : first + seconds * 16_000])


def test_a_moment_at_the_ends_is_moved_into_the_recording_and_a_short_one_tiled(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.arange(79_360, dtype=np.int32) // 4, 16_000)
    whole = read_moment(tmp_path / "a.wav", 0, 79_360, 1.0)
    np.testing.assert_array_equal(read_moment(tmp_path / "a.wav", 4, 16_000, 1.0), whole[-16_000:])
    np.testing.assert_array_equal(read_moment(tmp_path / "a.wav", 0, 48_000, 1.0), whole[:48_000])
    soundfile.write(tmp_path / "b.wav", np.arange(5_000, dtype=np.int16), 16_000)
    short = read_moment(tmp_path / "b.wav", 4, 16_000, 1.0)
    np.testing.assert_array_equal(short[:5_000], short[5_000:10_000])


def test_a_frame_hears_the_very_vggish_example_of_the_whole_recording(tmp_path):
    noise = np.random.default_rng(0).integers(-9_000, 9_000, (80_000, 2)).astype(np.int16)
    soundfile.write(tmp_path / "a.wav", noise, 16_000, subtype="PCM_16")
    whole = torch.from_numpy(read_moment(tmp_path / "a.wav", 0, 80_000, 1.0))
    step = read_preset("tpavi-r50-s4").audio.frame_step
    assert step == VGGISH_STEP
    moments = [read_moment(tmp_path / "a.wav", frame, 16_000, step) for frame in range(5)]
    heard = vggish_examples(torch.from_numpy(np.stack(moments)))[:, 0]
    assert torch.equal(heard, vggish_examples(whole))


def test_clips_hold_unannotated_frames_whose_pixels_are_ignored(tmp_path):
    dataset = read_dataset(write_s4(tmp_path))
    settings = settings_for(5, batch_size=2)
    order = training_order(dataset, settings)
    assert order.examples == 3
    (batch,) = training_batches(dataset, settings, order, 0, 1)
    assert batch.clips.lengths == (5, 5)
    assert batch.images.shape == (10, 3, 32, 32)
    labelled = (batch.targets != 255).flatten(1).any(1).tolist()
    assert labelled == [True, False, False, False, False] * 2


def test_frames_of_a_clip_share_their_view(tmp_path):
    dataset = read_dataset(write_ms3(tmp_path))
    still = dataset.videos["train"][0][0]
    video = tuple(replace(f, image=still.image) for f in dataset.videos["train"][0])
    dataset = replace(dataset, videos=dataset.videos | {"train": (video,)})
    settings = settings_for(5, batch_size=1)
    order = training_order(dataset, settings)
    (batch,) = training_batches(dataset, settings, order, 0, 1)
    assert (batch.images == batch.images[0]).all()


def test_short_videos_are_padded_and_unpacked_again(tmp_path):
    dataset = read_dataset(write_avss(tmp_path))
    settings = settings_for(10)
    (batch,) = plain_batches(dataset, dataset.subsets["train"], settings)
    assert sorted(batch.clips.lengths) == [5, 5, 10]
    clips = batch.clips.pack(batch.images)
    assert clips.shape[:2] == (3, 10)
    assert torch.equal(batch.clips.unpack(clips.flatten(0, 1)), batch.images)
    valid = batch.clips.valid(torch.device("cpu"))
    assert valid.sum(1).tolist() == list(map(float, batch.clips.lengths))
    assert not clips[valid == 0].any()


def test_a_video_longer_than_a_clip_is_cut(tmp_path):
    dataset = read_dataset(write_avss(tmp_path))
    batches = plain_batches(dataset, dataset.subsets["test"], settings_for(5))
    assert [length for b in batches for length in b.clips.lengths] == [5, 5, 5]


def test_a_step_on_avss_has_four_videos_of_ten_frames_as_eight_clips_of_five(tmp_path):
    dataset = read_dataset(write_avss(tmp_path))
    settings = read_preset("tpavi-r50-avss", ("image.long_side=32", "image.crop=32"))
    settings = replace(settings, loader=replace(settings.loader, workers=0))
    order = training_order(dataset, settings)
    assert order.examples == len(dataset.videos["train"])  # a video is drawn once in a pass
    (batch,) = training_batches(dataset, settings, order, 0, 1)
    videos = [len(dataset.videos["train"][draw.index]) for draw in order.batch(0)]
    assert sorted(set(videos)) == [5, 10]
    assert batch.clips.lengths == tuple(n for frames in videos for n in (5, frames - 5))
    assert batch.clips.pack(batch.images).shape[:2] == (8, 5)
    firsts = [rows.start for rows, _ in batch.clips.parts(1)]
    assert firsts == [sum(videos[:video]) for video in range(4)]  # micro-batches are of videos


def test_holding_out_a_class_leaves_its_videos_out_too(tmp_path):
    kept = hold_out(read_dataset(write_avss(tmp_path)), ["man", "cat"])
    assert [video[0].groups["part"] for video in kept.videos["train"]] == ["v2"]
    assert {e.unit for e in kept.subsets["train"]} == {v[0].unit for v in kept.videos["train"]}
    assert len(kept.videos["test"]) == 2


def test_single_plus_is_read_through_its_manifest(tmp_path):
    dataset = read_dataset(write_dataset(tmp_path))
    assert dataset.family == "dataset"
    assert not dataset.videos


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("name", "../../etc", "is no video's name"),
        ("category", "unicorn", "unknown category 'unicorn'"),
        ("split", "holdout", "expected one of train, val, test"),
    ],
)
def test_hostile_values_of_a_list_are_one_line(tmp_path, column, value, message):
    path = write_s4(tmp_path) / "Single-source" / "s4_meta_data.csv"
    rows = list(csv.DictReader(path.open()))
    rows[1][column] = value
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(InputError, match=message) as caught:
        read_dataset(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "table",
    [
        "[]",
        "{}",
        '{"background": 0}',
        '{"cat": 0, "background": 1}',
        '{"background": 0, "cat": 2}',
        '{"background": 0, "cat": 0}',
        '{"background": 0, "../cat": 1}',
        json.dumps({"background": 0} | {f"class {n}": n for n in range(1, 300)}),
    ],
)
def test_a_label_table_that_is_none_is_one_line(tmp_path, table):
    (tmp_path / "label2idx.json").write_text(table)
    with pytest.raises(InputError, match=r"label2idx\.json: ") as caught:
        read_labels(tmp_path / "label2idx.json")
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_before_a_label_table_is_no_text(tmp_path):
    (tmp_path / "label2idx.json").write_bytes(b'\xef\xbb\xbf{"background": 0, "cat": 1}')
    assert read_labels(tmp_path / "label2idx.json") == ("background", "cat")


def test_a_category_without_a_label_and_a_missing_mask_are_named(tmp_path):
    root = write_avss(tmp_path) / "AVSBench_semantic"
    labels = {name: n for n, name in enumerate(n for n in AVSS_CLASSES if n != "guitar")}
    (root / "label2idx.json").write_text(json.dumps(labels))
    with pytest.raises(InputError, match=r"sounds 'guitar', which label2idx\.json lacks"):
        read_dataset(tmp_path)
    write_avss(tmp_path)
    for labels in ("labels_semantic", "labels_rgb"):
        (root / "v1s" / "-avss_s1_0_5000" / labels / "0.png").unlink()
    with pytest.raises(InputError, match=r"0\.png: no such file"):
        read_dataset(tmp_path)


def test_a_folder_of_several_of_none_or_nowhere_says_what_to_give(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read_dataset(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"s4_meta_data\.csv, ms3_meta_data\.csv, metadata\.csv"):
        read_dataset(tmp_path)
    write_s4(tmp_path)
    write_ms3(tmp_path)
    with pytest.raises(InputError, match=r"holds S4 .*, MS3 .*: give the folder of one"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("mode", ["1", "RGB", "L"])
def test_a_black_and_white_mask_may_be_stored_in_any_mode(tmp_path, mode):
    dataset = read_dataset(write_s4(tmp_path))
    example = dataset.subsets["val"][0]
    before = np.asarray(PictureReader(dataset.mask_lookup, 0).read(example).target)
    Image.open(example.mask).convert(mode).save(example.mask)
    after = np.asarray(PictureReader(dataset.mask_lookup, 0).read(example).target)
    np.testing.assert_array_equal(before, after)
    Image.new("RGB", (32, 32), "red").save(example.mask)
    with pytest.raises(InputError, match="a coloured picture"):
        PictureReader(dataset.mask_lookup, 0).read(example)
