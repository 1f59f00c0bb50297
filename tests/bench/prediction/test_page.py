"""`avs-bench predict` from the outside, and its page in a real browser."""

import json
from fractions import Fraction

import pytest
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.prediction.inputs import tasks_of
from avs_bench.prediction.page import tracks_of
from avs_bench.prediction.predict import predict_all
from avs_bench.prediction.predictions import Moment, PredictedItem
from tests.bench.checkpoints.test_opening import write_published
from tests.bench.prediction.conftest import Shot, make_video
from tests.bench.prediction.test_images import write_pair
from tests.browser import Page


@pytest.fixture
def predictions(tmp_path, hears):
    folder, out = tmp_path / "in", tmp_path / "out"
    write_pair(folder, "<b>&'pic?#", ringing=True)
    make_video(folder / "ring #1.mp4", Shot(seconds=6, bell=(2, 4)))
    tasks = tasks_of([folder], None, out, Fraction(1))
    predict_all(tasks, hears, out, command="avs-bench predict <in>")
    return out


def test_the_page_plays_seeks_and_shows_attention(browser, predictions):
    page = Page(browser, predictions / "index.html")
    page.wait("[...document.images].every(i => i.complete && i.naturalWidth > 0)")
    page.wait("document.querySelector('video').duration > 5.9")
    assert page.run("return document.querySelectorAll('h2')[0].textContent") == "<b>&'pic?#.jpg"
    lane = "document.querySelector('.lane')"
    share = page.run(
        f"const [span, lane] = [{lane}.querySelector('b'), {lane}].map(n => "
        "n.getBoundingClientRect());"
        "return [(span.left - lane.left) / lane.width, span.width / lane.width]"
    )
    assert share == pytest.approx([1 / 3, 1 / 3], abs=0.02)

    page.run(
        f"const box = {lane}.getBoundingClientRect(); {lane}.dispatchEvent(new MouseEvent('click',"
        "{bubbles: true, clientX: box.left + box.width / 2}))"
    )
    page.wait("Math.abs(document.querySelector('video').currentTime - 3) < 0.1")
    page.run("document.querySelector('video').muted = true; document.querySelector('video').play()")
    page.wait("document.querySelector('video').currentTime > 3.2")

    page.run("document.querySelectorAll('.video .switch input')[1].click()")
    page.wait("document.querySelector('video').src.endsWith('attention.mp4')")
    page.wait("document.querySelector('video').currentTime > 3.2")
    page.run("document.querySelectorAll('.image .switch input')[2].click()")
    page.wait("document.querySelector('.image img').src.endsWith('picture.jpg')")
    page.run("document.querySelector('.image .play').click()")
    page.wait("playing?.sound?.seconds > 0.9 && playing.sound.time() > 0.1")
    page.wait("document.querySelector('.image .seek').value > 0.1")
    page.run(
        "const seek = document.querySelector('.image .seek'); seek.value = 0.7;"
        "seek.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.wait("playing.sound.time() > 0.65")
    page.run("document.querySelector('.image .play').click()")
    assert page.run("return playing") is None
    assert page.on_a_phone() <= 360
    page.check_quiet(predictions)


def test_neighbours_of_one_strength_are_one_span():
    areas = [{}, {"bell": 0.4}, {"bell": 0.4}, {"bell": 0.1, "dog": 0.2}]
    moments = tuple(Moment(i, i + 0.5, area) for i, area in enumerate(areas))
    item = PredictedItem("v", "video", "v", 8, 8, 4.0, moments, False)
    bell, dog = tracks_of(item, ("background", "bell", "dog"))
    assert [(span.left, span.width) for span in bell.spans] == [(25, 50), (75, 25)]
    assert bell.spans[0].strength > bell.spans[1].strength
    assert [(span.left, span.width, span.strength) for span in dog.spans] == [(75, 25, 1.0)]
    assert bell.share == pytest.approx(0.225)


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(main, ["predict", *map(str, arguments)])

    def test_predicts_with_published_weights(self, tmp_path):
        write_published(tmp_path / "official.pth", 22)
        picture, out = write_pair(tmp_path / "in"), tmp_path / "out"
        given = ("--checkpoint", tmp_path / "official.pth", "--model", "tiny", "--long-side", 64)
        result = self.run(picture, "--out", out, *given, "--attention", "--device", "cpu")
        assert result.exit_code == 0, result.output
        assert str(out / "index.html") in result.stdout
        written = json.loads((out / "predictions.json").read_text())
        assert written["model"] == "tiny"
        assert "zebra" in written["classes"]

    @pytest.mark.parametrize(
        ("arguments", "part"),
        [
            ([], "give either --run FOLDER or --checkpoint FILE"),
            (["--run", "r", "--checkpoint", "c"], "give either --run FOLDER or --checkpoint"),
            (["--checkpoint", "a", "--checkpoint", "b"], "for --model or --preset only"),
            (["--checkpoint", "a", "--fps", "often"], "expected native or a number"),
            (["--run", "absent"], "no such checkpoint"),
            (["--run", "absent", "--audio", "absent.wav"], "no such checkpoint"),
        ],
    )
    def test_a_mistake_is_one_line_and_exit_code_2(self, tmp_path, arguments, part):
        picture = write_pair(tmp_path / "in")
        result = self.run(picture, "--out", tmp_path / "out", *arguments)
        assert result.exit_code == 2
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert part in result.stderr
        assert not (tmp_path / "out").exists()
