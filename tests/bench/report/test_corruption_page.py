"""The page of AVS-C has every curve and every level of an example, and nothing from outside."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from avs_bench.config import read_preset
from avs_bench.probes.corruption_curves import robustness_of
from avs_bench.report.corruption_page import Compared, robustness_tables, write_page
from avs_bench.results.files import read_robust, write_robust
from tests.bench.probes.test_corruption_curves import CLEAN, probed
from tests.bench.report.made_results import result
from tests.browser import Page, browser
from tests.markdown_pages import blocks_of
from vpo_builder.runtime.errors import InputError

__all__ = ["browser"]
PAGE = Path(__file__).resolve().parents[3] / "docs" / "robustness.md"
LEVELS = (
    probed("snr-noise@1", 18, 18, 18),
    probed("snr-noise@5", 2, 2, 2),
    probed("jpeg@2", 9, 9, 9),
)


@cache
def compared(name):
    scored = replace(result(CLEAN), classes=("background", "a", "b"), probes=LEVELS)
    return Compared(name, scored, robustness_of(scored))


def test_the_page_has_curves_and_levels_and_asks_for_nothing(dataset, tmp_path):
    both = [compared("<script>ours"), compared("other")]
    page = write_page(tmp_path / "page.html", both, dataset, read_preset("tiny").audio)
    text = page.read_text(encoding="utf-8")
    assert text.count("<polyline") == 2 * 2
    assert text.count('data-sound="data:audio/mpeg;base64,') == 3  # levels 0, 1 and 5
    assert text.count('<img src="data:image/jpeg;base64,') == 2  # levels 0 and 2
    assert "<script>ours" not in text
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)


def test_the_page_plays_what_was_heard_with_the_seed_of_the_result(dataset, tmp_path):
    said = [compared("ours").result]
    said.append(replace(said[0], probes=tuple(replace(one, seed=7) for one in LEVELS)))
    sounds = []
    for one in said:
        shown = [Compared("ours", one, robustness_of(one))]
        page = write_page(tmp_path / "page.html", shown, dataset, read_preset("tiny").audio)
        text = page.read_text(encoding="utf-8")
        sounds.append(re.findall(r'data-sound="data:audio/mpeg;base64,([^"]*)', text))
    (own, one, five), (again, *others) = sounds
    assert own == again
    assert not {one, five} & set(others)


LABELS = """return [...document.querySelectorAll(".curve")].map(curve => {
  const canvas = curve.querySelector("svg").getBoundingClientRect();
  const labels = [...curve.querySelectorAll(".levels span")].map(x => x.getBoundingClientRect());
  return labels.map((at, n) => (at.left + at.right) / 2
    - (canvas.left + canvas.width * n / (labels.length - 1)));
});"""


def test_every_level_is_named_below_its_point_on_a_phone_too(browser, dataset, tmp_path):
    path = tmp_path / "page.html"
    write_page(path, [compared("<script>ours")], dataset, read_preset("tiny").audio)
    page = Page(browser, path)
    assert page.on_a_phone() <= 360
    away = page.run(LABELS)
    assert list(map(len, away)) == [3, 2]
    assert all(abs(pixels) < 1.5 for row in away for pixels in row), away


def test_the_table_has_each_level_and_what_is_left():
    sound, picture = robustness_tables([compared("ours")])
    assert sound.figures == ("level 0", *(f"level {n}" for n in range(1, 6)), "left")
    assert [row.words for row in sound.rows] == [("ours", "all of these"), ("ours", "snr-noise")]
    assert [number is None for number in sound.rows[1].numbers] == [
        *(False, False, True, True, True, False, False)
    ]
    assert picture.rows[0].numbers[-1].value == pytest.approx(picture.rows[1].numbers[-1].value)


def test_what_was_stored_is_found_by_its_data(tmp_path):
    stored = compared("ours").result
    write_robust(tmp_path, stored)
    assert read_robust(tmp_path, stored) == stored
    with pytest.raises(InputError, match="no robust"):
        read_robust(tmp_path, replace(stored, subset="val"))


def test_the_guides_worked_example_is_right():
    (example,) = (
        block.text
        for block in blocks_of(PAGE.read_text(encoding="utf-8"))
        if block.language == "python"
    )
    exec(compile(example, str(PAGE), "exec"), {})
