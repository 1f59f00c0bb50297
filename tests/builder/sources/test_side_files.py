"""A second plan reads side files instead of lists; nothing that lies there may change a plan."""

import json
import os
import shutil
import struct
import threading
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builder.building import build_from, run_build, source_options
from tests.builder.small_corpus import LEFT, RIGHT, farm
from vpo_builder.build.build import build
from vpo_builder.build.request import BuildRequest, Sources, Work
from vpo_builder.build.vpo import BuildPlan, Material, plan_split, read_material
from vpo_builder.config import load_config
from vpo_builder.dataset.manifest import MANIFEST, META, read_manifest
from vpo_builder.dataset.schema import Split
from vpo_builder.planning.persons import PERSONS, PersonResolver
from vpo_builder.records import ObjectMask, PersonDecision, Reason
from vpo_builder.sources import side_files, vggsound
from vpo_builder.sources.json_files import JsonFile, reading_thread
from vpo_builder.sources.object_columns import DTYPES, ObjectColumns
from vpo_builder.sources.side_files import Blob, SideFile, SideFiles, users_side_files

LISTS = 5  # two of masks, two of captions, VGGSound's
PLANNED = LISTS + 1  # and what captions say of persons
TRAIN = Path("coco", "annotations", "instances_train2017.json")
CONFIG = load_config("default")


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The farm, with persons and what is said of them."""
    corpus = farm(tmp_path_factory.mktemp("farm"))
    told = ("A man – a farmer.", "A man.", "Müde.")
    for number in range(41, 47):
        corpus.image(number, ("person", LEFT), ("dog", RIGHT), captions=told)
    corpus.image(47, ("person", LEFT), ("dog", LEFT), ("dog", RIGHT), captions=told)
    corpus.write()
    return corpus.folder


@pytest.fixture
def sources(farm_folder: Path, tmp_path: Path) -> Path:
    """Lists that a test may change, beside links to pictures and recordings."""
    folder = tmp_path / "sources"
    for source in ("coco", "vggsound"):
        (folder / source).mkdir(parents=True)
        for path in (farm_folder / source).iterdir():
            place = folder / source / path.name
            if path.is_file():
                shutil.copy(path, place)
            elif path.name == "annotations":
                shutil.copytree(path, place)
            else:
                place.symlink_to(path)
    return folder


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SideFiles:
    """Side files of lists however short and new."""
    monkeypatch.setattr(side_files, "SMALLEST_LIST", 0)
    monkeypatch.setattr(side_files, "SETTLED_NS", -(10**9))
    return SideFiles(tmp_path / "kept")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the lists that have been decoded since it was emptied."""
    names: list[str] = []
    decode, parse = JsonFile.decode, vggsound._parse

    def noted(self: JsonFile, kind: Any) -> Any:
        names.append(self.path.name)
        return decode(self, kind)

    def parsed(text: str, wanted: frozenset[str], path: Path) -> Any:
        names.append(path.name)
        return parse(text, wanted, path)

    monkeypatch.setattr(JsonFile, "decode", noted)
    monkeypatch.setattr(vggsound, "_parse", parsed)
    return names


def read(sources: Path, files: SideFiles, **others: Any) -> tuple[Any, ...]:
    """Return everything that was read, to compare."""
    folders = Sources(**{"coco": sources / "coco", "vggsound": sources / "vggsound", **others})
    work = Work(side_files=files)
    return told(read_material(BuildRequest("ss", Path("nowhere"), folders, CONFIG, work=work)))


def told(material: Material) -> tuple[Any, ...]:
    corpus = material.corpus
    corpus.written.result()
    return (
        [list(part.objects) for part in corpus.parts],
        [replaced.changed(objects=()) for replaced in corpus.parts],
        [corpus.captions(photo.id) for photo, _ in corpus.photos],
        corpus.photos,
        corpus.in_part,
        corpus.sounds,
        corpus.inputs,
        material.clips,
    )


def test_the_second_plan_decodes_no_list_and_reads_the_same(
    sources: Path, kept: SideFiles, decoded: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    plain = read(sources, SideFiles())
    assert any(captions for captions in plain[2])
    assert len(decoded) == LISTS
    assert read(sources, kept) == plain
    assert len(list(side_files_in(kept))) == LISTS
    decoded.clear()
    assert read(sources, kept) == plain
    assert decoded == []
    assert capsys.readouterr().err == ""


class EveryClip:
    """Says that every clip can be used."""

    def check(self, clip_ids: Sequence[str]) -> Mapping[str, Reason]:
        return {}

    def crossing(self, clip_ids: Collection[str]) -> Mapping[str, Reason]:
        return {}


def test_side_files_are_written_behind_and_whole_once_there_is_a_plan(
    sources: Path, kept: SideFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_write, write = threading.Event(), side_files._write

    def write_behind(*what: Any) -> None:
        assert threading.current_thread() is threading.main_thread() or may_write.wait(10)
        write(*what)

    monkeypatch.setattr(side_files, "_write", write_behind)
    folders = Sources(sources / "coco", sources / "vggsound")
    request = BuildRequest("ss", Path("nowhere"), folders, CONFIG, work=Work(side_files=kept))
    material = read_material(request)
    assert len(list(side_files_in(kept))) == 1, "VGGSound's alone"
    threading.Timer(0.05, may_write.set).start()
    plan_split(request, material, EveryClip())
    assert len(list(side_files_in(kept))) == PLANNED


def planned(sources: Path, files: SideFiles, split: Split = "ms", **person: Any) -> BuildPlan:
    """Return the plan of a split with some settings of persons."""
    config = replace(CONFIG, person=replace(CONFIG.person, **person))
    folders = Sources(sources / "coco", sources / "vggsound")
    request = BuildRequest(split, Path("nowhere"), folders, config, work=Work(side_files=files))
    return plan_split(request, read_material(request), EveryClip())


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The images whose captions have been looked at since it was emptied."""
    images: list[int] = []
    resolve = PersonResolver.resolve

    def noted(self: PersonResolver, image_id: int, captions: Sequence[str]) -> PersonDecision:
        images.append(image_id)
        return resolve(self, image_id, captions)

    monkeypatch.setattr(PersonResolver, "resolve", noted)
    return images


def test_captions_are_looked_at_once_for_all_splits_until_they_or_the_settings_change(
    sources: Path, kept: SideFiles, asked: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    splits: tuple[Split, ...] = ("ms", "msmi")
    plain = {split: planned(sources, SideFiles(), split) for split in splits}
    assert plain["ms"].texts[PERSONS]
    asked_before = []
    for split in 2 * splits:
        asked.clear()
        assert planned(sources, kept, split) == plain[split]
        asked_before.append(list(asked))
    assert asked_before == [list(range(41, 47)), [47], [], []]
    asked.clear()
    assert planned(sources, kept, min_captions=1) == planned(sources, SideFiles(), min_captions=1)
    assert len(asked) == 2 * len(set(asked)) > 0
    captions = sources / "coco/annotations/captions_train2017.json"
    captions.write_bytes(captions.read_bytes().replace(b"A man.", b"A lady"))
    asked.clear()
    assert planned(sources, kept) != plain["ms"]
    assert asked
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("true", "false"),
    [
        (b'"verdict":"male"', b'"verdict":"cats"'),
        (b'"image_id":41', b'"image_id":"4'),
        (b"}", b"]"),
    ],
)
def test_decisions_that_no_captions_give_are_made_anew_with_a_word(
    sources: Path,
    kept: SideFiles,
    asked: list[int],
    capsys: pytest.CaptureFixture[str],
    true: bytes,
    false: bytes,
) -> None:
    plain = planned(sources, kept)
    (path,) = (each for each in side_files_in(kept) if b'"verdict":' in each.read_bytes())
    body = path.read_bytes()[:-4]
    at = body.index(true, body.index(b'"image_id":'))
    path.write_bytes(with_checksum(body[:at] + false + body[at + len(true) :]))
    asked.clear()
    assert planned(sources, kept) == plain
    assert asked
    assert "made again" in capsys.readouterr().err
    asked.clear()
    assert planned(sources, kept) == plain
    assert asked == []


def test_after_a_fault_nothing_more_is_read() -> None:
    begun, end = threading.Event(), threading.Event()
    later: list[Future[bool]] = []

    def fail_while_reading(thread: ThreadPoolExecutor) -> None:
        thread.submit(lambda: begun.set() or end.wait(10))
        later.append(thread.submit(end.wait, 10))
        begun.wait(10)
        threading.Timer(0.05, end.set).start()
        raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"), reading_thread() as thread:
        fail_while_reading(thread)
    assert later[0].cancelled()


def test_a_build_and_one_of_its_manifest_give_the_same_bytes(
    sources: Path, kept: SideFiles, decoded: list[str], tmp_path: Path
) -> None:
    outs = [tmp_path / name for name in ("plain", "first", "second")]
    for out, files in zip(outs, (SideFiles(), kept, kept), strict=True):
        decoded.clear()
        folder = build_from(sources, out, "ss", side_files=files).folder
    assert decoded == []
    wholes = [
        {p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("VPO-SS/*")) if p.is_file()}
        for out in outs
    ]
    assert {MANIFEST, META} <= {path.name for path in wholes[0]}
    assert wholes[0] == wholes[1] == wholes[2]
    folders, work = Sources(sources / "coco", sources / "vggsound"), Work(side_files=kept)
    assert Work().side_files.folder is None, "a library keeps nothing unless it is told to"
    again = BuildRequest("ss", tmp_path / "again", folders, CONFIG, 0, work, read_manifest(folder))
    assert (build(again).folder / MANIFEST).read_bytes() == (folder / MANIFEST).read_bytes()
    assert decoded == []


def lvis(sources: Path) -> Path:
    """Write the farm's train as a list of one's own: no areas, looked for in part, odd names."""
    tables = json.loads((sources / TRAIN).read_text())
    for row in tables["annotations"]:
        row.pop("area"), row.pop("iscrowd")
    for row in tables["images"]:
        row |= {"not_exhaustive_category_ids": [218], "neg_category_ids": [217], "license": None}
    for row in tables["categories"]:
        row["id"] += 200
    for row in tables["annotations"]:
        row["category_id"] += 200
    (sources / "own.json").write_text(json.dumps(tables))
    toml = 'masks = "own.json"\npictures = "coco/train2017"\nadd_to_image_ids = 7000\n'
    toml += "add_to_annotation_ids = 9000\ncaptions = ["
    toml += '"coco/annotations/captions_train2017.json", "coco/annotations/captions_val2017.json"]'
    (sources / "sources.toml").write_text(f"[[images]]\n{toml}\n")
    return sources / "sources.toml"


def test_a_list_of_ones_own_beside_coco_is_kept_with_what_it_lacks(
    sources: Path, kept: SideFiles, decoded: list[str]
) -> None:
    plain = read(sources, SideFiles(), images=lvis(sources))
    assert plain[4], "annotated in part"
    read(sources, kept, images=sources / "sources.toml")
    decoded.clear()
    assert read(sources, kept, images=sources / "sources.toml") == plain
    # Captions in two files are put in one order, so neither is kept.
    assert decoded == ["captions_train2017.json", "captions_val2017.json"]


def other_bytes(path: Path) -> None:
    """Change one digit of an area: as long as before, and as old."""
    status, text = path.stat(), path.read_text()
    place = text.index('"area": ') + len('"area": ')
    path.write_text(text[:place] + str(9 - int(text[place])) + text[place + 1 :])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def put_in_place(path: Path) -> None:
    """Put another file in the list's place, as old and as long."""
    other = path.with_name("other.json")
    shutil.copy2(path, other)
    other_bytes(other)
    other.replace(path)


@pytest.mark.parametrize("change", [other_bytes, put_in_place, Path.touch])
def test_a_list_that_was_touched_is_read_anew(
    sources: Path, kept: SideFiles, decoded: list[str], change: Any
) -> None:
    read(sources, kept)
    change(sources / TRAIN)
    plain = read(sources, SideFiles())
    decoded.clear()
    assert read(sources, kept) == plain
    assert decoded == [TRAIN.name]


def test_another_class_table_wants_other_columns(
    sources: Path, kept: SideFiles, tmp_path: Path
) -> None:
    table = tmp_path / "classes.toml"
    table.write_text(
        '[[class]]\nname = "dog"\nmask_value = 18\ncategory = "dog"\ngroup = "animal"\n'
        'labels = ["dog barking"]\n'
    )
    read(sources, kept)
    plain = read(sources, SideFiles(), class_table=table)
    assert read(sources, kept, class_table=table) == plain
    assert read(sources, kept, class_table=table) == plain


def test_by_hash_a_list_is_read_anew_of_which_time_tells_nothing(
    sources: Path, kept: SideFiles, decoded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SideFile, "_key_now", lambda self: "the same")
    before = read(sources, kept)
    other_bytes(sources / TRAIN)
    after = read(sources, SideFiles())
    assert before != after
    decoded.clear()
    assert read(sources, kept) == before
    assert decoded == []
    assert read(sources, SideFiles(kept.folder, by_hash=True)) == after
    assert decoded == [TRAIN.name]
    decoded.clear()
    assert read(sources, SideFiles(kept.folder, by_hash=True)) == after
    assert decoded == []


def test_short_lists_and_such_as_have_just_changed_are_not_kept(
    sources: Path, kept: SideFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_files, "SETTLED_NS", 2 * 10**9)
    read(sources, kept)
    monkeypatch.setattr(side_files, "SETTLED_NS", -(10**9))
    monkeypatch.setattr(side_files, "SMALLEST_LIST", (sources / TRAIN).stat().st_size + 1)
    read(sources, kept)
    assert list(side_files_in(kept)) == []
    monkeypatch.setattr(side_files, "SMALLEST_LIST", (sources / TRAIN).stat().st_size)
    read(sources, kept)
    assert len(list(side_files_in(kept))) == 1


def side_files_in(kept: SideFiles) -> Iterator[Path]:
    assert kept.folder is not None
    yield from kept.folder.glob("*")


def with_checksum(body: bytes) -> bytes:
    return body + struct.pack("<I", zlib.crc32(body))


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    return data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]


def longer(data: bytes) -> bytes:
    return with_checksum(data[:-4] + bytes(8))


def bomb(data: bytes) -> bytes:
    """Say of a column that it has a thousand million million rows."""
    (length,) = struct.unpack("<Q", data[8:16])
    header = json.loads(data[16 : 16 + length])
    header["columns"][0][2] = 10**15
    text = json.dumps(header).encode()
    return with_checksum(data[:8] + struct.pack("<Q", len(text)) + text + data[16 + length : -4])


@pytest.mark.parametrize("spoil", [cut, flipped, longer, bomb, lambda _: b"", lambda _: b"x" * 99])
def test_a_torn_side_file_is_made_again_with_a_word(
    sources: Path, kept: SideFiles, capsys: pytest.CaptureFixture[str], spoil: Any
) -> None:
    plain = read(sources, kept)
    for path in side_files_in(kept):
        path.write_bytes(spoil(path.read_bytes()))
    assert read(sources, kept) == plain
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == LISTS
    assert all("is read instead, and this made again" in line for line in lines)
    assert read(sources, kept) == plain
    assert capsys.readouterr().err == ""


HOSTILE = [
    (b"000000000001.jpg", b"../../../../x.jp"),  # the name of a picture
    (b"dog-clip-00", b"../../x.wav"),  # of a recording
    (b"dog barking", b"dog_barking"),
    (b"A man.", b"A \xff\xff\xffn"),
]


@pytest.mark.parametrize(("true", "false"), HOSTILE)
def test_what_is_kept_is_checked_like_the_list(
    sources: Path, kept: SideFiles, true: bytes, false: bytes
) -> None:
    plain = read(sources, kept)
    changed = 0
    for path in side_files_in(kept):
        data = path.read_bytes()
        changed += true in data
        path.write_bytes(with_checksum(data[:-4].replace(true, false)))
    assert changed
    found = read(sources, kept)
    if true.startswith(b"A man"):  # words may be anybody's: they name nothing, and end nothing
        assert found[:2] == plain[:2]
    else:
        assert found == plain


@pytest.mark.parametrize(
    ("column", "value"),
    [("number", -1), ("number", 2), ("category", 62), ("outline_bytes", -5), ("outline_bytes", 9)],
)
def test_columns_that_do_not_fit_are_refused(
    sources: Path, kept: SideFiles, column: str, value: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, to_keep = read(sources, SideFiles()), ObjectColumns.to_keep

    def spoiled(self: ObjectColumns) -> Any:
        columns = to_keep(self)
        numbers = np.array(columns[column])
        numbers[:2] = value
        return columns | {column: numbers}

    monkeypatch.setattr(ObjectColumns, "to_keep", spoiled)
    assert read(sources, kept) == plain
    assert read(sources, kept) == plain


def test_where_nothing_can_be_kept_the_lists_are_read(
    sources: Path, kept: SideFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    assert kept.folder is not None
    kept.folder.write_text("a file in the way")
    assert read(sources, kept) == read(sources, SideFiles())
    assert "not kept for the next time" in capsys.readouterr().err


def test_side_files_that_nobody_uses_are_removed(sources: Path, kept: SideFiles) -> None:
    read(sources, kept)
    days_ago = (sources / TRAIN).stat().st_mtime - 61 * 86_400
    for path in side_files_in(kept):
        os.utime(path, (days_ago, days_ago))
    used = set(side_files_in(kept))
    other, left = (next(iter(used)).with_name(name) for name in ("x.columns", ".y.tmp.columns"))
    for path in (other, left):
        path.touch()
        os.utime(path, (days_ago, days_ago))
    read(sources, kept)
    assert set(side_files_in(kept)) == {*used, other, left}, "nothing is written, nothing removed"
    (sources / TRAIN).touch()
    read(sources, kept)
    assert set(side_files_in(kept)) == used


def test_they_are_kept_beside_a_file_that_is_gone_once_it_was_listed(
    sources: Path, kept: SideFiles, capsys: pytest.CaptureFixture[str]
) -> None:
    """As another writer's temporary file is, which a link to nothing stands for."""
    assert kept.folder is not None
    kept.folder.mkdir()
    (kept.folder / "gone.columns").symlink_to("nowhere")
    read(sources, kept)
    assert [path for path in side_files_in(kept) if path.exists()]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("choice", "count"), [("time", PLANNED), ("hash", PLANNED), ("off", 0)])
def test_the_command_keeps_them_in_the_users_cache_folder(
    sources: Path, kept: SideFiles, tmp_path: Path, monkeypatch: Any, choice: str, count: int
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    options = ("--out", tmp_path / "out", "--workers", 1, "--side-files", choice, "--plan")
    result = run_build("--split", "ss", *options, *source_options(sources))
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "cache").rglob("*.columns"))) == count
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("*.columns"))
    assert kept.folder is not None
    assert not kept.folder.exists()


def test_a_cache_folder_that_is_no_path_from_the_root_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "somewhere")  # as its specification says
    monkeypatch.setenv("HOME", str(tmp_path))
    assert users_side_files().folder == tmp_path / ".cache" / "vpo-builder"


ROWS = st.lists(
    st.builds(
        ObjectMask,
        st.integers(0, 10**12 - 1),
        st.integers(-(10**18), 10**18),
        st.integers(1, 90),
        st.none() | st.floats(0, 1e9),
        st.sampled_from([0, 1]),
        st.sampled_from([b"[]", b"[[1,2,3,4,5,6]]", b""]).map(msgspec.Raw),
    ),
    max_size=5,
)


@given(ROWS, ROWS, ROWS)
def test_columns_are_the_rows_joined_and_kept(
    first: list[ObjectMask], second: list[ObjectMask], third: list[ObjectMask]
) -> None:
    lists = (first, second, third)
    rows = [row for part in lists for row in part]
    columns = ObjectColumns.joined([ObjectColumns.of(part) for part in lists])
    assert list(columns) == [columns[place] for place in range(len(columns))] == rows
    kept = columns.to_keep()
    blob = kept.pop("outlines")
    assert isinstance(blob, Blob)
    outlines = np.frombuffer(b"".join(blob.pieces), np.uint8)
    assert len(outlines) == blob.size
    arrays = [*(np.asarray(kept[name]) for name in DTYPES if name in kept), outlines]
    assert list(ObjectColumns.of_kept(arrays)) == rows
