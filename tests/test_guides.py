"""The guides in docs/, run from top to bottom as a reader would, on less data and for less long."""

import contextlib
import json
import re
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
import soundfile
import torch

from avs_bench import open_dataset
from avs_bench.probes import PROBES, RIGHT_SOUND
from tests.avsbench_trees import write_s4
from tests.bench.conftest import few_resamples
from tests.builder.build.published_copies import authors_archive
from tests.builder.own_corpora import (
    photograph,
    pixels,
    save,
    write_clips,
    write_fsd50k,
    write_lvis,
    write_own_folder,
    write_own_recordings,
)
from tests.builder.small_corpus import LEFT, farm, tone
from tests.markdown_pages import FENCE, Block, blocks_of, commands_of, run_command, run_page
from tests.test_help import parse
from vpo_builder.classes import CLASS_TABLES
from vpo_builder.dataset.manifest import read_manifest

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BUILD = "vpo-build --split ss --out data"
CORPUS = ("--workers", "1", "--set", "synthetic.images=60", "--set", "synthetic.clips_per_class=10")
SETTINGS = (
    *("train.epochs=1", "train.batch_size=8", "image.long_side=48", "image.crop=32"),
    *("loader.workers=0", "loader.cache_mib=1"),
)
TRAINING = tuple(word for setting in SETTINGS for word in ("--set", setting))
TRAIN = "avs-bench train --preset tiny --data data/VPO/VPO-SS --out run"
ALONE = ("--workers", "1")
SHORT = {
    "avs-bench train": TRAINING,
    "vpo-build": ALONE,
    "vpo-data import": ALONE,
}


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """What BUILD makes, from fewer pictures and recordings, once for all pages."""
    folder = tmp_path_factory.mktemp("built")
    with contextlib.chdir(folder):
        run_command(BUILD, {BUILD: CORPUS})
    return folder / "data"


@pytest.fixture(scope="session")
def trained(built, tmp_path_factory):
    """What TRAIN makes of it, once for all pages that do not write into the run."""
    folder = tmp_path_factory.mktemp("trained")
    torch.set_num_threads(1)  # more than one wait for each other, busily, beside another worker
    with contextlib.chdir(folder):
        Path("data").symlink_to(built)
        run_command(TRAIN, SHORT)
    return folder / "run"


@pytest.fixture(scope="session")
def sources(tmp_path_factory):
    """COCO and VGGSound in small, and the dataset that the guides build from them first."""
    folder = farm(tmp_path_factory.mktemp("sources")).folder
    with contextlib.chdir(folder):
        run_command(f"{BUILD} --coco coco --vggsound vggsound", SHORT)
    return folder


@pytest.fixture
def _in_a_new_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])  # as in Python begun here
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    before = set(sys.modules)
    with few_resamples():
        yield
    torch.set_num_threads(threads)
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


class TestGuide:
    @pytest.fixture(autouse=True)
    def _with_data(self, _in_a_new_folder, built):
        Path("data").symlink_to(built)

    @pytest.fixture
    def _with_a_run(self, _with_data, trained):
        shutil.copytree(trained, "run")

    def test_your_model(self):
        said = "\n".join(run_page(DOCS / "your-model.md", SHORT, done=(BUILD,)))
        assert re.search(r"^my_model:build +mine +best, epoch 1", said, re.MULTILINE)
        assert Path("mine/report/report.md").is_file()
        assert Path("scores").is_dir()
        assert said.count("finished; best.pt is epoch") == 4

    @pytest.mark.usefixtures("_with_a_run")
    def test_as_a_library(self):
        said = "\n".join(run_page(DOCS / "as-a-library.md", SHORT, done=(BUILD, TRAIN)))
        assert "(120, 160)" in said

    def test_which_metric(self):
        said = "\n".join(run_page(DOCS / "which-metric.md", done=(BUILD,)))
        assert re.search(r"^My model +answers-scores +answers ", said, re.MULTILINE)
        assert "IoU: yours is" in said
        figures = set(re.findall(r"^ {2,8}[0-9.–]+(?: %)? (\w+) \(", said, re.MULTILINE))
        page = (DOCS / "which-metric.md").read_text()
        named = set(re.findall(r"`([a-z0-9_]+_(?:dataset|frame|video)\w*)`", page))
        assert named <= figures | {"miou_dataset", "f1_dataset", "j_and_f_dataset", *AVSS_ONLY}

    @pytest.mark.usefixtures("_with_a_run")
    def test_a_metric_and_a_probe(self, monkeypatch):
        monkeypatch.setitem(PROBES, "backwards", RIGHT_SOUND)  # so that the page's is taken out
        said = "\n".join(run_page(DOCS / "add-a-metric.md", SHORT, done=(BUILD, TRAIN)))
        assert said.count("worst_class_dataset 0.00 %, class") == 2
        assert "silence_dataset 100.00 %" in said
        said = "\n".join(run_page(DOCS / "add-a-probe.md", SHORT, done=(BUILD, TRAIN)))
        assert "backwards - does it know a sound" in said
        assert "backwards" in said.partition("scores")[2]  # the report tells it too

    @pytest.mark.usefixtures("_with_a_run")
    def test_train_and_submit(self):
        example = open_dataset("data/VPO/VPO-SS").subsets["test"][0]
        shutil.copy(example.image, "street.jpg")
        shutil.copy(example.sources[0].clip, "street.wav")
        done = (TRAIN, "avs-bench models")  # whose table tests/bench/commands/test_models.py prints
        said = "\n".join(run_page(DOCS / "train.md", SHORT, done=done))
        assert "for-the-hub" in said
        assert list(Path("predicted").glob("*.html"))
        run_page(DOCS / "board.md", SHORT)
        assert Path("board/index.html").is_file()

    def test_other_classes(self, built):
        write_s4(Path("avsbench"))
        Path("data").unlink()
        shutil.copytree(built, "data")
        single_plus = "vpo-build --split avsbench-single-plus --out data --avsbench avsbench"
        run_command(single_plus, SHORT)
        said = "\n".join(run_page(DOCS / "other-classes.md", SHORT))
        assert "classes: unseen" in said
        assert len(list(Path("held").glob("scores-best-*-classes-*.json"))) == 3

    @pytest.mark.usefixtures("_with_a_run")
    def test_quickstart(self):
        run_page(DOCS / "quickstart.md", SHORT, done=(BUILD, TRAIN))
        assert Path("gallery/index.html").is_file()
        assert Path("run/report/index.html").is_file()


class TestGuideToData:
    @pytest.fixture(autouse=True)
    def _with_sources(self, _in_a_new_folder, sources):
        for name in ("coco", "vggsound"):
            Path(name).symlink_to(sources / name)

    def test_real_data(self, sources):
        write_s4(Path("avsbench"))
        trained_on = next(
            sample
            for sample in read_manifest(sources / "data/VPO/VPO-SS").samples
            if sample.subset == "train"
        )
        Path("vpo_ss_bbox.json").write_text(json.dumps([{"file": trained_on.sample_id}]))
        said = "\n".join(run_page(DOCS / "real-data.md", SHORT))
        assert "coco-json" in said
        assert Path("gallery/index.html").is_file()
        without = read_manifest(Path("without/VPO/VPO-SS")).samples
        assert trained_on.image_id not in {s.image_id for s in without if s.subset == "train"}

    def test_the_published_archive(self, sources):
        authors_archive(sources / "data", Path("archive"))
        said = "\n".join(run_page(DOCS / "published-archive.md", SHORT))
        assert said.count("no fault") == 1
        assert Path("with-licences/VPO/VPO-SS/ATTRIBUTION.csv").is_file()

    def test_own_sounds(self):
        table = write_own_recordings(Path("recordings"))
        page = DOCS / "own-sounds.md"
        (shown,) = (b.text for b in blocks_of(page.read_text()) if b.language == "csv")
        assert table.read_text().startswith(shown)
        assert "0 leaks" in "\n".join(run_page(page, SHORT))

    def test_own_pictures(self):
        write_own_folder(Path("mine"))
        for name in ("coco", "vggsound"):
            Path(name).unlink()
        write_clips(Path())
        assert "samples" in run_page(DOCS / "own-pictures.md", SHORT)[0]

    def test_a_class(self):
        said = "\n".join(run_page(DOCS / "add-a-class.md", SHORT))
        classes = [row.name for row in read_manifest(Path("data/VPO/VPO-SS")).meta.classes]
        assert classes == ["background", "car", "cow", "pet"]
        assert "miou_dataset" in said

    def test_a_dataset(self):
        for number in range(16):
            save(Path(f"own/pictures/{number}.png"), photograph(number))
            save(Path(f"own/masks/{number}.png"), pixels((1 + number % 2, LEFT)))
            Path("own/sounds").mkdir(exist_ok=True)
            soundfile.write(f"own/sounds/{number}.wav", tone(3.0, 200.0 + 90 * number), 16_000)
        assert "miou_dataset" in run_page(DOCS / "add-a-dataset.md")[-1]

    def test_vpo_v2(self):
        rows = tomllib.loads((CLASS_TABLES / "vpo-v2.toml").read_text())["class"]
        write_fsd50k(Path("FSD50K"), [name for row in rows for name in row["labels"]])
        Path("coco").unlink()
        farm(Path())
        write_lvis(Path())
        page = DOCS / "vpo-v2.md"
        (shown,) = (b.text for b in blocks_of(page.read_text()) if b.language == "toml")
        Path("lvis.toml").write_text(shown)
        assert "miou_dataset" in "\n".join(run_page(page, SHORT))


def test_every_command_that_a_page_only_shows_is_one():
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")):
        for fence in FENCE.finditer(page.read_text(encoding="utf-8")):
            shown = Block(fence[1], "", fence[3], 0)
            if shown.language in ("", "sh"):
                for command in commands_of(shown):
                    words = command.removeprefix("$ ").replace("ss|ms|msmi", "ss")
                    for one in words.split(" && "):
                        if one.startswith(("vpo-build ", "vpo-data ", "avs-bench ", "torchrun ")):
                            parse(one)


def test_every_target_that_a_page_names_is_one_of_the_makefile():
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = set()
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")):
        named |= set(re.findall(r"`make ([a-z-]+)[^`]*`", page.read_text(encoding="utf-8")))
    assert {"test", "docs"} <= named <= set(targets)


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
