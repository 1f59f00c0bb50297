"""A real Chromium for tests of pages that open from disk."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--autoplay-policy=no-user-gesture-required --window-size=1280,1000"
)
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A driver that logs errors and requests; the test skips where there is no Chromium."""
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip("needs chromium and chromium-driver")
    webdriver = pytest.importorskip("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(str(DRIVER)))
    yield driver
    driver.quit()


class Page:
    """A page from disk in the browser."""

    def __init__(self, browser: Any, path: Path, view: str = "") -> None:
        """Open a page; `view` is what stands behind the # of its address."""
        self.browser = browser
        browser.get("about:blank")  # a change of the part after # alone loads nothing
        for kind in ("browser", "performance"):
            browser.get_log(kind)
        browser.get(path.resolve().as_uri() + (f"#{view}" if view else ""))

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what JavaScript returns."""
        return self.browser.execute_script(script, *arguments)

    def count(self, selector: str) -> int:
        """Return how many elements a CSS selector finds."""
        return int(self.run("return document.querySelectorAll(arguments[0]).length", selector))

    def wait(self, condition: str) -> Any:
        """Wait until a JavaScript expression is true."""
        from selenium.webdriver.support.ui import WebDriverWait

        wait = WebDriverWait(self.browser, 20, poll_frequency=0.05)
        return wait.until(lambda driver: driver.execute_script(f"return {condition}"))

    def on_a_phone(self) -> int:
        """Return the width that the page takes on a phone 360 pixels wide."""
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        try:
            self.wait(f"innerWidth === {PHONE['width']}")
            return int(self.run("return document.documentElement.scrollWidth"))
        finally:
            self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def check_quiet(self, own: Path | None = None) -> None:
        """No error was logged and nothing was asked for: but files in `own`, if given."""
        assert self.browser.get_log("browser") == []
        here = self.browser.current_url
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = message["params"]["request"]["url"]
                is_own = own is not None and url.startswith(own.resolve().as_uri())
                assert is_own or url == here or url.startswith(("data:", "about:", "blob:")), url
