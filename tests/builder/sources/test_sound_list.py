"""A csv of one's own recordings: what it may say, and what is refused in one line."""

import unicodedata
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpo_builder.dataset.clip_ids import is_clip_id
from vpo_builder.dataset.sound_credits import SoundCredit, credit_faults
from vpo_builder.records import SoundRow
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.licence_names import licence_of
from vpo_builder.sources.selecting import SoundList
from vpo_builder.sources.sound_list import read_sound_list
from vpo_builder.sources.sounds import open_sounds, united

HEADER = "file,label,licence,page,group"
ROW = "rex.wav,dog,CC BY 4.0,https://freesound.org/s/1/,anna"


def listed(folder: Path, *rows: str, header: str = HEADER) -> SoundList:
    path = folder / "mine.csv"
    path.write_text("\n".join([header, *rows]), encoding="utf-8")
    return read_sound_list(path)


def refusal(folder: Path, *rows: str, header: str = HEADER) -> str:
    with pytest.raises(InputError) as refused:
        listed(folder, *rows, header=header)
    (line,) = str(refused.value).splitlines()
    assert len(line) < 700
    return line


def test_a_row_tells_label_group_licence_and_page(tmp_path: Path) -> None:
    (tmp_path / "rex.wav").touch()
    sounds = listed(tmp_path, ROW).select(frozenset({"dog"}))
    assert sounds.rows == (SoundRow("rex", "anna", ("dog",), "", 0.0),)
    assert sounds.paths == {"rex": tmp_path / "rex.wav"}
    assert sounds.credits["rex"] == SoundCredit(
        clip_id="rex",
        group="anna",
        source="mine.csv",
        licence="CC BY 4.0",
        licence_url="https://creativecommons.org/licenses/by/4.0/",
        page="https://freesound.org/s/1/",
    )
    assert list(sounds.inputs) == ["sounds/mine.csv"]


@pytest.mark.parametrize(("told", "lies"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_file_of_another_system_is_found(
    tmp_path: Path, told: Literal["NFC", "NFD"], lies: Literal["NFC", "NFD"]
) -> None:
    path = tmp_path / unicodedata.normalize(lies, "Hündin.wav")
    path.touch()
    row = unicodedata.normalize(told, "Hündin.wav,dog,,,")
    assert list(listed(tmp_path, row).select(frozenset({"dog"})).paths.values()) == [path]


def test_columns_may_come_in_any_order_with_others_among_them(tmp_path: Path) -> None:
    header = "Group,note,LICENSE,start,file,Label,page,author,split,id"
    row = "anna,loud,CC0,12.5,walks/rex 1.wav,dog,,Anna A.,test,my-rex"
    (item,) = listed(tmp_path, row, header=header).listed
    assert item.row == SoundRow("my-rex", "anna", ("dog",), "test", 12.5)
    assert (item.credit.author, item.credit.licence) == ("Anna A.", "CC0 1.0")


@pytest.mark.parametrize(
    ("file", "start", "clip_id"),
    [
        ("rex.wav", "", "rex"),
        ("rex.wav", "0", "rex_000000"),
        ("rex.wav", "30", "rex_000030"),
        ("rex.wav", "1.25", "rex_000001.250"),
        ("dog/1.wav", "", "dog_1"),
        ("a b.FLAC", "", "a b"),
        ("rex (1).wav", "", "rex_1-2e58a060"),
        ("CON.wav", "", "CON-c1e04579"),
    ],
)
def test_a_clip_is_named_by_its_file_and_start(
    tmp_path: Path, file: str, start: str, clip_id: str
) -> None:
    row = f"{file},dog,,,,{start}"
    (item,) = listed(tmp_path, row, header=f"{HEADER},start").listed
    assert item.row.clip_id == clip_id


def test_without_a_group_the_file_is_one_so_that_its_parts_stay_together(tmp_path: Path) -> None:
    rows = [f"walk.wav,dog,,,,{start}" for start in (0, 10, 20)]
    found = listed(tmp_path, *rows, header=f"{HEADER},start").listed
    assert {item.row.group for item in found} == {"walk.wav"}
    assert len(found) == 3


def test_a_clip_may_have_a_row_for_each_label(tmp_path: Path) -> None:
    (item,) = listed(tmp_path, ROW, ROW.replace("dog", "bark"), ROW).listed
    assert item.row.labels == ("bark", "dog")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW.replace("rex.wav", "../rex.wav"), "line 3: file '../rex.wav': expected a path below"),
        (ROW.replace("rex.wav", "/etc/rex.wav"), "expected a path below the csv's folder"),
        (ROW.replace("rex.wav", "a\\rex.wav"), "expected a path below the csv's folder"),
        (ROW.replace("rex.wav", "x" * 4000 + ".wav"), "expected a path below the csv's folder"),
        (ROW.replace("rex.wav", "rex\x1b.wav"), "expected a path below the csv's folder"),
        (ROW.replace("rex.wav", ""), "file '': expected a path below the csv's folder"),
        (ROW.replace("rex.wav", "rex.txt"), "file 'rex.txt': expected one with .wav, .flac"),
        (ROW.replace("dog", ""), "label '': expected a short name that prints"),
        (ROW.replace("dog", "d\u202eog"), "expected a short name that prints"),
        (ROW.replace("dog", "d" * 301), "expected a short name that prints"),
        (ROW.replace("anna", "an\x07na"), r"group 'an\x07na': expected at most 300"),
        (ROW.replace("anna", "a" * 301), "expected at most 300 characters"),
        (ROW.replace("https://freesound.org/s/1/", "javascript:alert(1)"), "expected an address"),
        (ROW.replace("/s/1/", "/s/ 1/"), "expected an address such as"),
        (f"{ROW},more", "line 3: 6 columns, the header has 5"),
        ("rex.wav,dog", "line 3: 2 columns, the header has 5"),
        (ROW.replace("anna", "bert"), "file 'ok.wav' stands in two groups"),
    ],
)
def test_a_faulty_row_is_refused_by_its_line(tmp_path: Path, row: str, said: str) -> None:
    first = ROW.replace("rex.wav", "ok.wav")
    row = row.replace("rex.wav", "ok.wav") if "bert" in row else row
    assert said in refusal(tmp_path, first, row)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ("CON,0,", "id 'CON' is not safe as a file's name: expected at most 120 letters"),
        ("a/b,0,", "is not safe as a file's name"),
        ("rex.,0,", "is not safe as a file's name"),
        ("=1+1,0,", "is not safe as a file's name"),
        (f"{'a' * 4000},0,", "is not safe as a file's name"),
        (",nan,", "start 'nan': expected seconds, 0 to 1000000"),
        (",-1,", "start '-1': expected seconds"),
        (",1e7,", "start '1e7': expected seconds"),
        (",soon,", "start 'soon': expected seconds"),
        (",0,val", "split 'val': expected train, test or nothing"),
        ("rex,1,\nb.wav,dog,,,,rex,1,", "line 3: clip rex stands there twice with another file"),
        ("rex,1,\nrex.wav,dog,CC0,,,rex,1,", "clip rex stands there twice with another file"),
        ("rex,1,\nrex.wav,dog,,,,rex,2,", "clip rex stands there twice with another file"),
    ],
)
def test_a_faulty_optional_cell_is_refused(tmp_path: Path, cells: str, said: str) -> None:
    row = f"rex.wav,dog,,,,{cells}"
    assert said in refusal(tmp_path, row, header=f"{HEADER},id,start,split")


def test_a_missing_column_and_a_list_without_rows_are_refused(tmp_path: Path) -> None:
    assert "no column licence, group: expected a header with" in refusal(
        tmp_path, header="file,label,page"
    )
    assert "mine.csv: no row below its header" in refusal(tmp_path)


@pytest.mark.parametrize("other", ["REX.wav", "rex.flac"])
def test_clips_that_would_be_one_file_are_refused_when_both_are_wanted(
    tmp_path: Path, other: str
) -> None:
    (tmp_path / "rex.wav").touch()
    row = ROW.replace("rex.wav", other)
    if other == "rex.flac":
        assert "clip rex stands there twice" in refusal(tmp_path, ROW, row)
        return
    sounds = listed(tmp_path, ROW, row).select(frozenset({"dog"}))
    with pytest.raises(InputError, match="clip ids REX and rex would be one file where capitals"):
        united([sounds])


def test_where_no_wanted_clip_has_a_file_the_line_names_one_looked_for_and_one_seen(
    tmp_path: Path,
) -> None:
    (tmp_path / "cat.wav").touch()
    with pytest.raises(InputError, match=r"looked for rex\.wav; it holds cat\.wav and 1 more"):
        listed(tmp_path, ROW).select(frozenset({"dog"}))


def test_a_folder_with_one_list_serves_as_the_list(tmp_path: Path) -> None:
    listed(tmp_path, ROW)
    (tmp_path / "other.csv").write_text("a,b\n")
    assert open_sounds(tmp_path).labels == {"dog"}
    (tmp_path / "second.csv").write_text(HEADER)
    with pytest.raises(InputError, match=r"holds mine\.csv and second\.csv: give one of them"):
        open_sounds(tmp_path)


@pytest.mark.parametrize(("name", "said"), [("", "it holds rex.wav: expected a csv"),
    ("rex.wav", "begins with '': expected a csv with the columns file"),
    ("none", "no such file or folder: expected a csv")])  # fmt: skip
def test_what_is_no_list_is_refused_by_what_lies_there(
    tmp_path: Path, name: str, said: str
) -> None:
    (tmp_path / "rex.wav").touch()
    with pytest.raises(InputError, match=said):
        open_sounds(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("CC BY-NC 3.0", "CC BY-NC 3.0", "https://creativecommons.org/licenses/by-nc/3.0/"),
        ("cc-by", "CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
        ("Creative Commons 0", "CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("CC0", "CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        (
            "http://creativecommons.org/licenses/by-nc/3.0/",
            "CC BY-NC 3.0",
            "http://creativecommons.org/licenses/by-nc/3.0/",
        ),
        (
            "http://creativecommons.org/licenses/sampling+/1.0/",
            "CC Sampling+ 1.0",
            "http://creativecommons.org/licenses/sampling+/1.0/",
        ),
        ("my own", "my own", ""),
        ("accident", "accident", ""),
        ("https://example.org/terms", "", "https://example.org/terms"),
        ("", "", ""),
    ],
)
def test_a_licence_is_known_by_what_people_write(text: str, name: str, address: str) -> None:
    assert licence_of(text) == (name, address)


CELLS = st.text(max_size=40) | st.sampled_from(
    [
        "rex.wav",
        "../x.wav",
        "CON.wav",
        "dog",
        "CC BY 4.0",
        "https://a.org/1",
        "anna",
        "=1+1",
        "A.wav",
    ]
)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=4))
def test_what_is_read_is_safe_and_anything_else_is_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]]
) -> None:
    folder = tmp_path_factory.getbasetemp()
    lines = [",".join(f'"{cell}"' for cell in row) for row in rows]
    text = "\n".join([HEADER, *lines]).encode(errors="surrogatepass")
    (folder / "mine.csv").write_bytes(text)
    try:
        read = read_sound_list(folder / "mine.csv")
    except InputError:
        return
    groups: dict[str, str] = {}
    for item in read.listed:
        assert is_clip_id(item.row.clip_id)
        assert not list(credit_faults(item.credit))
        assert isinstance(item.place, Path)
        assert item.place.resolve().is_relative_to(folder.resolve())
        assert groups.setdefault(item.file, item.row.group) == item.row.group
