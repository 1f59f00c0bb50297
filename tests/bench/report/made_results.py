"""Results with known counts, made without a model."""

from pathlib import Path
from typing import Any

import numpy as np

from avs_bench.metrics import Confusion, FrameScores, ListeningScores, VideoScores
from avs_bench.metrics.record import UNITS_PER_ONE, Record
from avs_bench.report.runs import Run, run_of
from avs_bench.results.records import ProbedSet, Result, ScoredSet, scored_item, scored_set

CLASSES = ("background", "cat", "dog")
PIXELS = 100


def confusion(right: int, seed: int) -> Confusion:
    """Return counts of one picture of PIXELS pixels, of which `right` are right."""
    random = np.random.default_rng(seed)
    target = np.arange(PIXELS) % len(CLASSES)
    pred = target.copy()
    wrong = random.permutation(PIXELS)[: PIXELS - right]
    pred[wrong] = (pred[wrong] + 1) % len(CLASSES)
    return Confusion.of(pred, target, len(CLASSES))


def pictures(accuracy: float, number: int = 12, seed: int = 0) -> ScoredSet:
    """Return pictures of which about a share `accuracy` of the pixels is right."""
    random = np.random.default_rng(seed)
    shares = np.clip(random.normal(accuracy, 0.05, number), 0, 1)
    items = []
    for index, share in enumerate(shares):
        record = confusion(round(PIXELS * share), 1000 * seed + index)
        groups = {"sources": str(1 + index % 2), "size": ("large",)}
        items.append(scored_item(f"p{index:02d}", f"picture-{index:02d}", groups, record))
    return scored_set("dataset", len(CLASSES), items)


def videos(seed: int = 0, number: int = 4) -> ScoredSet:
    """Return videos of two frames, scored as S4 is."""
    random = np.random.default_rng(seed)
    target = random.random((number, 2, 8, 8)) < 0.4
    logits = random.normal(2 * target - 1, 2)
    records: list[Record] = [VideoScores.of(logits[i], target[i]) for i in range(number)]
    items = [scored_item(f"v{i}", f"v{i}", {}, record) for i, record in enumerate(records)]
    return scored_set("video", 2, items)


def frames(seed: int = 0, number: int = 4) -> ScoredSet:
    """Return frames of 3 classes, scored as AVSS is."""
    random = np.random.default_rng(seed)
    maps = random.integers(0, 3, (2, number, 8, 8))
    records = [FrameScores.of(maps[0, i], maps[1, i], 3) for i in range(number)]
    items = [scored_item(f"f{i}", f"v{i // 2}", {}, record) for i, record in enumerate(records)]
    return scored_set("frame", 3, items)


def by_ear(found: int, number: int = 12) -> ScoredSet:
    """Return pictures of two sounds of one size: in `found` each gets its object, else one both."""
    wrong, right = UNITS_PER_ONE // 2, UNITS_PER_ONE
    items = []
    for index in range(number):
        hit = index < found
        record = ListeningScores(1, 2, int(hit), 0, right if hit else wrong, wrong)
        groups = {"sounds": "2", "sources": str(1 + index % 2)}
        items.append(scored_item(f"picture-{index:02d}", f"picture-{index:02d}", groups, record))
    return scored_set("listening", len(CLASSES), items)


def silence(right: ScoredSet, accuracy: float) -> ProbedSet:
    """Return what the pictures of `right` score when nothing is heard."""
    labelled = pictures(accuracy, len(right.items), seed=9)
    return ProbedSet("silence", "does it?", "somewhere", 0, answer=labelled, labelled=labelled)


def result(*sets: ScoredSet, seed: int = 0, **changed: Any) -> Result:
    """Return a result of a model trained with `seed` on VPO-SS."""
    fields: dict[str, Any] = {
        "model": "tiny",
        "settings": {"model": {"name": "tiny"}, "train": {"seed": seed, "epochs": 4}},
        "checkpoint": "best",
        "epochs": 4,
        "checkpoint_sha256": "c" * 64,
        "trained_on": "VPO-SS",
        "trained_on_sha256": "a" * 64,
        "dataset": "VPO-SS",
        "dataset_sha256": "b" * 64,
        "synthetic": False,
        "subset": "test",
        "classes": CLASSES[: sets[0].classes],
        "command": "avs-bench eval --checkpoint x.pt",
        "versions": {"torch": "2"},
        "sets": sets,
    }
    return Result(**(fields | changed))


def run(name: str, *results: Result, history: tuple[dict[str, Any], ...] = ()) -> Run:
    """Return a run by that name."""
    return run_of(name, Path(name), results, history)
