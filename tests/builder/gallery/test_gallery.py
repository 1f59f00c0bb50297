"""`gallery`: opened from disk in a real browser, it loads, filters, plays and asks for nothing."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.browser import Page, browser
from tests.builder.dataset_by_hand import AUDIO, DUETS, Picture, finish, write_dataset
from tests.builder.documents.test_documents import write_documents
from vpo_builder.dataset.class_colours import class_colours
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.gallery.choosing import choose_shown
from vpo_builder.gallery.gallery import write_gallery
from vpo_builder.gallery.media import PEAKS, encode_clip
from vpo_builder.runtime.errors import InputError

__all__ = ["browser"]
SECONDS = 20


@pytest.fixture(scope="module")
def galleries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the galleries `one` (of VPO-SS) and `both` (VPO-SS beside VPO-MS)."""
    root = tmp_path_factory.mktemp("galleries")
    single, multiple = write_dataset(root / "data"), write_dataset(root / "data", DUETS, "ms")
    for folder in (single, multiple):
        write_documents(folder)
    for clip in (single / AUDIO).glob("*.wav"):  # long enough to be seen playing on a busy machine
        samples, rate = soundfile.read(clip)
        soundfile.write(clip, np.tile(samples, SECONDS * rate // len(samples)), rate)
    assert write_gallery([single], root / "one").shown == 8
    write_gallery([single, multiple], root / "both")
    shutil.rmtree(root / "data")  # a gallery stands on its own
    return root


class Gallery(Page):
    """A gallery in the browser; it may ask for its own files."""

    def __init__(self, browser: Any, folder: Path, view: str = "") -> None:
        super().__init__(browser, folder / "index.html", view)
        self.folder = folder

    def ids(self) -> list[str]:
        return self.run("return [...document.querySelectorAll('.card')].map(c => c.dataset.id)")

    def choose(self, name: str, value: str) -> None:
        """Choose as a user does: in the list, or by a click on the button."""
        from selenium.webdriver.support.ui import Select

        lists = self.browser.find_elements("css selector", f"select[name={name}]")
        if lists:
            Select(lists[0]).select_by_value(value)
        else:
            button = f"input[name={name}][value='{value}'] + span"
            self.browser.find_element("css selector", button).click()

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.browser).send_keys(key).perform()

    def check_quiet(self, own: Path | None = None) -> None:
        super().check_quiet(own or self.folder)


def test_it_loads_every_picture_and_mask_without_an_error(browser: Any, galleries: Path) -> None:
    page = Gallery(browser, galleries / "one")
    assert len(page.ids()) == 8
    page.run("for (const i of document.images) i.loading = 'eager'")
    page.wait("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    assert page.run("return document.images.length") == 16
    assert page.run("return document.querySelectorAll('.bar').length") == 3
    page.check_quiet()


def test_it_filters_by_class_subset_and_number_of_sources(browser: Any, galleries: Path) -> None:
    page = Gallery(browser, galleries / "one")
    page.choose("category", "cat")
    assert len(page.ids()) == 3
    page.choose("subset", "test")
    assert page.ids() == ["000000000007_000000000700"]
    assert page.run("return document.getElementById('count').textContent") == "1 sample"
    page.choose("category", "")
    assert len(page.ids()) == 3
    page.choose("subset", "")
    page.run("document.querySelector('.bar[data-category=dog]').click()")
    assert len(page.ids()) == 3

    page = Gallery(browser, galleries / "both", "view=samples&sources=2")
    assert len(page.ids()) == 3
    page.choose("sources", "1")
    assert len(page.ids()) == 8
    page.check_quiet()


def test_it_plays_stops_and_mixes(browser: Any, galleries: Path) -> None:
    page = Gallery(browser, galleries / "both", "view=samples&dataset=1")
    buttons = "document.querySelector('.card').querySelectorAll('.play')"
    assert page.run(f"return {buttons}.length") == 3
    page.run(f"{buttons}[0].click()")
    sliders = "document.querySelector('.card').querySelectorAll('.wave input')"
    page.wait(f"{sliders}[0].value > 0")
    assert page.run(f"return {buttons}[0].getAttribute('aria-pressed')") == "true"
    page.run(f"{sliders}[0].value = {SECONDS}; {sliders}[0].dispatchEvent(new Event('input'))")
    page.wait(f"{buttons}[0].getAttribute('aria-pressed') === 'false'")
    assert page.run(f"return {sliders}[0].value") == "0"
    page.run(f"{buttons}[2].click()")
    page.wait(f"{sliders}[1].value > 0")
    page.run(f"{buttons}[0].click()")
    assert page.run(f"return {buttons}[2].getAttribute('aria-pressed')") == "false"
    page.run(f"{buttons}[0].click()")
    assert page.run(f"return {buttons}[0].getAttribute('aria-pressed')") == "false"
    page.check_quiet()


def test_stereo_follows_the_published_mixing(browser: Any, galleries: Path) -> None:
    page = Gallery(browser, galleries / "one")
    energies = page.browser.execute_async_script(
        """
        const done = arguments[0];
        context = new OfflineAudioContext(2, 1600, 16000);
        const buffer = context.createBuffer(1, 1600, 16000);
        buffer.getChannelData(0).fill(0.5);
        for (const pan of [0.25]) connect({pan}, buffer, true).start();
        context.startRendering().then(b => done([0, 1].map(c => b.getChannelData(c)[800])));
        """
    )
    assert energies == pytest.approx([0.375, 0.125])


def test_it_is_used_by_keyboard(browser: Any, galleries: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    page = Gallery(browser, galleries / "one")
    page.press(Keys.TAB)
    assert page.run("return document.activeElement.className") == "skip"
    page.press(Keys.ENTER, Keys.TAB)
    assert page.run("return document.activeElement.getAttribute('aria-label')") == "Play cat"
    page.press(Keys.SPACE)
    page.wait("document.querySelector('.wave input').value > 0")
    page.press(Keys.TAB, Keys.END)
    page.wait("document.querySelector('.play').getAttribute('aria-pressed') === 'false'")
    page.press(Keys.ARROW_RIGHT)
    assert page.run("return document.activeElement.value") == "0.1"
    page.check_quiet()


@pytest.mark.parametrize("name", ["one", "both"])
def test_a_phone_s_width_needs_no_sideways_scrolling(
    browser: Any, galleries: Path, name: str
) -> None:
    metrics = {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page = Gallery(browser, galleries / name)
        assert page.run("return innerWidth") == 360
        assert page.run("return document.documentElement.scrollWidth") <= 360
        widest = "Math.max(...[...document.querySelectorAll('.card')].map(c => c.offsetWidth))"
        assert page.run(f"return {widest}") > 300
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_two_sources_of_one_class_are_told_apart(browser: Any, tmp_path: Path) -> None:
    sounding = (("cat", "-aaaaaaaaaa_000010"), ("cat", "bbbbbbbbbbb_000010"))
    folder = write_dataset(tmp_path / "data", [Picture(1, "train", sounding)], "ms")
    (sample,) = read_manifest(folder).samples
    sources = tuple(replace(s, pan=p) for s, p in zip(sample.sources, (0.75, 0.25), strict=True))
    finish(folder, "ms", [replace(sample, sources=sources)])
    write_gallery([folder], tmp_path / "gallery")
    page = Gallery(browser, tmp_path / "gallery")
    texts = "return [...document.querySelectorAll(arguments[0])].map(n => n.textContent)"
    assert page.run(texts, ".card .title h2") == ["2 × cat"]
    assert page.run(texts, ".source .name") == ["cat 2", "cat 1"]
    assert page.run(texts, ".mark") == ["2", "1"]
    places = page.run(
        "const centre = n => n.getBoundingClientRect().x + n.getBoundingClientRect().width / 2;"
        "return [...document.querySelectorAll('.mark')].map(m => centre(m) - centre(m.parentNode))"
    )
    assert places[0] == pytest.approx(-places[1], abs=1)
    assert places[0] > 40
    click = "document.querySelectorAll('.source .play')[1].click();"  # a quarter of a second
    assert page.run(click + texts, ".mark.heard") == ["1"]
    page.wait("document.querySelector('.mark.heard') === null")
    page.check_quiet()


def test_datasets_stand_side_by_side_by_class(browser: Any, galleries: Path) -> None:
    page = Gallery(browser, galleries / "both")
    rows = page.run(
        "return [...document.querySelectorAll('.row')].map(r => [r.querySelector('h2').textContent,"
        "[...r.querySelectorAll('.column')].map(c => c.querySelectorAll('.card').length)])"
    )
    assert rows == [["cat", [2, 2]], ["dog", [2, 2]], ["male", [2, 1]]]
    page.choose("category", "dog")
    assert page.run("return document.querySelectorAll('.row').length") == 1
    page.check_quiet()


def test_text_of_a_dataset_cannot_become_markup(tmp_path: Path) -> None:
    folders = [write_dataset(tmp_path / name) for name in ("<script>alert(1)<", "b")]
    page = write_gallery(folders, tmp_path / "gallery").page.read_text()
    assert "<script>alert" not in page
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    names = [dataset["name"] for dataset in json.loads(data.group(1))["datasets"]]
    assert names == ["VPO-SS (<script>alert(1)<)", "VPO-SS (b)"]


def test_the_page_names_no_address_to_load_from(galleries: Path) -> None:
    page = (galleries / "both" / "index.html").read_text()
    markup = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.S)
    assert not re.search(r"(src|href)=\"(?!data:|#)", markup)
    assert "url(" not in markup


def test_overlays_hold_the_class_colour_where_the_mask_holds_the_class(small_dataset: Path) -> None:
    manifest = read_manifest(small_dataset)
    out = small_dataset.parents[2] / "gallery"
    write_gallery([small_dataset], out)
    colours = class_colours(7)
    for number, sample in enumerate(manifest.samples):
        mask = np.asarray(Image.open(small_dataset / sample.mask))
        overlay = np.asarray(Image.open(out / "media" / f"mask-{number}.png").convert("RGBA"))
        index = next(r.index for r in manifest.meta.classes if r.name == sample.sources[0].category)
        assert (overlay[mask > 0][:, :3] == colours[index]).all()
        assert (overlay[mask > 0][:, 3] >= 140).all()
        assert (overlay[mask == 0][:, 3] == 0).mean() > 0.9


def test_class_colours_are_different() -> None:
    for classes in (1, 2, 3, 22, 24, 71):
        assert len(set(class_colours(classes))) == classes
        assert class_colours(classes)[0] == (0, 0, 0)


def test_a_clip_s_waveform_shows_where_it_is_loud(small_dataset: Path) -> None:
    clip = next((small_dataset / AUDIO).glob("*.wav"))
    copy, script = encode_clip(clip.read_bytes(), 7)
    assert copy.seconds == 0.25
    assert len(copy.peaks) == PEAKS
    assert max(copy.peaks) == "9"
    assert script.startswith(b'receiveClip(7, "')


def test_a_smaller_gallery_is_part_of_a_larger_one(small_dataset: Path) -> None:
    samples = read_manifest(small_dataset).samples
    one, two, every = (choose_shown(samples, number) for number in (1, 2, 0))
    assert set(one) < set(two) <= set(every) == set(samples)
    keys = [(sample.subset, sample.sources[0].category) for sample in one]
    assert len(keys) == len(set(keys)) == 7


def test_any_number_of_workers_gives_the_same_bytes(small_dataset: Path, tmp_path: Path) -> None:
    one, three = (
        write_gallery([small_dataset], tmp_path / str(number), 0, number).page.parent
        for number in (1, 3)
    )
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) > 16
    assert [(one / name).read_bytes() for name in files] == [
        (three / name).read_bytes() for name in files
    ]


def test_a_gallery_is_replaced_and_nothing_else_is(small_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "gallery"
    write_gallery([small_dataset], out, 1)
    write_gallery([small_dataset], out, 0)
    assert sum(path.name.startswith("image-") for path in (out / "media").iterdir()) == 8
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    for other in (small_dataset, small_dataset / META):
        with pytest.raises(InputError, match="no gallery"):
            write_gallery([small_dataset], other)
    assert read_manifest(small_dataset).meta.samples == 8


def test_bad_input_is_one_line_and_leaves_no_folder(small_dataset: Path, tmp_path: Path) -> None:
    clip = next((small_dataset / AUDIO).glob("*.wav"))
    clip.unlink()
    with pytest.raises(InputError, match=clip.name):
        write_gallery([small_dataset], tmp_path / "gallery")
    (small_dataset / META).unlink()
    with pytest.raises(InputError, match="not finished"):
        write_gallery([small_dataset], tmp_path / "gallery")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
