"""AVSBench-Single+: what is missing is listed, and what a user can get wrong is one line."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.avsbench_trees import S4_VIDEOS, MadeVideo, write_s4
from tests.builder.building import run_build
from tests.builder.building_single_plus import (
    FOLDER,
    build_from,
    build_what_is_there,
    contents,
    files_of,
    rejections,
    run_single_plus,
)
from tests.builder.single_plus_loader import load
from vpo_builder.dataset.manifest import META
from vpo_builder.runtime.errors import InputError
from vpo_builder.verify.verify import verify


def test_what_is_missing_is_listed_with_its_reason(own_s4_tree: Path, tmp_path: Path) -> None:
    gone, mute, broken, spotty, *_ = S4_VIDEOS
    for kind in ("visual_frames", "gt_masks"):
        shutil.rmtree(files_of(own_s4_tree, gone, kind))
    files_of(own_s4_tree, gone, "audio_wav").unlink()
    files_of(own_s4_tree, mute, "audio_wav").unlink()
    files_of(own_s4_tree, broken, "audio_wav").write_bytes(b"RIFF")
    frames, masks = (files_of(own_s4_tree, spotty, kind) for kind in ("visual_frames", "gt_masks"))
    names = [f"{spotty.name}_{number}" for number in range(1, 6)]
    (frames / f"{names[0]}.png").unlink()
    cut = frames / f"{names[1]}.png"
    cut.write_bytes(cut.read_bytes()[:-30])
    (masks / f"{names[2]}.png").unlink()
    (masks / f"{names[3]}.png").write_bytes(b"\x89PNG")
    Image.new("L", (32, 32)).save(masks / f"{names[4]}.png")
    report = build_what_is_there(own_s4_tree, tmp_path)
    assert rejections(tmp_path) == {
        f"video {gone.name}": "video_missing",
        f"video {mute.name}": "audio_missing",
        f"video {broken.name}": "clip_undecodable",
        f"frame {names[0]}": "image_missing",
        f"frame {names[1]}": "image_corrupt",
        f"frame {names[2]}": "mask_missing",
        f"frame {names[3]}": "mask_corrupt",
        f"frame {names[4]}": "mask_empty",
    }
    assert report.notes == [
        f"missing videos, listed in rejections.jsonl: {gone.name}",
        "tested but never trained: dog_barking, playing_piano",
    ]
    assert report.funnel["videos"] == {
        "entered": 6, "used": 2, "audio_missing": 1, "clip_undecodable": 1,
        "no_usable_frame": 1, "video_missing": 1,
    }  # fmt: skip
    assert report.funnel["frames"]["video_dropped"] == 3
    assert {sample.name.rpartition("_")[0] for sample in load(tmp_path)} == {
        video.name for video in S4_VIDEOS[4:]
    }
    assert verify(tmp_path / FOLDER, decode=True).faults == ()


def test_sound_that_ends_before_its_frame_is_refused(tmp_path: Path) -> None:
    videos = [
        MadeVideo("8cUtShOrt_8", "test", ("race_car",), seconds=3.2),
        MadeVideo("9tOoShOrt_9", "test", ("race_car",), seconds=0.9),
    ]
    build_what_is_there(write_s4(tmp_path / "avsbench", videos), tmp_path)
    assert rejections(tmp_path) == {
        "frame 8cUtShOrt_8_4": "clip_truncated",
        "frame 8cUtShOrt_8_5": "clip_truncated",
        "video 9tOoShOrt_9": "clip_too_short",
    }


def test_much_missing_stops_the_build_and_strict_stops_at_once(
    own_s4_tree: Path, tmp_path: Path
) -> None:
    files_of(own_s4_tree, S4_VIDEOS[0], "audio_wav").unlink()
    with pytest.raises(InputError, match=r"1 of 18 selected images .* -0aBcDeFgHi_1"):
        build_from(own_s4_tree, tmp_path)
    with pytest.raises(InputError, match=r"--strict: video -0aBcDeFgHi \(audio_missing\)"):
        build_from(own_s4_tree, tmp_path, "limits.max_missing_fraction=1.0", strict=True)
    assert not (tmp_path / FOLDER / META).exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name,start,category,split", "id,start,label,split", "no column name, category: expected"),
        ("cat_meowing", "cat", "line 2: unknown category 'cat'"),
        ("train", "dev", "line 2: split 'dev', expected one of train, val, test"),
        ("-0aBcDeFgHi", "../../etc/passwd", "line 2: '../../etc/passwd' is no video's name"),
        ("-0aBcDeFgHi", "..", "line 2: '..' is no video's name"),
        ("-0aBcDeFgHi", "", "line 2: '' is no video's name"),
        ("-0aBcDeFgHi,0,", "-0aBcDeFgHi,", "line 2: expected 4 columns"),
        ("-0aBcDeFgHi", "-0aBcDeFgHi,1", "line 2: expected 4 columns"),
        ("2dOgTrAiN-d", "-0aBcDeFgHi", "line 4: video -0aBcDeFgHi stands there twice"),
        ("-0aBcDeFgHi", "\x00" * 3, "is no video's name"),
        ("race_car", '"' + "x" * 200_000, "not csv: field larger than field limit"),
    ],
)
def test_a_wrong_csv_stops_the_build_in_one_line(
    own_s4_tree: Path, tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = own_s4_tree / "Single-source" / "s4_meta_data.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    result = run_single_plus("--avsbench", own_s4_tree, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "s4_meta_data.csv" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--avsbench", "nowhere"), "nowhere: no such folder"),
        (("--avsbench", "."), "no s4_meta_data.csv in it or one folder below"),
        (("--avsbench", ".", "--coco", "x"), "--coco: avsbench-single-plus is made of S4 alone"),
        (("--avsbench", ".", "--seed", "1"), "--seed: avsbench-single-plus is made of S4 alone"),
        (("--avsbench", ".", "--set", "audio.seconds=9"), "audio.seconds: 9.0 is outside"),
        (("--avsbench", ".", "--set", "person.policy=drop"), "unknown setting 'person'"),
    ],
)
def test_wrong_options_say_so(
    tmp_path: Path, options: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run_single_plus(*options, "--out", tmp_path / "out")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr


def test_what_crosses_s4_s_subsets_is_named_and_stops_only_on_request(
    own_s4_tree: Path, tmp_path: Path
) -> None:
    trained, tested = S4_VIDEOS[1], S4_VIDEOS[4]
    first, second = (files_of(own_s4_tree, video, "audio_wav") for video in (trained, tested))
    shutil.copy(first, second)
    first, second = (
        files_of(own_s4_tree, video, "visual_frames") / f"{video.name}_1.png"
        for video in (trained, tested)
    )
    shutil.copy(first, second)
    report = build_from(own_s4_tree, tmp_path / "out")
    assert report.notes[0].startswith("2 leaks across S4's subsets: identical image ")
    assert "identical audio" in report.notes[0]
    assert report.notes[1] == f"vpo-data audit {tmp_path}/out/{FOLDER} shows them"
    assert report.funnel["samples"]["entered"] == 18
    with pytest.raises(InputError, match=r"2 leaks across S4's subsets: .* audit\.leaks to warn"):
        build_from(own_s4_tree, tmp_path / "strict", "audit.leaks=fail")
    assert not (tmp_path / "strict" / FOLDER / META).exists()


def test_a_manifest_is_rebuilt_and_what_it_lacks_is_named(
    own_s4_tree: Path, single_plus: Path, tmp_path: Path
) -> None:
    manifest = ("--from-manifest", single_plus / FOLDER / "manifest.jsonl")
    sources = ("--avsbench", own_s4_tree, "--workers", 1)
    whole = run_build(*manifest, *sources, "--out", tmp_path / "whole")
    assert whole.exit_code == 0, whole.stderr
    assert contents(tmp_path / "whole") == contents(single_plus)
    (files_of(own_s4_tree, S4_VIDEOS[3], "gt_masks") / f"{S4_VIDEOS[3].name}_2.png").unlink()
    refused = run_build(*manifest, *sources, "--out", tmp_path / "part")
    assert "limits.max_missing_fraction" in refused.stderr


def test_two_trees_in_one_folder_are_told_apart_by_the_user(
    own_s4_tree: Path, tmp_path: Path
) -> None:
    shutil.copytree(own_s4_tree / "Single-source", own_s4_tree / "copy")
    with pytest.raises(InputError, match=r"s4_meta_data\.csv is there twice"):
        build_from(own_s4_tree, tmp_path)
    build_from(own_s4_tree / "copy", tmp_path)


def test_the_media_may_lie_beside_the_csv(
    own_s4_tree: Path, single_plus: Path, tmp_path: Path
) -> None:
    source = own_s4_tree / "Single-source"
    for path in list((source / "s4_data").iterdir()):
        path.rename(source / path.name)
    (source / "s4_data").rmdir()
    build_from(source, tmp_path)
    assert {s.name for s in load(tmp_path)} == {s.name for s in load(single_plus)}
