import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.builder.building import build_from
from tests.builder.small_corpus import farm
from vpo_builder.dataset.manifest import META
from vpo_builder.records import ArchiveMember, ClipRow
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources import vggsound
from vpo_builder.sources.archives import as_file, members
from vpo_builder.sources.recordings import find_recordings
from vpo_builder.sources.vggsound import read_vggsound

ROW = ClipRow("aaaaaaaaaaa", 9, "dog barking", "train")


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return farm(tmp_path_factory.mktemp("farm")).folder


@pytest.fixture(scope="module")
def whole_build(farm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return (build_from(farm_folder, tmp_path_factory.mktemp("whole")).folder / META).read_bytes()


def pack(audios: Path, archive: Path) -> None:
    """Move recordings into a zip or a tar, below a folder as published archives have one."""
    files = sorted(audios.iterdir())
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for path in files:
                target.write(path, f"scratch/VGGSound_final/video/{path.name}")
    else:
        with tarfile.open(archive, "w") as target:
            for path in files:
                target.add(path, f"scratch/VGGSound_final/video/{path.name}")


@pytest.mark.parametrize("name", ["audios.zip", "VGGSOUND.tar"])
def test_an_archive_is_used_in_place(
    farm_folder: Path, whole_build: bytes, tmp_path: Path, name: str
) -> None:
    vggsound = tmp_path / "vggsound"
    vggsound.mkdir()
    (tmp_path / "coco").symlink_to(farm_folder / "coco")
    (vggsound / "vggsound.csv").write_bytes((farm_folder / "vggsound/vggsound.csv").read_bytes())
    pack(farm_folder / "vggsound/audios", vggsound / name)
    report = build_from(tmp_path, tmp_path / "out", workers=2)
    assert (report.folder / META).read_bytes() == whole_build
    assert sorted(path.name for path in vggsound.iterdir()) == sorted([name, "vggsound.csv"])


def test_recordings_may_lie_in_the_folder_itself(
    farm_folder: Path, whole_build: bytes, tmp_path: Path
) -> None:
    (tmp_path / "coco").symlink_to(farm_folder / "coco")
    vggsound = tmp_path / "vggsound"
    vggsound.mkdir()
    for path in (farm_folder / "vggsound/audios").iterdir():
        (vggsound / path.name).symlink_to(path)
    (vggsound / "vggsound.csv").symlink_to(farm_folder / "vggsound/vggsound.csv")
    assert (build_from(tmp_path, tmp_path / "out").folder / META).read_bytes() == whole_build


def test_a_loose_file_comes_before_an_archived_one_and_lossless_before_lossy(
    tmp_path: Path,
) -> None:
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr(f"a/{ROW.clip_id}.flac", b"x")
        archive.writestr(f"a/{ROW.clip_id}.mp3", b"x")
    assert find_recordings(tmp_path, [ROW]).paths[ROW.clip_id] == ArchiveMember(
        tmp_path / "more.zip", f"a/{ROW.clip_id}.flac", 1, -1
    )
    loose = tmp_path / "audios" / f"{ROW.youtube_id}_9000_19000.mp4"
    loose.parent.mkdir()
    loose.write_bytes(b"x")
    assert find_recordings(tmp_path, [ROW]).paths[ROW.clip_id] == loose


@pytest.mark.parametrize(
    "name",
    [
        "aaaaaaaaaaa_9.wav",
        "aaaaaaaaaaa_0009.mkv",
        "aaaaaaaaaaa_9_19.opus",
        "aaaaaaaaaaa_000009_000019.mov",
        "aaaaaaaaaaa_9.000_19.000.aac",
        "aaaaaaaaaaa_9000_19000.OPUS",
        "dog barking/aaaaaaaaaaa_000009.wav",
        "train/dog barking/aaaaaaaaaaa_9.mp4",
        "scratch/shared/beegfs/hchen/train_data/VGGSound_final/video/aaaaaaaaaaa_000009.mp4",
        "data/unbalanced_train_segments/audio/aaaaaaaaaaa_9000_19000.flac",
    ],
)
@pytest.mark.parametrize("folder", ["audios", "."])
def test_a_recording_is_found_as_a_downloader_leaves_it(
    tmp_path: Path, folder: str, name: str
) -> None:
    path = tmp_path / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert find_recordings(tmp_path, [ROW]).paths == {ROW.clip_id: path}
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        archive.writestr(name, b"")
    path.unlink()
    (found,) = find_recordings(tmp_path, [ROW]).paths.values()
    assert isinstance(found, ArchiveMember)


@pytest.mark.parametrize(
    "name",
    [
        "aaaaaaaaaaa.wav",
        "aaaaaaaaaaa_8.wav",
        "aaaaaaaaaaa_9_20.wav",
        "aaaaaaaaaaa_9.5.wav",
        "aaaaaaaaaaab_9.wav",
        "aaaaaaaaaaa_9.txt",
        ".old/aaaaaaaaaaa_9.wav",
    ],
)
def test_another_file_is_not_taken_for_a_clip(tmp_path: Path, name: str) -> None:
    path = tmp_path / "audios" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert find_recordings(tmp_path, [ROW]).paths == {}


def test_published_names_come_before_others_and_plain_folders_before_those_of_labels(
    tmp_path: Path,
) -> None:
    names = ["x/aaaaaaaaaaa_000009.wav", "aaaaaaaaaaa_9.wav", "aaaaaaaaaaa_9000_19000.mkv"]
    (tmp_path / "audios" / "x").mkdir(parents=True)
    for name in names:
        (tmp_path / "audios" / name).touch()
        assert find_recordings(tmp_path, [ROW]).paths == {ROW.clip_id: tmp_path / "audios" / name}


def test_an_empty_file_is_taken_only_where_there_is_no_other(tmp_path: Path) -> None:
    (tmp_path / f"{ROW.clip_id}.wav").touch()
    assert find_recordings(tmp_path, [ROW]).paths == {ROW.clip_id: tmp_path / f"{ROW.clip_id}.wav"}
    (tmp_path / f"{ROW.clip_id}.mp3").write_bytes(b"x")
    (tmp_path / f"{ROW.clip_id}.flac").symlink_to(tmp_path / "gone")
    assert find_recordings(tmp_path, [ROW]).paths == {ROW.clip_id: tmp_path / f"{ROW.clip_id}.mp3"}


def test_a_link_to_itself_hides_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    (tmp_path / f"{ROW.clip_id}.aiff").touch()
    assert find_recordings(tmp_path, [ROW]).paths == {ROW.clip_id: tmp_path / f"{ROW.clip_id}.aiff"}


def test_where_no_clip_has_a_file_the_line_names_one_that_lies_there(
    farm_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "coco").symlink_to(farm_folder / "coco")
    (tmp_path / "vggsound" / "audios").mkdir(parents=True)
    csv = (farm_folder / "vggsound/vggsound.csv").read_bytes()
    (tmp_path / "vggsound/vggsound.csv").write_bytes(csv)
    with pytest.raises(InputError, match=r"none has a file; there is no recording in it: expect"):
        build_from(tmp_path, tmp_path / "out")
    (tmp_path / "vggsound" / "audios" / "dog.wav.part").touch()
    with pytest.raises(InputError, match=r"no recording in it, but .*/dog\.wav\.part: expected"):
        build_from(tmp_path, tmp_path / "out")
    (tmp_path / "vggsound" / "audios" / "my dog.wav").touch()
    with pytest.raises(InputError, match=r"it holds .*/my dog\.wav: expected names such as --0PQ"):
        build_from(tmp_path, tmp_path / "out")


def test_names_in_an_archive_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside.wav"
    archive = tmp_path / "audios.tar"
    with tarfile.open(archive, "w") as target:
        for name, kind in ((f"../../{ROW.clip_id}.wav", None), ("link.wav", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.linkname = str(outside)
            if kind is None:
                info.size = 4
                target.addfile(info, io.BytesIO(b"data"))
            else:
                info.type = kind
                target.addfile(info)
    (member,) = members(archive)
    with as_file(member) as path:
        assert path.read_bytes() == b"data"
        assert path.name == "recording.wav"
    assert not path.exists()


def test_packed_tars_are_left_aside_with_a_word_where_they_are_unpacked_already(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        (tmp_path / f"vggsound_{number:02d}.tar.gz").write_bytes(b"\x1f\x8b")
    path = tmp_path / "scratch" / "shared" / "video" / "aaaaaaaaaaa_000009.mp4"
    path.parent.mkdir(parents=True)
    path.touch()
    assert find_recordings(tmp_path, [ROW]).paths == {ROW.clip_id: path}
    told = capsys.readouterr().err
    assert told.endswith(
        "vggsound_00.tar.gz and 2 more: packed, left aside for what lies unpacked beside it\n"
    )


def test_links_that_lead_in_a_circle_are_followed_once(tmp_path: Path) -> None:
    (tmp_path / "video" / "train").mkdir(parents=True)
    (tmp_path / "video" / "train" / "up").symlink_to(tmp_path)
    (tmp_path / "video" / "gone").symlink_to(tmp_path / "nowhere")
    path = tmp_path / "video" / "train" / "aaaaaaaaaaa_000009.mp4"
    path.touch()
    assert find_recordings(tmp_path, [ROW]).paths == {ROW.clip_id: path}


@pytest.mark.parametrize("name", ["clips.zip", "clips.tar"])
def test_a_damaged_archive_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"not an archive at all" * 100)
    with pytest.raises(InputError, match=f"{name}: cannot be read as an archive"):
        find_recordings(tmp_path, [ROW])


def test_a_damaged_member_is_a_clip_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "clips.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", b"abc" * 1000)
    data = bytearray(path.read_bytes())
    data[45] ^= 0xFF
    path.write_bytes(data)
    (member,) = members(path)
    with pytest.raises(ValueError, match=r"a\.wav"), as_file(member):
        pass


GOOD = "aaaaaaaaaaa,9,dog barking,train\n"


@pytest.mark.parametrize("folder", ["", "data", "a/b/c"])
@pytest.mark.parametrize(
    "header", ["", "video_id,start_seconds,label,set\n", "YouTube ID,s,l,split\n"]
)
def test_the_csv_is_found_at_any_depth_and_a_header_row_is_skipped(
    tmp_path: Path, folder: str, header: str
) -> None:
    path = tmp_path / folder / "vggsound.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(header + GOOD)
    assert read_vggsound(tmp_path, frozenset({"dog barking"})).rows == (ROW,)
    path.write_text("aaaaaaaaaaa, 9.000, dog barking, train")  # as tables of floats are written
    assert read_vggsound(tmp_path, frozenset({"dog barking"})).rows == (ROW,)
    path.write_text(GOOD + "video_id,start_seconds,label,set\n")
    with pytest.raises(InputError, match="line 2: 'video_id' is no YouTube id"):
        read_vggsound(tmp_path, frozenset({"dog barking"}))


def test_where_there_is_no_csv_the_line_names_what_was_looked_for_and_what_is_there(
    tmp_path: Path,
) -> None:
    (tmp_path / "vggsound_all.csv").write_text(GOOD)
    with pytest.raises(
        InputError, match=r"no vggsound\.csv at any depth: it holds vggsound_all\.c"
    ):
        read_vggsound(tmp_path, frozenset())
    sounds = read_vggsound(tmp_path, frozenset({"dog barking"}), tmp_path / "vggsound_all.csv")
    assert sounds.rows == (ROW,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{GOOD}\n{GOOD}aaaaaaaaaaa,9,dog barking,test\n", "line 4: clip aaaaaaaaaaa_000009 sta"),
        (f'{GOOD}\n"aaaa\naaaaaaa",9,dog barking,train\n', r"line 4: 'aaaa\naaaaaaa' is no You"),
        (f"{GOOD}bbbbbbbbbbb,١,dog barking,train", "line 2: start '١' is no whole second"),
        (f"{GOOD}{'b' * 200_000},1,dog barking,train", "line 2: field larger than field limit"),
        ("\n", "vggsound.csv: no row in it"),
        (f"{GOOD}bbbbbbbbbbb,9.5,dog barking,train", "line 2: start '9.5' is no whole second"),
        (f"{GOOD}{GOOD[:-1]},more\n", "line 2: 5 columns, expected 4"),
    ],
)
def test_a_faulty_row_is_named_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "vggsound.csv").write_text(text)
    with pytest.raises(InputError) as refusal:
        read_vggsound(tmp_path, frozenset({"dog barking"}))
    assert said in str(refusal.value)


WOMAN = "female speech, woman speaking"
ROWS = st.tuples(
    st.sampled_from(["a" * 11, "b" * 11, "a" * 10, f'"{"a" * 11}"', "é" * 11]),
    st.sampled_from(["9", "09", "9.0", " 9", "1234567", '"9"', "١", ""]),
    st.sampled_from(["dog barking", '"dog barking"', f'"{WOMAN}"', '"dog barking', "x"]),
    st.sampled_from(
        ["train", "test", '"train"', '"train', "train\r", "t\rrain", "train,", " test"]
    ),
).map(",".join)
TEXTS = st.lists(ROWS | st.sampled_from(["", "\r", "id,start,label,set", '"id,s,l,set'])).map(
    "\n".join
)


def parsed(parse: Callable[..., object], text: str) -> object:
    """Return what is found in a csv, or what is said of it."""
    try:
        return parse(text, frozenset({"dog barking"}), Path("x.csv"))
    except InputError as error:
        return str(error)


@given(TEXTS | st.lists(ROWS.filter(lambda row: "train\n" in f"{row}\n")).map("\n".join))
@example("")
@example(GOOD)
@example(f"id,start,label,set\n{GOOD}")
def test_a_csv_is_read_at_once_as_it_is_row_by_row(text: str) -> None:
    assert parsed(vggsound._parse, text) == parsed(vggsound._parse_any, text)


@pytest.mark.parametrize("header", ["", "id,start,label,set\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_published_csv_is_read_at_once(header: str, end: str, monkeypatch: Any) -> None:
    monkeypatch.delattr(vggsound, "_parse_any")
    rows = ["aaaaaaaaaaa,9,dog barking,train", f'bbbbbbbbbbb,0,"{WOMAN}",test'] * 2
    text = header + "".join(row + end for row in rows)
    found, counts = vggsound._parse(text, frozenset({"dog barking"}), Path("x.csv"))
    assert (found, list(counts.items())) == ([ROW], [("dog barking", 2), (WOMAN, 2)])


def test_a_clip_that_is_listed_twice_alike_is_one(tmp_path: Path) -> None:
    (tmp_path / "vggsound.csv").write_text(f"{GOOD}\n{GOOD}")
    sounds = read_vggsound(tmp_path, frozenset({"dog barking"}))
    assert (sounds.rows, sounds.label_counts) == ((ROW,), {"dog barking": 2})
