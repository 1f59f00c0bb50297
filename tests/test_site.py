"""The site of `make docs`: nothing in it warns, leads nowhere or asks for another place."""

import json
import logging
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.browser import Page, browser
from tests.test_help import ALL, PROGRAMS

__all__ = ["browser"]

ROOT = Path(__file__).resolve().parents[1]
LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}
LIBRARY = "reference/library.html"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site, built strictly, and what that warned of."""
    pytest.importorskip("material", reason="needs pip install '.[docs]'")
    pytest.importorskip("mkdocstrings_handlers.python")
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    folder = tmp_path_factory.mktemp("site")
    logger = logging.getLogger("mkdocs")
    logger.setLevel(logging.WARNING)
    build(load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True))
    return folder


class Links(HTMLParser):
    """What a page loads, what it leads to, and the ids in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.followed: list[str] = []
        self.ids: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given[key] for key in ("id", "name") if given.get(key)}
        if given.get(LOADED.get(tag, "")):
            self.loaded.append(given[LOADED[tag]])
        elif tag == "a" and given.get("href"):
            self.followed.append(given["href"])


def test_every_page_loads_and_leads_to_what_is_there(site):
    pages = {path: Links(path) for path in site.rglob("*.html") if path.name != "404.html"}
    assert len(pages) > 25
    outside = set()
    for path, links in pages.items():
        for address in (*links.loaded, *links.followed):
            parts = urlsplit(address)
            if parts.scheme:
                outside.add(address)
                assert address not in links.loaded, f"{path}: {address}"
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_relative_to(site)
            assert target.is_file(), f"{path}: {address}"
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].ids, f"{path}: {address}"
    assert outside
    assert all(address.startswith("https://") for address in outside), outside


def test_no_stylesheet_asks_for_another_place(site):
    sheets = list(site.rglob("*.css"))
    assert sheets
    for path in sheets:
        asked = re.findall(r"(?:url\(|@import )['\"]?(?!data:)([^'\")]+)", path.read_text())
        assert not [address for address in asked if "//" in address], path


def test_every_command_and_every_public_name_has_its_place(site):
    import avs_bench
    from avs_bench import metrics, probes

    for program in ("vpo-build", "vpo-data", "avs-bench"):
        page = (site / f"reference/{program}.html").read_text(encoding="utf-8")
        for name in ALL:
            if name.split()[0] == program and name != program:
                assert f"Usage: {name} " in page
        assert program in PROGRAMS
    for path, names in {
        LIBRARY: avs_bench.__all__,
        "reference/metrics.html": metrics.__all__,
        "reference/probes.html": probes.__all__,
    }.items():
        ids = Links(site / path).ids
        for name in names:
            assert any(found.endswith(f".{name}") for found in ids), f"{path}: {name}"
    assert "&gt;&gt;&gt;" in (site / LIBRARY).read_text()
    assert "<blockquote>" not in (site / LIBRARY).read_text()


def test_a_link_that_leads_nowhere_stops_the_build(site, tmp_path):
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    assert site.is_dir()
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "index.md").write_text("# A page\n[gone](gone.md)\n")
    told = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    kept = told[told.index("validation:") : told.index("nav:\n")]
    (tmp_path / "mkdocs.yml").write_text(f"site_name: a\nplugins: []\n{kept}")
    with pytest.raises(Abort):
        build(load_config(str(tmp_path / "mkdocs.yml"), strict=True))


class TestInABrowser:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_asks_nothing_of_others_and_fits_a_phone(self, site, browser, scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        Page(browser, site / "index.html").run("localStorage.clear()")  # of an earlier choice
        try:
            for name in ("index.html", "which-metric.html", "listening.html", LIBRARY):
                page = Page(browser, site / name)
                page.wait("document.readyState === 'complete'")
                shown = page.run("return document.body.dataset.mdColorScheme")
                assert shown == {"light": "default", "dark": "slate"}[scheme]
                assert page.on_a_phone() <= 360, name
                page.check_quiet(own=site)
        finally:
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def test_is_searched_from_disk_and_by_keyboard(self, site, browser):
        from selenium.webdriver.common.keys import Keys

        page = Page(browser, site / "index.html")
        page.wait("document.readyState === 'complete'")
        element = browser.switch_to.active_element
        element.send_keys(Keys.TAB)  # the first stop leads past the navigation
        assert page.run("return document.activeElement.className").startswith("md-skip")
        page.run("document.activeElement.blur()")
        browser.find_element("tag name", "body").send_keys("/")
        page.wait("document.activeElement.matches('.md-search__input')")
        browser.switch_to.active_element.send_keys("off-screen")
        page.wait("document.querySelectorAll('.md-search-result__link').length > 2")
        browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN, Keys.ENTER)
        page.wait("!location.pathname.endsWith('/index.html')")
        page.check_quiet(own=site)


def test_the_notebook_is_not_copied_into_the_site_with_its_outputs(site):
    notebook = json.loads((ROOT / "docs" / "quickstart.ipynb").read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in notebook["cells"])
    assert not list(site.rglob("*.ipynb"))
