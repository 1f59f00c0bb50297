"""The report's page, opened from disk in a real browser."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from avs_bench.report.report import write_report
from avs_bench.report.runs import Run, read_runs
from avs_bench.results.files import examples_folder, write_result
from avs_bench.results.showcase import Candidate, Showcase
from tests.bench.report.made_results import (
    CLASSES,
    confusion,
    frames,
    pictures,
    result,
    silence,
    videos,
)
from tests.browser import PHONE, Page, browser
from vpo_builder.runtime.errors import InputError

__all__ = ["browser"]
pytestmark = pytest.mark.usefixtures("quick_intervals")
HOSTILE = "<script>alert(1)</script>"


def candidate(seed):
    random = np.random.default_rng(seed)
    return Candidate(
        picture=random.integers(0, 256, (60, 80, 3), dtype=np.uint8),
        target=np.repeat(np.arange(3, dtype=np.uint8), 20)[:, None].repeat(80, axis=1),
        pred=np.zeros((60, 80), np.uint8),
        sound=0.2 * np.sin(np.arange(96_000, dtype=np.float32) / 5)[None],  # six seconds
        heard=("cat",),
    )


def write_run(folder: Path, seed: int, model: str = "tiny") -> Path:
    right = pictures(0.6, seed=seed)
    scored = result(right, frames(), seed=seed, model=model, probes=(silence(right, 0.4),))
    write_result(folder, scored)
    showcase = Showcase(2)
    for number in range(6):
        name = f"{number}{HOSTILE}" if number == 5 else str(number)
        showcase.offer(name, name, confusion(20 * number, number), lambda n=number: candidate(n))
    showcase.write(examples_folder(folder, scored), CLASSES)
    lines = [f'{{"epoch":{i},"loss":{3 - i},"val":{{"miou_dataset":0.{i}}}}}\n' for i in range(3)]
    (folder / "history.jsonl").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    runs = [write_run(root / name, seed, name) for seed, name in enumerate(("one", "two"))]
    write_report(read_runs(runs), root / "out", compare=True)
    return root / "out" / "index.html"


def test_every_picture_is_shown_and_nothing_is_asked_for(browser, report):
    page = Page(browser, report)
    assert page.count("section") == 9
    assert page.count(".card") == 8
    page.wait("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert page.run("return document.images.length") == 32
    assert page.count(".curve polyline") == 4
    page.check_quiet()


LONG = "cavp_deeplabv3plus_resnet101_with_a_very_long_name"


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    """The report of two models of three seeds each."""
    root = tmp_path_factory.mktemp("seeds")
    names = [(f"{model}-s{seed}", seed, model) for model in (LONG, "b") for seed in range(3)]
    runs = [write_run(root / name, seed, model) for name, seed, model in names]
    write_report(read_runs(runs), root / "out", compare=True)
    return root / "out" / "index.html"


def test_a_model_of_several_seeds_is_shown_once_with_its_spread(browser, seeds):
    page = Page(browser, seeds)
    texts = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
    assert page.run(texts, "h1") == [f"{LONG}, b"]
    heads = page.run(texts, ".runs li")
    assert len(heads) == 2
    assert re.search(r"3 seeds, 4 epochs on VPO-SS: miou_dataset [\d.]+ ± [\d.]+ on", heads[0])
    assert page.run(texts, "#comparison tbody th") == ["b"] * 9
    assert page.run(texts, "#groups tbody th") == [LONG, LONG, "b", "b"]
    assert all("±" in text for text in page.run(texts, "#classes .bar-track b"))
    assert len(page.run(texts, "#classes .bar")) * 2 == page.count("#classes .bar-track")
    assert len(page.run(texts, "[name=matrix] option")) == 2
    assert len(page.run(texts, "#training .last span")) == 4
    assert page.count("#training polyline") == 12
    origins = page.run(texts, "#origin summary")
    assert [re.search(r"seed \d$", text)[0] for text in origins] == 2 * [
        "seed 0",
        "seed 1",
        "seed 2",
    ]
    page.check_quiet()


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_is_cut_off_however_long_names_are(browser, seeds, width):
    page = Page(browser, seeds)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert page.run("return document.documentElement.scrollWidth") <= width
        cut = (
            "return [...document.querySelectorAll('.scroll, .dot-label, .dot-text, .bar-name, h1')]"
            ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
        )
        assert page.run(cut) == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_sound_plays_and_another_one_stops_it(browser, report):
    page = Page(browser, report)
    buttons = "document.querySelectorAll('.play')"
    page.run(f"{buttons}[0].click()")
    page.wait("playing?.sound?.time() > 0")
    assert page.run(f"return {buttons}[0].getAttribute('aria-pressed')") == "true"
    page.run(f"{buttons}[1].click()")
    assert page.run(f"return {buttons}[0].getAttribute('aria-pressed')") == "false"
    page.wait("playing?.sound?.time() > 0")
    page.run(
        f"const seek = {buttons}[1].closest('.about').querySelector('.seek'); seek.value = 0.98;"
        "seek.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.wait("playing === null")  # its end
    assert page.run(f"return {buttons}[1].getAttribute('aria-pressed')") == "false"
    page.check_quiet()


def test_masks_fade_and_another_run_s_examples_are_chosen(browser, report):
    page = Page(browser, report)
    opacity = "return getComputedStyle(document.querySelector('.overlay')).opacity"
    set_value = (
        "const input = document.querySelector(arguments[0]); input.value = arguments[1];"
        "input.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.run(set_value, "[name=opacity]", "0")
    assert page.run(opacity) == "0"
    visible = "return [...document.querySelectorAll('[data-gallery]')].map(g => !g.hidden)"
    assert page.run(visible) == [True, False]
    page.run(set_value, "[name=gallery]", "1")
    assert page.run(visible) == [False, True]
    page.run(set_value, "[name=matrix]", "1")
    hidden = "return [...document.querySelectorAll('[data-matrix]')].map(g => g.hidden)"
    assert page.run(hidden) == [True, False]


def test_dots_stand_where_their_value_is(browser, report):
    page = Page(browser, report)
    found = page.run(
        """
        const plot = document.querySelector("#scores .plot");
        const box = (node) => node.getBoundingClientRect();
        const ticks = [...plot.querySelectorAll(".axis b")].map(b =>
          [Number(b.textContent), box(b).x + box(b).width / 2]);
        return [...plot.querySelectorAll(".dot:not(.axis)")].map(dot => {
          const [low, high] = [ticks[0], ticks[ticks.length - 1]];
          const point = box(dot.querySelector(".point"));
          const share = (point.x + point.width / 2 - low[1]) / (high[1] - low[1]);
          return [parseFloat(dot.querySelector(".dot-text").textContent),
                  low[0] + share * (high[0] - low[0])];
        });
        """
    )
    assert len(found) == 7  # two models and five published rows
    for said, drawn in found:
        assert drawn == pytest.approx(said, abs=0.5)


def test_a_phone_s_width_needs_no_sideways_scrolling(browser, report):
    assert Page(browser, report).on_a_phone() <= 360


def test_on_a_phone_no_figure_of_a_table_is_cut_off(browser, report):
    page = Page(browser, report)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
    try:
        tables = "[...document.querySelectorAll('.scroll')]"
        assert max(page.run(f"return {tables}.map(t => t.scrollWidth - t.clientWidth)")) <= 0
        names = "[...document.querySelectorAll('#scores td')].map(c => c.dataset.name)"
        assert {"checkpoint", "miou_dataset", "fscore_frame"} <= set(page.run(f"return {names}"))
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_names_of_strangers_cannot_become_markup(report):
    text = report.read_text()
    assert HOSTILE not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_page_names_no_address_to_load_from(report):
    text = report.read_text()
    assert not re.search(r"(src|href)=\"(?!data:|#)", text)
    assert "url(" not in text


def test_families_without_classes_or_runs_without_examples_have_a_page_too(tmp_path):
    runs = [Run("v", tmp_path / "v", (result(videos(), dataset="AVSBench-S4"),))]
    written = write_report(runs, tmp_path / "out")
    text = (tmp_path / "out" / "index.html").read_text()
    assert written.files[0].name == "index.html"
    for part in ("classes", "confusions", "examples", "training", "listening"):
        assert f'id="{part}"' not in text
    assert "j_video" in text


class TestShowcase:
    def shown(self, folder, order, each=2, number=7):
        showcase = Showcase(each)
        for index in order:
            unit = f"unit-{index // 2}"  # two counterfactuals of a picture each
            showcase.offer(
                str(index), unit, confusion(10 + 12 * index, index), lambda: candidate(0)
            )
        return [(one.side, one.example_id) for one in showcase.write(folder, CLASSES)]

    def test_holds_the_best_and_the_worst_one_of_a_picture(self, tmp_path):
        expected = [("best", "6"), ("best", "5"), ("worst", "0"), ("worst", "2")]
        assert self.shown(tmp_path, range(7)) == expected
        assert self.shown(tmp_path, [3, 6, 0, 1, 5, 2, 4]) == expected

    def test_of_a_small_set_each_is_shown_once(self, tmp_path):
        sides = self.shown(tmp_path, range(0, 6, 2), each=4)
        assert sides == [("best", "4"), ("best", "2"), ("worst", "0")]

    def test_a_file_that_is_not_there_is_one_line(self, tmp_path):
        run = write_run(tmp_path / "run", 0)
        folder = next(run.glob("examples-*"))
        (folder / "00-pred.png").unlink()
        with pytest.raises(InputError, match=r"'00-pred\.png', which is not beside it"):
            write_report(read_runs([run]), tmp_path / "out")

    def test_an_index_cannot_name_files_elsewhere(self, tmp_path):
        run = write_run(tmp_path / "run", 0)
        index = next(run.glob("examples-*")) / "index.json"
        index.write_text(index.read_text().replace("00-pred.png", "../history.jsonl"))
        with pytest.raises(InputError, match="not beside it"):
            write_report(read_runs([run]), tmp_path / "out")


def test_without_examples_scores_are_reported_all_the_same(tmp_path):
    write_result(tmp_path / "run", replace(result(pictures(0.8)), synthetic=True))
    written = write_report(read_runs([tmp_path / "run"]), tmp_path / "out")
    assert "synthetic" in written.files[0].read_text()
