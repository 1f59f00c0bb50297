"""The board's pages, opened from disk in a real browser."""

import re
from pathlib import Path

import pytest

from tests.bench.board.conftest import HOSTILE
from tests.browser import Page, browser

__all__ = ["browser"]

TEXTS = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
NAMES = (
    "return [...document.querySelectorAll(`#s${arguments[0]} tbody tr:not([hidden]) th`)]"
    ".map(e => e.firstChild.textContent.trim())"
)
CHOOSE = (
    "const field = document.querySelector(arguments[0]);"
    "if (field.type === 'checkbox') field.checked = !field.checked;"
    "else field.value = arguments[1];"
    "field.dispatchEvent(new Event('change', {bubbles: true}))"
)
SORTED = (
    "return [...document.querySelectorAll('#s0 thead th')].map(e => e.getAttribute('aria-sort'))"
)


def names(page: Page, place: int = 0) -> list[str]:
    return list(page.run(NAMES, place))


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("which", ["board", "method"])
def test_nothing_is_cut_off_and_no_page_scrolls_sideways(browser, board, which, width):
    stranger = next(p for p in board.parent.glob("methods/*.html") if "owned" in p.read_text())
    page = Page(browser, board if which == "board" else stranger)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert page.run("return document.documentElement.scrollWidth") <= width
        cut = (
            "return [...document.querySelectorAll('.scroll, td, th, h1, h2, .legend, dd')]"
            ".filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.textContent)"
        )
        assert page.run(cut) == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_sixty_methods_on_five_datasets_open_within_a_second(browser, large_board):
    """Processor time of all tasks of the main thread: other programs add nothing to it."""
    browser.get("about:blank")
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    try:
        page = Page(browser, large_board)
        painted = "requestAnimationFrame(() => requestAnimationFrame(arguments[0]))"
        browser.execute_async_script(painted)
        metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    finally:
        browser.execute_cdp_cmd("Performance.disable", {})
    assert page.count("[data-standing]") == 5
    assert page.count("tr[data-counts]") == 300
    took = next(one["value"] for one in metrics if one["name"] == "TaskDuration")
    assert 0.02 < took < 1


def test_methods_stand_by_the_leading_figure_beside_published_rows(browser, board):
    page = Page(browser, board)
    shown = names(page)
    assert {"One", "Two", "Three", "Four"} < set(shown)
    assert "TPAVI, D-ResNet50" in shown
    values = (
        "return [...document.querySelectorAll('#s0 tbody tr')].map(r => r.cells[2].dataset.value)"
    )
    numbers = [float(value) if value else -1 for value in page.run(values)]
    assert numbers == sorted(numbers, reverse=True)
    grey = page.run(TEXTS, "#s0 .published small")
    assert "published [P1], dataset level, 2024" in grey
    assert page.run("return getComputedStyle(document.querySelector('.published th')).color") == (
        page.run("return getComputedStyle(document.querySelector('.legend')).color")
    )
    sources = page.run(TEXTS, "#s0 .notes li")
    assert any(text.startswith("[P1] Chen et al.") for text in sources)
    page.check_quiet()


def test_the_listening_score_comes_before_the_figures(browser, board):
    page = Page(browser, board)
    for place, first in (("s0", "miou_dataset"), ("s1", "miou_frame")):
        heads = page.run(TEXTS, f"#{place} thead th")
        assert heads[:3] == ["method", "listening_score", first]
    assert any("listening_score: " in text for text in page.run(TEXTS, "#s0 .notes li"))
    heard = "return [...document.querySelectorAll('#s0 tbody td[data-value]:nth-child(2)')]"
    values = page.run(f"{heard}.map(cell => Number(cell.dataset.value)).filter(Boolean)")
    assert sorted(values) == pytest.approx([1 / 12, 3 / 12, 6 / 12])  # One has 0; of seeds the mean
    rows = "return [...document.querySelectorAll('#s0 tbody tr')]"
    cells = f"{rows}.find(r => r.textContent.includes('One'))"
    assert float(page.run(f"{cells}.cells[1].dataset.value")) == 0
    stranger = cells.replace("'One'", "'owned'")
    assert page.run(f"{stranger}.cells[1].textContent.trim()") == "–"
    assert page.run(f"{stranger}.cells[8].textContent.trim()") == "unknown"
    assert page.run(f"{cells}.cells[8].textContent.trim()") == "1"


def test_filters_choose_rows_tables_and_dots(browser, board):
    page = Page(browser, board)
    count = "return document.getElementById('count').textContent"
    every = page.run(count)
    page.run(CHOOSE, "[name=verified]", "")
    assert names(page) == [name for name in names(page) if not name.startswith(("CAVP", "TPAVI"))]
    assert page.run(count) == "11 rows in 3 tables"
    page.run(CHOOSE, "[name=family]", "frame")
    assert page.run(
        "return [...document.querySelectorAll('[data-standing]')].map(s => s.hidden)"
    ) == [
        True,
        False,
        True,
    ]
    page.run(CHOOSE, "[name=year]", "2027")
    assert sorted(names(page, 1)) == ["Four", "Three"]
    dots = (
        "return [...document.querySelectorAll('#s1 .plane:not([hidden]) .spot')].map(s => s.hidden)"
    )
    assert sorted(page.run(dots)) == [False, False, True, True]
    kept = page.run("return location.hash")
    page.run(CHOOSE, "[name=dataset]", "1")
    assert page.run("return document.getElementById('empty').hidden") is False
    assert page.run(count) == "0 rows in 0 tables"
    again = Page(browser, board, kept[1:])
    assert sorted(names(again, 1)) == ["Four", "Three"]
    assert again.run(count) == "2 rows in 1 table"
    assert Page(browser, board).run(count) == every


def test_a_strange_address_is_taken_for_none(browser, board):
    page = Page(browser, board, "family=x&year=-1&s0=99&s1=-x&dataset=__proto__")
    assert page.run(SORTED)[2] == "descending"
    assert page.run("return document.getElementById('empty').hidden")
    page.check_quiet(board)


def test_columns_sort_both_ways_and_say_so(browser, board):
    page = Page(browser, board)
    sort = "document.querySelectorAll('#s0 [data-sort]')[arguments[0]].click()"
    value = (
        "return [...document.querySelectorAll('#s0 tbody tr')]"
        ".map(r => r.cells[arguments[0]].dataset.value).filter(Boolean)"
    )
    fdr = 6
    page.run(sort, fdr)
    assert page.run(SORTED).index("ascending") == fdr
    assert page.run(SORTED).count("none") == 10
    numbers = [float(text) for text in page.run(value, fdr)]
    assert numbers == sorted(numbers)
    page.run(sort, fdr)
    assert page.run(SORTED)[fdr] == "descending"
    assert [float(text) for text in page.run(value, fdr)] == sorted(numbers, reverse=True)
    empty = "return document.querySelector('#s0 tbody tr:last-child').cells[6].dataset.value"
    assert page.run(empty) == ""  # whichever way, what is not known is last
    page.run(sort, 0)
    assert page.run(value, 0) == sorted(page.run(value, 0))
    assert page.run("return document.querySelector('#s0 [name=order]').value") == "0"
    again = Page(browser, board, page.run("return location.hash")[1:])
    assert again.run(SORTED)[0] == "ascending"


def test_everything_is_reached_by_keyboard_and_seen_to_be(browser, board):
    from selenium.webdriver.common.keys import Keys

    page = Page(browser, board)
    page.run("document.querySelector('.skip').focus()")
    reached = []
    for _ in range(24):
        active = browser.switch_to.active_element
        reached.append(active.get_attribute("name") or active.get_attribute("data-sort"))
        ring = "return getComputedStyle(document.activeElement).outline"
        assert re.search(r"solid 3px$", page.run(ring))
        active.send_keys(Keys.TAB)
    for field in ("dataset", "family", "year", "verified", *map(str, range(11))):
        assert field in reached, field
    page.run("document.querySelector('#s0 [data-sort=\"6\"]').focus()")
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert page.run(SORTED)[6] == "ascending"
    assert page.run("return document.activeElement.dataset.sort") == "6"
    page.run("document.querySelector('[name=verified]').focus()")
    browser.switch_to.active_element.send_keys(Keys.SPACE)
    assert page.run("return document.getElementById('count').textContent") == "11 rows in 3 tables"


def test_two_are_compared_on_request(browser, board):
    page = Page(browser, board)
    page.run(CHOOSE, "#pair [name=place]", "2")
    offered = page.run(TEXTS, "#pair [name=first] option")
    assert sorted(offered) == ["f1", "f2"]
    assert not page.run("return document.querySelector('#pair button').disabled")
    page.run("document.querySelector('#pair button').click()")
    page.wait("!document.getElementById('differences').hidden")
    assert page.run(TEXTS, "#differences tbody th") == [
        "j_video",
        "f_video_official",
        "j_and_f_video",
    ]
    assert re.fullmatch(
        r"-?[\d.]+\[-?[\d.]+, -?[\d.]+\]", page.run(TEXTS, "#differences td:nth-child(4)")[0]
    )
    assert page.run(TEXTS, "#differences thead th")[1:3] == offered
    page.run(CHOOSE, "#pair [name=first]", page.run("return pair.elements.second.value"))
    assert page.run("return document.querySelector('#pair button').disabled")
    assert page.run("return document.getElementById('differences').hidden")
    page.check_quiet(board.parent)


def test_counts_that_were_not_copied_with_the_page_are_told(browser, board, tmp_path):
    (tmp_path / "index.html").write_bytes(board.read_bytes())
    page = Page(browser, tmp_path / "index.html")
    page.run("document.querySelector('#pair button').click()")
    page.wait("document.getElementById('paired').textContent.includes('copy the whole folder')")


def test_without_javascript_the_tables_are_whole(browser, board):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page = Page(browser, board)
        shown = browser.find_elements("css selector", "#s0 tbody tr")
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert len(shown) == page.count("#s0 tbody tr") > 8
    assert page.run("return getComputedStyle(document.getElementById('filters')).display") == "none"
    assert (
        page.run("return getComputedStyle(document.getElementById('comparison')).display") == "none"
    )


def test_strangers_names_are_text_and_their_scripts_do_not_run(browser, board):
    page = Page(browser, board)
    assert page.run("return document.title") == "Board of 7 methods · avs-bench"
    assert any(name.startswith('"><script>document.title') for name in names(page))
    for path in (board, *board.parent.glob("methods/*.html")):
        text = path.read_text()
        assert HOSTILE[:12] not in text
        assert "\u202e" not in text
    assert "\\u202e" in board.read_text()
    for path in board.parent.glob("counts/*.js"):
        assert re.fullmatch(
            r'receive\(\d+,\{"classes":\d+,"units":[\[\]\d,]+\}\);\n', path.read_text()
        )
    inject = "document.body.insertAdjacentHTML('beforeend', arguments[0])"
    page.run(inject, '<img src=x onerror="window.owned = 1">')
    script = (
        "const s = document.createElement('script'); s.text = 'owned = 1'; document.body.append(s)"
    )
    page.run(script)
    page.wait("true")
    assert page.run("return window.owned") is None


def test_pages_ask_for_nothing_and_name_no_place_but_links(board):
    for path in (board, *board.parent.glob("methods/*.html")):
        text = path.read_text()
        assert "default-src 'none'" in text
        assert not re.search(r"""(src|action)=|url\(|@import""", text.split("<script>")[0])
        for link in re.findall(r'href="([^"]*)"', text):
            assert re.match(r"(#|data:,|methods/|\.\./index\.html|https://example\.org/)", link), (
                link
            )


def test_a_page_of_a_method_has_its_scores_probes_groups_and_origin(browser, board):
    page = Page(browser, board)
    links = "return [...document.querySelectorAll('#s0 th a')]"
    link = f"{links}.find(a => a.textContent === 'Three').href"
    page = Page(browser, board.parent / "methods" / Path(page.run(link)).name)
    assert page.run(TEXTS, "h1") == ["Three"]
    assert page.run(TEXTS, ".facts dd")[1:5] == [
        "2027",
        "https://example.org/a?b&c",
        "5 million",
        "1",
    ]
    assert page.run(TEXTS, "h2") == ["Scores", "Does it listen?", "Groups", "Origin"]
    assert page.count("#scores tbody tr") == 2  # dataset level and per frame; no published rows
    assert page.run(TEXTS, "#listening tbody th") == ["3 seeds", "silence"]
    assert page.run(TEXTS, "#listening thead th")[3] == "listening_score"
    assert page.run(TEXTS, "#groups tbody th") == 2 * ["sources: 1", "sources: 2"]  # by ear too
    assert page.count("#origin details") == 3
    page.check_quiet()
    back = page.run("return document.querySelector('nav a').href")
    assert back == board.resolve().as_uri()
