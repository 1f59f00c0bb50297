"""What a GPU makes of the training step, of reading and of evaluation: at most eight minutes.

`python benchmarks/bench_gpu.py` writes `RESULTS-gpu.md` with the card's name. A stage that fails
costs its own rows and says why. Measured are the ceilings of the day (products and copies); the
step of CAVP DeepLabV3+ R50 at 512 px, batch 16, of a plain script in float32 with TF32 off and on,
of the same script in bf16 with channels-last memory, of ours by default and compiled; their peak
memory; how much of our step the card works, and which of our lines wait for it; reading,
evaluation and two epochs from disk. `--smoke` runs every stage on a CPU, small, for its test.

The plain script's step (`plain_models.py`) has the published operations on the same parameters:
forward on both halves of the pairs, cross-entropy of the own sounds, the mean square of the
features in the place of the contrastive loss, backward, SGD. Ours is `Learner.take`, with pairs,
bank, contrast, both optimisers and every copy.
"""

import argparse
import platform
import statistics
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path

import torch
import torch.nn.functional as F
from built import kept_build
from measuring import figure, in_silence
from plain_models import plain_forward
from stand_in import standing_in
from torch import Tensor, nn

from avs_bench.config import Settings, read_preset
from avs_bench.data.batch import Batch
from avs_bench.data.example import AVSDataset
from avs_bench.data.loader import plain_batches, training_batches, training_order
from avs_bench.data.tensors import labels_on, normalise
from avs_bench.data.vpo import read_vpo
from avs_bench.models import build_model
from avs_bench.models.execution import store_channels_last
from avs_bench.models.protocol import needs_of
from avs_bench.scoring.evaluate import evaluate
from avs_bench.training.fit import fit
from avs_bench.training.learner import Learner

FASTEST = ("train.precision=bf16", "train.channels_last=true")
SECONDS = 480


@dataclass(frozen=True)
class Size:
    """How large everything is: for a card, or for the smoke test."""

    preset: str = "cavp-deeplabv3plus-r50"
    side: int = 512
    batch: int = 16
    product: int = 8192
    copied_mib: int = 1024
    warm: int = 3
    repeats: int = 10
    read: int = 40
    sets: tuple[str, ...] = ()


SMOKE = Size("tiny", 32, 2, 64, 1, 1, 2, 2, ("image.long_side=48", "loader.workers=0"))


@dataclass(frozen=True)
class Bench:
    """What the stages share."""

    device: torch.device
    size: Size
    dataset: AVSDataset

    def settings(self, *sets: str) -> Settings:
        """Return the preset at the size that is measured."""
        size = self.size
        shape = (f"image.crop={size.side}", f"train.batch_size={size.batch}")
        return read_preset(size.preset, (*shape, *size.sets, *sets))

    def batch(self) -> Batch:
        """Return one batch of the dataset, pinned if there is a card."""
        settings = self.settings("loader.workers=0")
        order = training_order(self.dataset, settings)
        pinned = self.device.type == "cuda"
        return next(training_batches(self.dataset, settings, order, 0, 1, pinned=pinned))

    def wait(self) -> None:
        """Wait until the card has done what it was asked."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def seconds(self, work: Callable[[], object]) -> float:
        """Return the median seconds of a piece of work, after warming up."""
        for _ in range(self.size.warm):
            work()
        times = []
        for _ in range(self.size.repeats):
            self.wait()
            started = time.perf_counter()
            work()
            self.wait()
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    def peak_mib(self) -> float:
        """Return the most memory held since the last call, and begin anew; 0 on a CPU."""
        if self.device.type != "cuda":
            return 0.0
        peak = torch.cuda.max_memory_allocated() / 2**20
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return peak


Row = tuple[str, str]
Stage = Callable[[Bench], Iterator[Row]]


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Let products and convolutions of float32 round to TF32, or not."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def ceilings(bench: Bench) -> Iterator[Row]:
    """Products of square matrices, and copies."""
    n = bench.size.product
    for name, dtype, allowed in (
        ("float32", torch.float32, False),
        ("TF32", torch.float32, True),
        ("bf16", torch.bfloat16, True),
    ):
        a = torch.randn(n, n, device=bench.device, dtype=dtype)
        with tf32(allowed):
            taken = bench.seconds(lambda a=a: a @ a)
        yield f"product of {n} x {n}, {name}", f"{figure(2e-12 * n**3 / taken)} TFLOP/s"
    block = torch.empty(bench.size.copied_mib, 2**20, dtype=torch.uint8, device=bench.device)
    taken = bench.seconds(block.clone)
    yield "copy on the device", f"{figure(2e-9 * block.numel() / taken)} GB/s read and written"
    host = torch.empty(block.shape, dtype=torch.uint8)
    for name, source in (("pageable", host), *_pinned(bench, host)):
        taken = bench.seconds(lambda s=source: block.copy_(s, non_blocking=True))
        yield f"copy to the device, {name}", f"{figure(1e-9 * block.numel() / taken)} GB/s"


def _pinned(bench: Bench, host: Tensor) -> list[tuple[str, Tensor]]:
    return [("pinned", host.pin_memory())] if bench.device.type == "cuda" else []


def plain_steps(bench: Bench) -> Iterator[Row]:
    """The plain script: float32 with TF32 off and on, bf16 with channels-last memory."""
    batch, found = bench.batch(), {}
    for name, allowed, narrow in (
        ("float32, TF32 off", False, False),
        ("float32, TF32 on", True, False),
        ("bf16, channels-last", True, True),
    ):
        bench.peak_mib()
        step = _plain_step(bench, batch, narrow=narrow)
        with tf32(allowed):
            found[name] = bench.seconds(step)
        yield f"plain step, {name}", _step(bench, found[name])
        del step


def _plain_step(bench: Bench, batch: Batch, *, narrow: bool) -> Callable[[], object]:
    settings, classes = bench.settings(), len(bench.dataset.classes)
    torch.manual_seed(0)
    model: nn.Module = build_model(settings.model.name, classes).to(bench.device).train()
    if narrow:
        store_channels_last(model)
    optimiser = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    front_end = needs_of(model).front_end
    targets = labels_on(batch.targets, bench.device)

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        images = normalise(batch.images.to(bench.device))
        if narrow:
            images = images.contiguous(memory_format=torch.channels_last)
        sounds = front_end(batch.waveforms.to(bench.device)).repeat(2, 1, 1, 1)
        with torch.autocast(bench.device.type, torch.bfloat16, enabled=narrow):
            logits, features = plain_forward(model, images, sounds)
        loss = F.cross_entropy(logits.float(), targets, ignore_index=255)
        (loss + features.float().square().mean()).backward()
        optimiser.step()

    return step


def our_steps(bench: Bench) -> Iterator[Row]:
    """Ours: in float32 as published, by default at its fastest, and compiled."""
    batch = bench.batch()
    for name, sets in (
        ("float32", ()),
        ("bf16, channels-last", FASTEST),
        ("bf16, channels-last, compiled", (*FASTEST, "train.compiled=true")),
    ):
        if name.endswith("compiled") and bench.device.type != "cuda":
            yield f"our step, {name}", "not measured on a CPU: compiling takes minutes"
            continue
        bench.peak_mib()
        learner = _learner(bench, *sets)
        taken = bench.seconds(partial(_next_step, learner, batch, count()))
        learner.read()
        yield f"our step, {name}", _step(bench, taken)
        del learner


def _next_step(learner: Learner, batch: Batch, numbers: Iterator[int]) -> None:
    learner.take(batch, next(numbers))


def _learner(bench: Bench, *sets: str) -> Learner:
    settings = bench.settings(*sets, "train.epochs=1000")
    return Learner(settings, len(bench.dataset.classes), bench.device, 1000)


def _step(bench: Bench, taken: float) -> str:
    peak = bench.peak_mib()
    held = f", {peak:.0f} MiB at most" if peak else ""
    return f"{figure(1e3 * taken)} ms, {figure(bench.size.batch / taken)} images/s{held}"


def work_of_the_card(bench: Bench) -> Iterator[Row]:
    """How much of our step the card works, what it works at, and who waits for it."""
    learner, batch = _learner(bench, *FASTEST), bench.batch()
    for step in range(bench.size.warm):
        learner.take(batch, step)
    bench.wait()
    waits = _waits(bench, learner, batch)
    where = f": {', '.join(f'{n} at {line}' for line, n in sorted(waits.items()))}" if waits else ""
    yield "calls in a step that wait for the card", f"{waits.total()}{where}"
    kinds = [torch.profiler.ProfilerActivity.CPU]
    kinds += [torch.profiler.ProfilerActivity.CUDA] if bench.device.type == "cuda" else []
    steps = range(bench.size.warm + 1, bench.size.warm + 6)
    with torch.profiler.profile(activities=kinds) as profile:
        for step in steps:
            learner.take(batch, step)
        bench.wait()
    learner.read()
    on_card = bench.device.type == "cuda"
    cuda = torch.autograd.DeviceType.CUDA
    events = [e for e in profile.events() if (e.device_type == cuda) == on_card]
    done = [e.name for e in events if on_card or not e.cpu_children]
    copies = sum(name.startswith(("Memcpy", "aten::copy_")) for name in done) / len(steps)
    yield "kernels and copies in a step", f"{len(done) / len(steps) - copies:.0f} and {copies:.0f}"
    spans = sorted((e.time_range.start, e.time_range.end) for e in events)
    worked, end = 0.0, spans[0][0]
    for start, stop in spans:
        worked += max(0.0, stop - max(start, end))
        end = max(end, stop)
    yield "share of five steps in which the device works", f"{worked / (end - spans[0][0]):.1%}"
    for one in _longest(bench, profile):
        yield "  longest", one


def _waits(bench: Bench, learner: Learner, batch: Batch) -> Counter[str]:
    """Return how often a step waits for the card, by line; on a CPU, which stands in for one."""
    if bench.device.type != "cuda":
        with standing_in(learner.model) as card:
            learner.take(batch, bench.size.warm)
        return card.waits
    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        learner.take(batch, bench.size.warm)
    torch.cuda.set_sync_debug_mode("default")
    return Counter(
        f"{Path(w.filename).name}:{w.lineno}" for w in told if "synchroniz" in str(w.message)
    )


def _longest(bench: Bench, profile: torch.profiler.profile) -> list[str]:
    name = "self_device_time_total" if bench.device.type == "cuda" else "self_cpu_time_total"
    rows = sorted(profile.key_averages(), key=lambda row: -getattr(row, name))[:8]
    whole = sum(getattr(row, name) for row in profile.key_averages()) or 1
    return [f"{row.key[:60]}: {getattr(row, name) / whole:.1%}" for row in rows]


def reading(bench: Bench) -> Iterator[Row]:
    """Batches from disk, with the preset's workers, and training on them."""
    settings = bench.settings(*FASTEST, "train.epochs=1000")
    order = training_order(bench.dataset, settings)
    many, pinned = bench.size.read, bench.device.type == "cuda"
    batches = training_batches(bench.dataset, settings, order, 0, 2 * many + 2, pinned=pinned)
    next(batches)
    started = time.perf_counter()
    for _ in range(many):
        next(batches)
    taken = time.perf_counter() - started
    yield "reading alone", f"{figure(many * bench.size.batch / taken)} images/s"
    learner = _learner(bench, *FASTEST)
    waited, started = 0.0, time.perf_counter()
    for step in range(many):
        before = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - before
        learner.take(batch, step)
        if step % learner.ahead == 0:
            learner.read()
    bench.wait()
    taken = time.perf_counter() - started
    batches.close()
    yield (
        "training from disk",
        (
            f"{figure(many * bench.size.batch / taken)} images/s, {waited / taken:.1%} of the time "
            "waiting for a batch"
        ),
    )


def evaluating(bench: Bench) -> Iterator[Row]:
    """Scoring a subset as `eval` does."""
    settings = bench.settings()
    subset = max(bench.dataset.subsets, key=lambda name: len(bench.dataset.subsets[name]))
    examples = bench.dataset.subsets[subset]
    model = build_model(settings.model.name, len(bench.dataset.classes)).to(bench.device)
    next(plain_batches(bench.dataset, examples[:1], settings))
    started = time.perf_counter()
    evaluate(model, bench.dataset, subset, settings, bench.device)
    taken = time.perf_counter() - started
    yield f"evaluation, {len(examples)} pictures", f"{figure(len(examples) / taken)} images/s"


def end_to_end(bench: Bench) -> Iterator[Row]:
    """Two epochs with validation and checkpoints, as `avs-bench train` runs them."""
    settings = bench.settings(*FASTEST, "train.epochs=2")
    with tempfile.TemporaryDirectory() as folder, in_silence():
        started = time.perf_counter()
        fit(settings, bench.dataset, Path(folder, "run"), device=bench.device)
        taken = time.perf_counter() - started
    yield "two epochs, end to end", f"{taken:.1f} s"


STAGES: tuple[Stage, ...] = (
    *(ceilings, plain_steps, our_steps, work_of_the_card, reading, evaluating, end_to_end),
)


def run(bench: Bench, seconds: float) -> list[Row]:
    """Return the rows of every stage; one that fails, or for which no time is left, says so."""
    rows, begun = [], time.monotonic()
    for stage in STAGES:
        if time.monotonic() - begun > seconds:
            rows.append((stage.__name__, f"not begun: {seconds:.0f} s were over"))
            continue
        try:
            for row in stage(bench):
                rows.append(row)
                print(f"{row[0]:52} {row[1]}", flush=True)
        except Exception as error:
            traceback.print_exc()
            reason = str(error).strip().splitlines() or [""]
            rows.append((stage.__name__, f"failed: {type(error).__name__}: {reason[0][:200]}"))
            bench.peak_mib()
    return rows


def document(bench: Bench, rows: list[Row]) -> str:
    """Return RESULTS-gpu.md."""
    on_card = bench.device.type == "cuda"
    name = torch.cuda.get_device_name() if on_card else f"{platform.machine()}, no GPU"
    size = bench.size
    lines = [f"| {what} | {found} |" for what, found in rows]
    return "\n".join(
        [
            f"# What `bench_gpu.py` measured on: {name}",
            "",
            f"{size.preset}, {size.side} px, batch {size.batch}; torch {torch.__version__}, "
            f"{time.strftime('%Y-%m-%d')}. Medians of {size.repeats} after {size.warm}.",
            "",
            "| what | measured |",
            "|---|---|",
            *lines,
            "",
        ]
    )


def main() -> None:
    """Run every stage and write the document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="every stage on a CPU, small")
    parser.add_argument("--data", type=Path, help="a VPO dataset; without it one is built")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("RESULTS-gpu.md"))
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    if not options.smoke and not torch.cuda.is_available():
        parser.exit(2, "no GPU here: --smoke runs every stage on a CPU, small\n")
    device = torch.device("cpu" if options.smoke else "cuda")
    dataset = read_vpo(options.data or kept_build(400, "ss"))
    if not dataset.subsets["val"]:
        dataset = replace(dataset, subsets=dataset.subsets | {"val": dataset.subsets["test"]})
    bench = Bench(device, SMOKE if options.smoke else Size(), dataset)
    rows = run(bench, options.seconds)
    options.out.write_text(document(bench, rows), encoding="utf-8")
    print(options.out)


if __name__ == "__main__":
    main()
