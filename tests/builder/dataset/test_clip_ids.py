"""A clip's id becomes a file's name: safe everywhere, and no two ids become one."""

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpo_builder.dataset.clip_ids import LONGEST_ID, alike_but_for_case, is_clip_id, safe_clip_id

NAMES = st.text(max_size=200) | st.text("aA.-_ /\\:*éCON\x1b", max_size=12)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "-aaaaaaaaaa_000010",
            "dog",
            "7",
            "_x",
            "a" * LONGEST_ID,
            "1-100032-A-0",
            "a b.c-d",
            "con1",
        ),
        *("COM", "lpt", "nullx", "x.con"),
    ],
)
def test_names_that_are_safe(text: str) -> None:
    assert is_clip_id(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "..", ".x", "x.", "x ", " x", "-x", "-aaaaaaaaaa_0010", "a" * (LONGEST_ID + 1)),
        *("a/b", "a\\b", "a:b", "é", "x\n", "x\0", "=1", "+1", "@a", "a\u202eb", "٣", "a*", "a,b"),
        *("CON", "con", "nul.wav", "Com1", "LPT9.a.b", "aux ", "prn .x"),
    ],
)
def test_names_that_are_not(text: str) -> None:
    assert not is_clip_id(text)


@given(NAMES, st.sampled_from(["", "_000010", "_000010.250"]))
def test_an_id_made_of_any_name_is_safe_and_stays_what_was_safe(name: str, tail: str) -> None:
    made = safe_clip_id(name, tail)
    assert is_clip_id(made)
    assert made.endswith(tail)
    assert PurePosixPath(f"{made}.wav").name == PureWindowsPath(f"{made}.wav").name == f"{made}.wav"
    assert made == name + tail or not is_clip_id(name + tail)


@given(st.lists(NAMES, max_size=20, unique=True))
def test_no_two_names_become_one_id(names: list[str]) -> None:
    assert len({safe_clip_id(name) for name in names}) == len(names)


def test_ids_that_differ_in_case_alone_are_found_unless_both_are_youtubes() -> None:
    ids = ["Dog", "cat", "dog", "AAAAAAAAAAA_000001", "aaaaaaaaaaa_000001"]
    assert list(alike_but_for_case(ids)) == [("Dog", "dog")]
