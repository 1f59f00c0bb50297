"""Every stage of the GPU's benchmark runs, on a CPU and small; one that fails costs its own row."""

import os
import subprocess
import sys
from pathlib import Path

from tests.builder.dataset_by_hand import write_dataset

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = """
import sys; sys.argv = ["bench_gpu.py", "--smoke", "--data", {data!r}, "--out", {out!r}]
import bench_gpu
def broken(bench):
    yield "before it", "1"
    raise RuntimeError("the card fell off")
bench_gpu.STAGES = (broken, *bench_gpu.STAGES)
bench_gpu.main()
"""


def test_every_stage_gives_its_rows_and_a_broken_one_its_reason(tmp_path):
    data, out = write_dataset(tmp_path), tmp_path / "results.md"
    program = STAND_IN.format(data=str(data), out=str(out))
    path = os.pathsep.join((str(ROOT / "benchmarks"), str(ROOT)))
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    text = out.read_text(encoding="utf-8")
    assert text.count("failed:") == 1, done.stderr
    assert "| broken | failed: RuntimeError: the card fell off |" in text
    for row in (
        *("product of 64 x 64, bf16", "copy to the device, pageable"),
        *("plain step, float32, TF32 off", "plain step, bf16, channels-last", "our step, float32"),
        *("calls in a step that wait for the card | 0 |", "kernels and copies in a step"),
        *("share of five steps", "reading alone"),
        *("training from disk", "evaluation, ", "two epochs, end to end"),
    ):
        assert f"| {row}" in text
