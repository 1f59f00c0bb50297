"""Builds AVSBench-Single+ in tests, and what the tests of it share."""

import json
from pathlib import Path
from typing import Any

from click.testing import Result

from tests.avsbench_trees import MadeVideo
from tests.builder.building import run_build
from vpo_builder.build.build import build
from vpo_builder.build.request import BuildReport, BuildRequest, Sources, Work
from vpo_builder.config import load_single_plus_config

FOLDER = "avsbench_data_single_plus"


def build_from(tree: Path, out: Path, *overrides: str, **options: Any) -> BuildReport:
    """Build from the S4 tree in `tree`, in this process unless `workers` says otherwise."""
    config = load_single_plus_config("default", overrides)
    sources = Sources(avsbench=tree)
    return build(BuildRequest("avsbench-single-plus", out, sources, config, work=Work(**options)))


def build_what_is_there(tree: Path, out: Path) -> BuildReport:
    """Build, however much is missing."""
    return build_from(tree, out, "limits.max_missing_fraction=1.0")


def contents(folder: Path) -> dict[str, bytes]:
    """Return path -> bytes of every file below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def rejections(out: Path) -> dict[str, str]:
    """Return "kind id" -> reason of what a build left out."""
    lines = (out / FOLDER / "rejections.jsonl").read_text().splitlines()
    return {f"{row['kind']} {row['record']}": row["reason"] for row in map(json.loads, lines)}


def files_of(tree: Path, video: MadeVideo, kind: str) -> Path:
    """Return a video's folder of frames or masks, or its recording."""
    place = Path(video.subset, video.categories[0], video.name)
    home = tree / "Single-source" / "s4_data" / kind
    return home / (f"{place}.wav" if kind == "audio_wav" else place)


def run_single_plus(*options: object) -> Result:
    """Run `vpo-build --split avsbench-single-plus` in this process."""
    return run_build("--split", "avsbench-single-plus", "--workers", 1, *options)
