"""Whatever an id, a label, a name or an archive holds: nothing outside the folder, no option."""

import csv
import io
import stat
import tomllib
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared_material import CORPUS, needs_corpus
from vpo_builder.classes import read_class_table
from vpo_builder.fetching.mirror import ClipUrl, clip_parts
from vpo_builder.fetching.zip_files import refuse_path, unpack
from vpo_builder.records import ClipRow
from vpo_builder.rendering.decoding import Excerpt, decode_arguments
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.coco import FILE_NAME
from vpo_builder.sources.vggsound import read_vggsound

FOLDER = Path("/data/out/audios")
EXCERPT = Excerpt(3.0, 10.0)
PLAIN = decode_arguments(Path("/data/x"), EXCERPT)
hostile = st.text(
    st.sampled_from("aZ0-_./\\:%~ \0\n\r\t'\"$`;|&*?{}@#é漢\u202e")
    | st.characters(exclude_categories=["Cs"]),
    max_size=40,
)
ids = st.text("aZ9-_", min_size=11, max_size=11)
almost_ids = st.builds(
    lambda left, bad, right: f"{left}{bad}{right}", ids, hostile, st.sampled_from(["", "_000030"])
)


def below(path: Path, folder: Path) -> bool:
    """Tell whether a path lies somewhere below a folder, whatever its parts are."""
    clean = {"..", "."}.isdisjoint(path.parts) and "\0" not in str(path)
    return clean and path.is_relative_to(folder) and path != folder


def inside(path: Path, folder: Path) -> bool:
    """Tell whether a path, with its `..` worked out, lies right in a folder."""
    return path.parent == folder and ".." not in path.parts and "\0" not in str(path)


@given(hostile | almost_ids | st.builds("{}_{:06d}".format, ids, st.integers(0, 999_999)))
@settings(max_examples=1000)
def test_a_clips_id_is_one_or_refused(text: str) -> None:
    try:
        youtube_id, start = clip_parts(text)
    except ValueError:
        return
    assert text == f"{youtube_id}_{start:06d}"
    assert inside(FOLDER / f"{text}.wav", FOLDER)
    for template in ("http://host/{id}", "https://host:8/a?v={id}&t={start}", "http://h/{id}/x"):
        before = urlsplit(ClipUrl(template).of("a" * 11, 0))
        after = urlsplit(ClipUrl(template).of(youtube_id, start))
        assert (before.scheme, before.netloc) == (after.scheme, after.netloc)
        assert after.fragment == ""


@given(st.tuples(hostile | ids, hostile | st.just("30"), hostile, hostile | st.just("test")))
@settings(max_examples=1000)
def test_a_row_of_the_csv_is_one_or_refused(
    tmp_path_factory: pytest.TempPathFactory, fields: tuple[str, ...]
) -> None:
    path = tmp_path_factory.getbasetemp() / "one-csv" / "vggsound.csv"  # beside nothing to look at
    path.parent.mkdir(exist_ok=True)
    text = io.StringIO(newline="")
    csv.writer(text).writerow(fields)
    path.write_bytes(text.getvalue().encode())
    try:
        rows = read_vggsound(path.parent, frozenset({fields[2]}), path).rows
    except InputError:
        return
    for row in rows:
        for stem in (row.clip_id, *row.file_stems):
            assert inside(FOLDER / f"{stem}.wav", FOLDER)


@given(hostile | st.builds("{}.jpg".format, hostile))
@settings(max_examples=1000)
def test_a_photographs_name_is_one_below_its_folder_or_refused(name: str) -> None:
    if FILE_NAME.fullmatch(name):
        assert below(FOLDER / name, FOLDER)
        assert urlsplit(f"http://host/train2017/{name}").path == f"/train2017/{name}"


@given(hostile.filter(lambda text: text not in ("", ".", "..") and "\0" not in text))
@settings(max_examples=1000)
def test_no_files_name_becomes_an_option(name: str) -> None:
    path = Path("/data") / name.replace("/", "_")
    arguments = decode_arguments(path, EXCERPT)
    place = PLAIN.index("file:/data/x")
    assert PLAIN[place - 1] == "-i"
    assert arguments[place] == f"file:{path.resolve()}"
    assert arguments[:place] + arguments[place + 1 :] == PLAIN[:place] + PLAIN[place + 1 :]


@given(hostile | st.lists(hostile, max_size=4).map("/".join))
@settings(max_examples=1000)
def test_a_members_name_stays_in_the_folder_or_is_refused(name: str) -> None:
    try:
        refuse_path(name, "archive.zip")
    except InputError:
        return
    target = (FOLDER / name).resolve()
    assert target == FOLDER or FOLDER in target.parents


@given(hostile)
@settings(max_examples=300)
def test_a_class_of_ones_own_table_is_a_folders_name_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "classes.toml"
    quoted = "".join(f"\\U{ord(c):08x}" for c in name if not 0xD800 <= ord(c) < 0xE000)
    text = f'[[class]]\nname = "{quoted}"\nmask_value = 1\ncategory = "dog"\ngroup = "a"\n'
    path.write_text(f'{text}labels = ["dog barking"]\n')
    tomllib.loads(path.read_text())
    try:
        (row,) = read_class_table(path, "captions", ["dog barking"])
    except InputError:
        return
    assert inside(FOLDER / row.name, FOLDER)
    assert not row.name.startswith(("-", "."))


@needs_corpus
def test_the_real_ids_all_pass() -> None:
    rows = list(csv.reader((CORPUS / "vggsound/test_rows.csv").open(encoding="utf-8")))
    assert len(rows) == 15_446
    url = ClipUrl("https://mirror.example.org/{id}_{start:06d}")
    for name, label in rows:
        clip_id, _, suffix = name.rpartition(".")
        youtube_id, start = clip_parts(clip_id)
        row = ClipRow(youtube_id, start, label, "test")
        assert (row.clip_id, suffix) == (clip_id, "mp4")
        assert inside(FOLDER / f"{clip_id}.wav", FOLDER)
        assert url.of(youtube_id, start) == f"https://mirror.example.org/{clip_id}"
    assert sum(name.startswith("-") for name, _ in rows) == 299


def zipped(path: Path, *members: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data, zipfile.ZIP_DEFLATED)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


BAD_MEMBERS: dict[str, tuple[zipfile.ZipInfo | str, bytes, str]] = {
    "absolute": ("/etc/passwd", b"x", "is absolute"),
    "drive": ("C:/windows/x", b"x", "is absolute"),
    "backslashes": ("..\\..\\x", b"x", "is absolute"),
    "climbing": ("annotations/../../x", b"x", "climbs out"),
    "link": (link("annotations/link"), b"/etc/passwd", "is a link"),
    "bomb": ("bomb", b"\0" * 300_000_000, "far more than it says or weighs"),
}


@pytest.mark.parametrize("kind", BAD_MEMBERS)
def test_an_archive_with_a_bad_member_is_refused_whole(tmp_path: Path, kind: str) -> None:
    member, data, said = BAD_MEMBERS[kind]
    archive = zipped(tmp_path / "a.zip", ("annotations/good.json", b"{}"), (member, data))
    with pytest.raises(InputError, match=said):
        unpack(archive, tmp_path / "out", ["annotations/good.json"], 10**9)
    assert not (tmp_path / "out").exists()


def test_an_archive_that_is_too_large_or_lies_or_lacks_a_member_is_refused(
    tmp_path: Path,
) -> None:
    data = bytes(range(256)) * 100
    archive = zipped(tmp_path / "a.zip", ("good.json", data))
    with pytest.raises(InputError, match="unpacks to 25600 bytes, more than 1000"):
        unpack(archive, tmp_path / "out", ["good.json"], 1000)
    with pytest.raises(InputError, match=r"no member other\.json"):
        unpack(archive, tmp_path / "out", ["other.json"], 10**9)
    content = archive.read_bytes()
    lie = content.replace((25_600).to_bytes(4, "little"), (600).to_bytes(4, "little"))
    archive.write_bytes(lie)
    with pytest.raises(InputError, match=r"a\.zip"):
        unpack(archive, tmp_path / "out", ["good.json"], 10**9)
    archive.write_bytes(content[:-40])
    with pytest.raises(InputError, match="damaged"):
        unpack(archive, tmp_path / "out", ["good.json"], 10**9)
    assert not list(tmp_path.glob("out/*"))
    archive.write_bytes(content)
    (target,) = unpack(archive, tmp_path / "out", ["good.json"], 10**9)
    assert target.read_bytes() == data
