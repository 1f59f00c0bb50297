"""AudioSet's lists, weak and strong, and VGGSounder's: recordings of YouTube by other labels."""

from pathlib import Path

import pytest

from tests.builder.sources.test_published_sounds import WANTED
from vpo_builder.dataset.clip_ids import is_clip_id
from vpo_builder.records import Sounds
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.sounds import open_sounds

WEAK = """\
# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=3, num_segs=3, num_unique_labels=3, num_positive_labels=4
# YTID, start_seconds, end_seconds, positive_labels
-0RWZT-miFs, 420.000, 430.000, "/m/05tny_,/m/09x0r"
aaaaaaaaaaa, 30.000, 40.000, "/m/07qrkrw"
ccccccccccc, 0.000, 10.000, "/m/09x0r"
"""
NAMES = """\
index,mid,display_name
0,/m/09x0r,"Speech"
1,/m/05tny_,"Bark"
2,/m/07qrkrw,"Meow"
3,/m/0ltv,"Race car, auto racing"
"""


def write_audioset(folder: Path, *files: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "class_labels_indices.csv").write_text(NAMES)
    for name in files:
        place = folder / "data" / "audio" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return folder


def selected(folder: Path, wanted: frozenset[str] = WANTED) -> Sounds:
    return open_sounds(folder).select(wanted)


def told(sounds: Sounds) -> dict[str, tuple[object, ...]]:
    return {row.clip_id: (row.group, row.labels, row.split) for row in sounds.rows}


def test_weak_lists_are_read_with_names_licences_and_recordings(tmp_path: Path) -> None:
    folder = write_audioset(tmp_path, "-0RWZT-miFs_420000_430000.flac", "aaaaaaaaaaa_30.wav")
    (folder / "unbalanced_train_segments.csv").write_text(WEAK)
    (folder / "eval_segments.csv").write_text('bbbbbbbbbbb, 5.000, 15.000, "/m/0ltv"\n')
    sounds = selected(folder)
    assert told(sounds) == {
        "audioset--0RWZT-miFs_000420": ("-0RWZT-miFs", ("dog barking",), "train"),
        "audioset-aaaaaaaaaaa_000030": ("aaaaaaaaaaa", ("cat meowing",), "train"),
        "audioset-bbbbbbbbbbb_000005": ("bbbbbbbbbbb", ("race car, auto racing",), "test"),
    }
    names = {clip: path.name for clip, path in sounds.paths.items()}
    assert names == {
        "audioset--0RWZT-miFs_000420": "-0RWZT-miFs_420000_430000.flac",
        "audioset-aaaaaaaaaaa_000030": "aaaaaaaaaaa_30.wav",
    }
    assert sum(sounds.label_counts.values()) == 4
    credit = sounds.credits["audioset-aaaaaaaaaaa_000030"]
    assert credit.page == "https://www.youtube.com/watch?v=aaaaaaaaaaa&t=30s"
    assert credit.licence == "list: CC BY 4.0; recording: rights with its uploader"
    assert all(is_clip_id(clip_id) for clip_id in sounds.credits)
    assert told(selected(folder, frozenset({"Bark"})))["audioset--0RWZT-miFs_000420"][1] == (
        "Bark",
    )


def test_of_the_strong_lists_what_sounds_in_the_seconds_that_are_heard_counts(
    tmp_path: Path,
) -> None:
    folder = write_audioset(tmp_path, "-0RWZT-miFs_420000.wav", "aaaaaaaaaaa_000030.wav")
    (folder / "unbalanced_train_segments.csv").write_text(WEAK)
    (folder / "audioset_train_strong.tsv").write_text(
        "segment_id\tstart_time_seconds\tend_time_seconds\tlabel\n"
        "-0RWZT-miFs_420000\t0.0\t3.9\t/m/05tny_\n"  # 0.4 s in the centre
        "-0RWZT-miFs_420000\t3.0\t4.0\t/m/07qrkrw\n"  # 0.5 s
        "aaaaaaaaaaa_30000\t6.1\t10.0\t/m/07qrkrw\n"  # 0.4 s
    )
    sounds = selected(folder)
    assert told(sounds) == {
        "audioset--0RWZT-miFs_000420": ("-0RWZT-miFs", ("cat meowing",), "train")
    }
    (path,) = sounds.paths.values()
    assert path.name == "-0RWZT-miFs_420000.wav"  # as the strong lists name it


def test_a_clip_of_both_parts_is_test(tmp_path: Path) -> None:
    folder = write_audioset(tmp_path, "aaaaaaaaaaa_000030.wav", "-0RWZT-miFs_420.wav")
    for name in ("eval_segments.csv", "balanced_train_segments.csv"):
        (folder / name).write_text(WEAK)
    assert {row.split for row in selected(folder).rows} == {"test"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ontology.json", '[{"id": "/m/05tny_", "name": "Bark", "child_ids": []}]'),
        ("mid_to_display_name.tsv", "/m/05tny_\tBark\n"),
    ],
)
def test_other_files_may_name_the_labels(tmp_path: Path, name: str, text: str) -> None:
    folder = write_audioset(tmp_path, "-0RWZT-miFs_420.wav")
    (folder / "balanced_train_segments.csv").write_text(WEAK)
    (folder / "class_labels_indices.csv").unlink()
    with pytest.raises(InputError, match="nothing names AudioSet's labels: expected class_labels"):
        selected(folder)
    (folder / name).write_text(text)
    assert [row.labels for row in selected(folder).rows] == [("dog barking",)]


@pytest.mark.parametrize(
    ("name", "line", "said"),
    [
        ("eval_segments.csv", "../aaaaaaaa, 0, 1, /m/1", "line 1: expected a video's id, start"),
        ("eval_segments.csv", "aaaaaaaaaaa, 0, 1", "line 1: expected a video's id, start"),
        ("eval_segments.csv", "aaaaaaaaaaa, -1, 1, /m/1", "line 1: '-1' are no seconds"),
        ("audioset_eval_strong.tsv", "a\t0\t1\t/m/1", "line 1: expected a clip's id, start, end"),
        ("audioset_eval_strong.tsv", f"{'a' * 11}_1\tnan\t1\t/m/1", "'nan' are no seconds"),
        (
            "audioset_eval_strong.tsv",
            f"{'a' * 11}_{'1' * 5000}\t0\t1\t/m/1",
            "expected a clip's id",
        ),
        ("class_labels_indices.csv", "a,b", "does not name AudioSet's labels: 'mid'"),
    ],
)
def test_a_line_that_is_none_of_audiosets_is_refused(
    tmp_path: Path, name: str, line: str, said: str
) -> None:
    folder = write_audioset(tmp_path, "-0RWZT-miFs_420.wav")
    (folder / "balanced_train_segments.csv").write_text(WEAK)
    (folder / name).write_text(f"{line}\n{line}\n")
    with pytest.raises(InputError) as refused:
        selected(folder)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_vggsounder_is_a_set_of_test_clips_by_what_can_be_heard(tmp_path: Path) -> None:
    (tmp_path / "video").mkdir()
    (tmp_path / "video" / "aaaaaaaaaaa_000009.mp4").touch()
    rows = ["dog barking,AV", "cat meowing,V", "people clapping,A"]
    lines = [f"aaaaaaaaaaa_000009,{row}" for row in rows] + ["bbbbbbbbbbb_000001,cow lowing,V"]
    path = tmp_path / "vggsounder.csv"
    path.write_text("\n".join(["video_id,label,modality", *lines]))
    sounds = selected(tmp_path)
    assert told(sounds) == {
        "vggsounder-aaaaaaaaaaa_000009": ("aaaaaaaaaaa", ("dog barking",), "test")
    }
    assert list(sounds.paths) == ["vggsounder-aaaaaaaaaaa_000009"]
    path.write_text("video_id,label,modality\n../x,dog barking,A\n")
    with pytest.raises(InputError, match=r"video_id '\.\./x': expected --0PQM4-hqg_000030 or such"):
        selected(tmp_path)
