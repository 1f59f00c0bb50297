"""Text from outside moves no cursor, is no formula and no markup."""

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from vpo_builder.runtime import progress as progress_lines
from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.outside_text import csv_cell, markdown_text, one_line
from vpo_builder.runtime.progress import progress, say_beside

HOSTILE = "a\x1b[2J\x9b31m\u202eb\x00\rc\nd\x7f\udc80"


@given(st.text())
def test_a_line_is_one_and_printable(text: str) -> None:
    assert one_line(text).isprintable()


@given(st.text(st.characters(whitelist_categories=["L", "N", "P", "S"]), min_size=1))
def test_what_prints_stays_as_it_is(text: str) -> None:
    assert one_line(text) == text


def test_what_does_not_print_is_shown_as_its_escape() -> None:
    assert one_line(HOSTILE) == r"a\x1b[2J\x9b31m\u202eb\x00 c d\x7f\udc80"


@pytest.mark.parametrize("text", ["=1", "+a", "@a", "-a", "-2+cmd|' /C calc'!A0", "\t=1", "－1+a"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert str(csv_cell(text)).startswith("'")


@pytest.mark.parametrize("value", ["-0.5", "-.5", "-1e-9", "+3", "a=1", "http://a/-b", "", -1, 0.5])
def test_numbers_and_other_text_stay_as_they_are(value: object) -> None:
    assert csv_cell(value) == value


def test_markdown_prints_markup_as_it_is() -> None:
    said = r"\[a\](b) \| \*c\* \_d\_ e_f &lt;img&gt; &amp;amp; \`g\` \\"
    assert markdown_text("[a](b) | *c* _d_ e_f <img>\n&amp; `g` \\") == said


def test_errors_and_progress_pass_through_it(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    @one_line_errors
    def fails() -> None:
        raise InputError(f"{HOSTILE}: no such file")

    result = CliRunner().invoke(fails)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    monkeypatch.setattr(progress_lines, "LINE_AFTER_SECONDS", 0.0)
    list(progress([1], 1, HOSTILE.replace("\n", "")))
    say_beside(HOSTILE)
    told = capfd.readouterr().err.splitlines()
    assert len(told) == 2
    for line in (*result.stderr.splitlines(), *told):
        assert line.isprintable()
        assert r"a\x1b[2J" in line
