"""Every stage of the GPU's benchmark runs, on a CPU and small; one that fails costs its own row."""

import sys
from pathlib import Path

from tests.builder.dataset_by_hand import write_dataset

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def bench(words):
    """Be `benchmarks/bench_gpu.py` with a stage more, that fails."""
    sys.path.insert(0, str(BENCHMARKS))
    sys.argv = ["bench_gpu.py", *words]
    import bench_gpu

    def broken(bench):
        yield "before it", "1"
        raise RuntimeError("the card fell off")

    bench_gpu.STAGES = (broken, *bench_gpu.STAGES)
    bench_gpu.main()


def test_every_stage_gives_its_rows_and_a_broken_one_its_reason(tmp_path, begin):
    data, out = write_dataset(tmp_path), tmp_path / "results.md"
    process = begin(("--smoke", "--data", data, "--out", out), program=bench)
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    text = out.read_text(encoding="utf-8")
    assert text.count("failed:") == 1, said
    assert "| broken | failed: RuntimeError: the card fell off |" in text
    for row in (
        *("product of 64 x 64, bf16", "copy to the device, pageable"),
        *("plain step, float32, TF32 off", "plain step, bf16, channels-last", "our step, float32"),
        *("calls in a step that wait for the card | 0 |", "kernels and copies in a step"),
        *("share of five steps", "reading alone"),
        *("training from disk", "evaluation, ", "two epochs, end to end"),
    ):
        assert f"| {row}" in text
