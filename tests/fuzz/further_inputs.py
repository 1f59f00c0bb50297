"""Inputs that came later: answers, submissions, hub folders, own pictures and sounds, settings."""

import csv
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from unittest.mock import patch

import numpy as np
from PIL import Image

from tests.builder.own_corpora import write_own_folder, write_own_recordings
from tests.fuzz import mutations as m
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.runtime.settings import toml_value
from vpo_builder.sources import side_files

Command = tuple[str, ...]
DATASET = "VPO/VPO-SS"
PRESET = b'extends = "tiny"\n\n[train]\nepochs = 2\n\n[image]\ncrop = 64\nlong_side = 96\n'
BUILD_PRESET = b"""extends = "default"
[filters]
min_area_fraction = 0.01
[limits]
per_class = {dog = 2, cat = 2}
[subsets]
val_fraction = 0.2
[person]
baby = ["baby"]
"""
ROBUST = "robust-best-vpo-ss-test.json"
CORRUPTION = ("--corruption", "low-pass", "--levels", "1", "--pictures", "1")
UNTOUCHED = b"drawn from"


def score(answers: str, *more: str) -> Callable[[Path, Path, Random], list[Command]]:
    """Score a folder or zip of answers, as they are or with what is missing allowed."""

    def commands(home: Path, out: Path, draw: Random) -> list[Command]:
        given = ("avs-bench", "score", f"{home}/{answers}", "--data", f"{home}/{DATASET}")
        options = (*(f"{home}/{w}" if "." in w else w for w in more), "--examples", "1")
        allowed = draw.choice(((), ("--allow-missing",), ("--resize", "nearest")))
        return [(*given, "--out", f"{out}/scores", *options, *allowed)]

    return commands


def rank(home: Path, out: Path, draw: Random) -> list[Command]:
    skipped = draw.choice(((), ("--skip-refused",)))
    given = (f"{out}/run/submission.json", "--out", f"{out}/board")
    return [("avs-bench", "board", *given, *skipped)]


def open_hub_folder(home: Path, out: Path, draw: Random) -> list[Command]:
    weights = ("--weights", f"{out}/run/hub/model.safetensors")
    shot = (f"{home}/shot/photo.jpg", "--audio", f"{home}/shot/photo.wav")
    return [
        ("avs-bench", "eval", *weights, "--data", f"{home}/{DATASET}", "--examples", "0"),
        ("avs-bench", "predict", *shot, *weights, "--out", f"{out}/seen"),
    ]


def compare_robust(home: Path, out: Path, draw: Random) -> Iterator[Command]:
    shutil.copytree(home / "run", out / "other")
    asked = ("--data", f"{home}/{DATASET}", *CORRUPTION)
    yield ("avs-bench", "report", f"{out}/run", "--out", f"{out}/report")
    yield ("avs-bench", "robust", "--run", f"{out}/other", *asked, "--beside", f"{out}/run")


def build_own(option: str, given: str) -> Callable[[Path, Path, Random], list[Command]]:
    """Build of pictures, or with recordings, of one's own."""

    def commands(home: Path, out: Path, draw: Random) -> list[Command]:
        rest = ("--vggsound", f"{home}/sources/vggsound")
        if option == "--sounds":
            rest = ("--coco", f"{home}/sources/coco")
        split = ("--split", draw.choice(("ss", "ms")), "--out", f"{out}/built", "--workers", "1")
        return [("vpo-build", *split, option, f"{home}/{given}", *rest)]

    return commands


def build_packed(home: Path, out: Path, draw: Random) -> list[Command]:
    corpus = ("--coco", f"{home}/sources/coco", "--vggsound", f"{home}/packed")
    return [("vpo-build", "--split", "ss", "--out", f"{out}/built", "--workers", "1", *corpus)]


def build_with_preset(home: Path, out: Path, draw: Random) -> list[Command]:
    corpus = ("--coco", f"{home}/sources/coco", "--vggsound", f"{home}/sources/vggsound")
    preset = ("--preset", f"{home}/presets/build.toml")
    split = ("--split", "ss", "--out", f"{out}/built", "--workers", "1")
    return [("vpo-build", *split, *preset, *corpus)]


def read_preset(home: Path, out: Path, draw: Random) -> list[Command]:
    return [("avs-bench", "presets", f"{home}/presets/train.toml")]


def build_from_side_files(home: Path, out: Path, draw: Random) -> Iterator[Command]:
    """Build, spoil what was kept of the lists, and build again: the same must come of it."""
    corpus = ("--coco", f"{home}/sources/coco", "--vggsound", f"{home}/sources/vggsound")
    cache = patch.dict(os.environ, XDG_CACHE_HOME=f"{out}/cache")
    every = patch.multiple(side_files, SMALLEST_LIST=0, SETTLED_NS=-(10**9))
    with cache, every:
        for place in ("built/first", "built/again"):
            split = ("--split", "ss", "--out", f"{out}/{place}", "--workers", "1")
            yield ("vpo-build", *split, *corpus)
            kept = sorted((out / "cache").rglob("*.columns"))
            assert kept, "no side file was written"
            if (home / "kept.txt").read_bytes() != UNTOUCHED:
                path = draw.choice(kept)
                path.write_bytes(draw.choice(m.BYTES)(path.read_bytes(), draw))
    metas = [
        (out / place / DATASET / META).read_bytes() for place in ("built/first", "built/again")
    ]
    assert metas[0] == metas[1], "a spoilt side file changes what is built"


def write_further_inputs(home: Path, avs_bench: Callable[..., None]) -> None:
    """Write them beside those of `inputs`; `avs_bench` runs a command."""
    _write_answers(home, avs_bench)
    run = str(home / "run")
    avs_bench("convert", "--run", run, "--hub-folder", f"{run}/hub")
    avs_bench("robust", "--run", run, "--data", str(home / DATASET), *CORRUPTION)
    write_own_folder(home / "mine")
    sources = {"masks": "mine/masks", "pictures": "mine/pictures", "name": "mine"}
    (home / "sources.toml").write_text(f"images = [{toml_value(sources)}]\n")
    write_own_recordings(home / "recordings")
    packed = home / "packed"
    (packed / "data").mkdir(parents=True)
    shutil.copy(home / "sources/vggsound/vggsound.csv", packed / "data")
    with tarfile.open(packed / "vggsound_00.tar.gz", "w:gz") as archive:
        for path in sorted((home / "sources/vggsound/audios").iterdir()):
            archive.add(path, f"video/{path.name}")
    (home / "presets").mkdir()
    (home / "presets" / "build.toml").write_bytes(BUILD_PRESET)
    (home / "presets" / "train.toml").write_bytes(PRESET)
    (home / "kept.txt").write_bytes(UNTOUCHED)


def _write_answers(home: Path, avs_bench: Callable[..., None]) -> None:
    """Write what answers the samples of test: a folder with the template's list, a zip, arrays."""
    manifest = read_manifest(home / DATASET)
    classes = manifest.meta.classes
    avs_bench("score", f"{home}/answers", "--data", f"{home}/{DATASET}", "--template")
    (home / "arrays").mkdir()
    for sample in manifest.samples:
        if sample.subset == "test":
            scores = np.zeros((len(classes), sample.height, sample.width), np.float32)
            scores[3, :20] = 1
            np.savez(home / "arrays" / f"{sample.sample_id}.npz", logits=scores)
            pred = Image.fromarray(scores.argmax(axis=0).astype(np.uint8))
            pred.save(home / "answers" / f"{sample.sample_id}.png")
    shutil.make_archive(str(home / "answers"), "zip", home / "answers")
    (home / "labels.json").write_text(json.dumps({row.name: row.index for row in classes}))
    with (home / "map.csv").open("w", newline="") as file:
        csv.writer(file).writerows((("model", "data"), ("dog", "cat"), ("cat", "dog")))
