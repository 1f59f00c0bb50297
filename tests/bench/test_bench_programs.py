"""The benchmark of whole programs runs each of them, small."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.board.conftest import hurry

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SAMPLES = 10


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict]:
    """Yield the programs; the benchmarks' modules, of short names, are then forgotten."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.setenv("AVS_BENCHMARKS", str(tmp_path / "kept"))
    before = set(sys.modules)
    monkeypatch.setattr(importlib.import_module("many_samples"), "POOL", 1)
    yield importlib.import_module("bench_programs").PROGRAMS
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def test_every_program_tells_of_as_many_samples_as_there_are(programs, tmp_path, monkeypatch):
    for name in ("RESAMPLES", "RESAMPLES_PER_ROW"):
        monkeypatch.setattr(f"avs_bench.report.comparison_tables.{name}", 1)
    hurry(monkeypatch)
    assert programs.keys() >= {f"vpo-data {name}" for name in ("gallery", "audit", "diff")}
    for name, program in programs.items():
        out = tmp_path / name
        out.mkdir()
        assert program(SAMPLES, out) == SAMPLES, name
