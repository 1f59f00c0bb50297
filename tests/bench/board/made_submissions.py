"""Submissions with known counts, made without a model; as many as a board shall bear."""

import hashlib
from pathlib import Path
from typing import Any

from avs_bench.report.about import NOTHING_SAID, About
from avs_bench.report.submission import submission_of, write_submission
from avs_bench.results.items import encoded
from avs_bench.results.records import Cost, Result
from tests.bench.report.made_results import by_ear, frames, pictures, result, silence, videos

DATASETS = ("VPO-SS", "VPO-MS", "VPO-MSMI", "AVSBench-S4", "AVSBench-AVSS")


def write(path: Path, *results: Result, about: About = NOTHING_SAID) -> Path:
    """Write a submission of runs with one result each; return its path."""
    runs = [(f"run-s{seed}", [one]) for seed, one in enumerate(results)]
    write_submission(path, submission_of(runs, about))
    return path


def seeds(accuracy: float, number: int, shift: int = 0, **changed: Any) -> list[Result]:
    """Return the results of a model of `number` seeds that is right in a share of the pixels."""
    return [
        result(pictures(accuracy, seed=shift + seed), seed=seed, **changed)
        for seed in range(number)
    ]


def write_many(folder: Path, methods: int) -> list[Path]:
    """Write submissions of methods, each scored on a few items of all DATASETS."""
    folder.mkdir()
    paths = []
    for method in range(methods):
        backbone = ("ResNet50", "PVTv2-b5", "HRNetV2-w48")[method % 3]
        about = About(f"Method {method:02d}, {backbone}", 2022 + method % 5, "https://example.org/")
        results = [_scored(dataset, method) for dataset in DATASETS]
        paths.append(folder / f"{method:02d}.json")
        submission = submission_of([("run", results)], about)
        paths[-1].write_bytes(encoded(submission))
    return paths


def _scored(dataset: str, method: int) -> Result:
    cost = (
        None if method % 7 == 6 else Cost(1_000_000 * (3 + method), 10**9 * (1 + method * method))
    )
    about: dict[str, Any] = {
        "dataset": dataset,
        "dataset_sha256": hashlib.sha256(dataset.encode()).hexdigest(),
        "model": f"m{method}",
        "cost": cost,
    }
    if dataset == "AVSBench-S4":
        return result(videos(method, 3), **about)
    if dataset == "AVSBench-AVSS":
        return result(frames(method, 3), **about)
    right = pictures(0.4 + 0.009 * method, 4, seed=method)
    probes = (silence(right, 0.35 + 0.002 * method),)
    return result(right, by_ear(method % 4, 4), probes=probes, **about)
