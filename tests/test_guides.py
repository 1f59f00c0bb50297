"""The guides in docs/, run from top to bottom as a reader would, on less data and for less long."""

import contextlib
import re
import sys
from pathlib import Path

import pytest
import torch

from tests.markdown_pages import Block, blocks_of, commands_of, run_command, run_page

DOCS = Path(__file__).resolve().parents[1] / "docs"
BUILD = "vpo-build --split ss --out data"
CORPUS = ("--workers", "1", "--set", "synthetic.images=60", "--set", "synthetic.clips_per_class=10")
SETTINGS = (
    *("train.epochs=1", "train.batch_size=8", "image.long_side=48", "image.crop=32"),
    *("loader.workers=0", "loader.cache_mib=1"),
)
TRAINING = tuple(word for setting in SETTINGS for word in ("--set", setting))
SHORT = {"avs-bench train": TRAINING}


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """What BUILD makes, from fewer pictures and recordings, once for all pages."""
    folder = tmp_path_factory.mktemp("built")
    with contextlib.chdir(folder):
        run_command(BUILD, {BUILD: CORPUS})
    return folder / "data"


@pytest.fixture
def _in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    before = set(sys.modules)
    yield
    torch.set_num_threads(threads)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


class TestGuide:
    @pytest.fixture(autouse=True)
    def _with_data(self, _in_a_new_folder, built):
        Path("data").symlink_to(built)

    def test_your_model(self):
        said = "\n".join(run_page(DOCS / "your-model.md", SHORT, done=(BUILD,)))
        assert re.search(r"^my_model:build +mine +best, epoch 1", said, re.MULTILINE)
        assert Path("mine/report/report.md").is_file()
        assert Path("scores").is_dir()
        assert said.count("finished; best.pt is epoch") == 4

    def test_as_a_library(self):
        said = "\n".join(run_page(DOCS / "as-a-library.md", SHORT, done=(BUILD,)))
        assert "worst_class_dataset 0.00 %, class" in said
        assert "silence_dataset" in said
        assert "(120, 160)" in said

    def test_which_metric(self):
        said = "\n".join(run_page(DOCS / "which-metric.md", done=(BUILD,)))
        assert re.search(r"^My model +answers-scores +answers ", said, re.MULTILINE)
        assert "IoU: yours is" in said
        figures = set(re.findall(r"^ {2,8}[0-9.–]+(?: %)? (\w+) \(", said, re.MULTILINE))
        page = (DOCS / "which-metric.md").read_text()
        named = set(re.findall(r"`([a-z0-9_]+_(?:dataset|frame|video)\w*)`", page))
        assert named <= figures | {"miou_dataset", "f1_dataset", "j_and_f_dataset", *AVSS_ONLY}


def test_the_listening_score_is_what_its_page_works_out():
    run_page(DOCS / "listening-score.md")


def test_instances_by_ear_are_what_their_page_works_out():
    run_page(DOCS / "instances.md", done=("avs-bench",))  # run by tests/bench/scoring


AVSS_ONLY = ("miou_frame_padded_224", "fscore_frame_padded_224")
PAGE = """# A page
```python title="a/mine.py"
value = 3
```
<!-- not run: it needs a key -->
```sh
rm -rf everything
```
```sh
avs-bench presets tiny  # of ours
avs-bench presets \\
    plain
```
```python
kept = 2
```
```python
>>> kept += 1
>>> kept
3
```
```python
>>> kept
3
```
"""


def test_a_page_is_taken_apart_as_it_is_read():
    blocks = list(blocks_of(PAGE))
    assert [(b.language, b.title, b.line) for b in blocks] == [
        *(("python", "a/mine.py", 3), ("sh", "", 10)),
        *(("python", "", 15), ("python", "", 18), ("python", "", 23)),
    ]
    assert list(commands_of(blocks[1])) == ["avs-bench presets tiny", "avs-bench presets plain"]
    assert not list(commands_of(Block("sh", "", "vpo-build --out d", 1), ("vpo-build",)))


@pytest.mark.usefixtures("_in_a_new_folder")
@pytest.mark.parametrize(
    ("wrong", "right"), [("\n3\n", "\n4\n"), ("presets tiny", "presets tinny"), ("= 2", "= no")]
)
def test_a_page_that_does_not_hold_fails(wrong, right):
    Path("page.md").write_text(PAGE)
    assert "[optim]" in run_page(Path("page.md"))[0]
    assert Path("a/mine.py").read_text() == "value = 3\n"
    Path("page.md").write_text(PAGE.replace(wrong, right))
    with pytest.raises((AssertionError, NameError)):
        run_page(Path("page.md"))
