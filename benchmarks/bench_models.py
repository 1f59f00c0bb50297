"""Time and memory of the models against plain eager versions of the same mathematics.

`make bench-models` prints, for each model's forward pass and training step, ours and the plain
script's a second (`plain_models.py`, same parameters, same inputs): medians of runs taken in
turns, equally often. In float32 the plain side has the default memory format, as published; in
bf16 it is the same script under autocast with channels-last memory, as a user would speed it up.
Ours has channels-last memory in both. Before anything is timed, outputs and gradients of both
sides are held against each other in float64, and each bf16 loss against float32's (within 2 %).
A training step is forward, cross-entropy on the own sounds plus the mean square of the features
(it stands for the contrastive term, so that both halves get a gradient) and backward. Batches
hold 2 images of 224 × 224, or 2 clips of 5 frames.

By default the three models with a goal are run; `--all` adds the others.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from measuring import Rows, at_least, at_most, in_fresh_process, report, seconds
from plain_models import plain_forward
from torch import Tensor, nn

from avs_bench.config import Precision
from avs_bench.losses.cross_entropy import cross_entropy
from avs_bench.models import build_model
from avs_bench.models.deformable_attention import DeformableAttention
from avs_bench.models.execution import ExecutedModel, Execution
from avs_bench.models.tpavi import TPAVI

BATCH, FRAMES = 2, 5
GIVEN = {"audio_encoder": "none"}  # VGGish is frozen, the same on both sides, and left out
BF16_TOLERANCE = 0.02  # of the float32 loss
BOUND = {  # of the step in bf16
    "cavp-deeplabv3plus-r50": "profiled on one core: convolutions take 68 % of both steps, by the "
    "same kernels but for the weights' gradients of the three dilated ones; matrix products 19 % "
    "of ours, a quarter of them those gradients, and 15 % of the plain step; the rest 13 % and "
    "17 %: casts, norms, sums and activations",
}
Run = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Case:
    """A model and what to reach beside it: in float32 its step is only not to be slower."""

    name: str
    classes: int
    options: dict[str, Any]
    bf16_goal: float | None = None
    memory_goal: float | None = None
    repeats: int = 9


CASES = [
    Case("cavp-deeplabv3plus-r50", 22, {}, bf16_goal=1.1),
    Case("tpavi-r50", 1, GIVEN, bf16_goal=1.5, memory_goal=0.7, repeats=3),
    Case("avsegformer-r50", 1, GIVEN, bf16_goal=1.0, memory_goal=1.0, repeats=3),
]
OTHERS = [
    Case("cavp-deeplabv3plus-r101", 22, {}),
    Case("cavp-deeplabv3plus-pvtv2-b5", 22, {}),
    Case("cavp-hrnetv2-w48", 22, {}),
    Case("cavp-ocr-hrnetv2-w48", 22, {}),
    Case("tpavi-pvtv2-b5", 1, GIVEN),
    Case("avsegformer-pvtv2-b5", 1, GIVEN),
]


def plain(model: nn.Module) -> Run:
    """The published operations in the default memory format."""
    return partial(plain_forward, model)


def plain_bf16(model: nn.Module) -> Run:
    """The same operations with bf16 products and channels-last memory."""
    for weight in model.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)

    def run(images: Tensor, sounds: Tensor) -> tuple[Tensor, Tensor]:
        flat = images.flatten(0, -4).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            return plain_forward(model, flat.view(images.shape), sounds)

    return run


def ours(model: nn.Module, *, precision: Precision = "fp32") -> Run:
    """The model as `avs-bench` runs it at its fastest without compiling."""
    call = ExecutedModel(model, Execution(channels_last=True, precision=precision))

    def run(images: Tensor, sounds: Tensor) -> tuple[Tensor, Tensor]:
        output = call(images, sounds)
        scores = output.scores if model.training else output.logits
        return scores, output.maps[0] if output.features is None else output.features

    return run


SIDES: dict[str, Callable[[nn.Module], Run]] = {
    "ours": ours,
    "bf16": partial(ours, precision="bf16"),
    "plain": plain,
    "plain bf16": plain_bf16,
}


def built(case: Case, dtype: torch.dtype = torch.float) -> nn.Module:
    """Return the model, the same at every call, with every TPAVI block awake."""
    torch.manual_seed(0)
    model = build_model(case.name, case.classes, **case.options).to(dtype)
    if isinstance(model, TPAVI):
        for block in model.fusion:
            nn.init.normal_(block.W_z[1].weight)
    return model


def drawn(case: Case, side: int, dtype: torch.dtype = torch.float) -> tuple[Tensor, Tensor, Tensor]:
    """Return images, sounds (log-mels or VGGish embeddings) and targets of a training step."""
    torch.manual_seed(1)
    if not case.name.startswith("cavp"):
        images = torch.randn(BATCH, FRAMES, 3, side, side, dtype=dtype)
        sounds = torch.randn(BATCH, FRAMES, 128, dtype=dtype)
        return images, sounds, torch.randint(0, 2, (BATCH * FRAMES, side, side))
    images = torch.randn(BATCH, 3, side, side, dtype=dtype)
    sounds = torch.randn(2 * BATCH, 1, 300, 64, dtype=dtype)
    return images, sounds, torch.randint(0, case.classes, (BATCH, side, side))


def step(model: nn.Module, run: Run, images: Tensor, sounds: Tensor, targets: Tensor) -> Tensor:
    """One training step without the optimiser; dropout draws the same on every side."""
    torch.manual_seed(2)
    model.zero_grad(set_to_none=True)
    scores, features = run(images, sounds)
    if scores.shape[1] == 1:
        scores = scores.to(images.dtype)
        loss = F.binary_cross_entropy_with_logits(scores[:, 0], targets.to(scores.dtype))
    else:  # ours hands over coarse scores, the plain side full-size ones and so torch's own loss
        loss = cross_entropy(scores, targets, targets.numel())
    loss = loss + features.to(images.dtype).square().mean()
    loss.backward()
    return loss.detach()


def forward(model: nn.Module, run: Run, images: Tensor, sounds: Tensor, targets: Tensor) -> Tensor:
    """One pass in evaluation mode, own sounds only."""
    with torch.inference_mode():
        return run(images, sounds[: len(images)])[0]


def check_equal(case: Case) -> float:
    """Return the largest difference in float64 of loss and gradients, as a part of each's largest.

    Stops the program if it is more than rounding. (A bias before a norm has no gradient but
    rounding: what is a 1e-9th of the largest gradient counts as that.)
    """
    results = []
    for name in ("ours", "plain"):
        model = built(case, torch.double)
        loss = step(model, SIDES[name](model), *drawn(case, 96, torch.double))
        results.append([loss, *(p.grad for p in model.parameters())])
    floor = 1e-9 * max(float(value.abs().max()) for value in results[1])
    worst = max(
        float((a - b).abs().max() / b.abs().max().clamp(min=floor))
        for a, b in zip(*results, strict=True)
    )
    if not worst < 1e-6:
        sys.exit(f"{case.name}: the two sides differ by {worst:.1e}: nothing is timed")
    return worst


def timed(call: Callable[..., Tensor], case: Case, side: int, repeats: int) -> dict[str, float]:
    """Return the median seconds of all sides, taken in turns after one warm-up each."""
    inputs = drawn(case, side)
    models = {name: built(case).train(call is step) for name in SIDES}
    runs = {name: SIDES[name](model) for name, model in models.items()}
    times: dict[str, list[float]] = {name: [] for name in SIDES}
    results = {}
    for i in range(repeats + 1):
        for name, model in models.items():
            started = time.perf_counter()
            result = call(model, runs[name], *inputs)
            if i:
                times[name].append(time.perf_counter() - started)
            results.setdefault(name, result)
    for name in ("bf16", "plain bf16"):
        if call is step and abs(results[name] / results["plain"] - 1) > BF16_TOLERANCE:
            sys.exit(f"{case.name}: loss of {name}: {results[name]}, float32: {results['plain']}")
    return {name: statistics.median(taken) for name, taken in times.items()}


def deformable_share(case: Case, side: int) -> dict[str, float]:
    """Return the percentage of a training step that deformable attention takes on each side."""
    shares = {}
    for name in ("ours", "plain"):
        model, taken = built(case), [0.0]
        for module in model.modules():
            if isinstance(module, DeformableAttention):
                _count_seconds(module, taken)
        call = partial(step, model, SIDES[name](model), *drawn(case, side))
        call()  # a warm-up
        taken[0] = 0.0
        whole = seconds(call)
        shares[name] = 100 * taken[0] / whole
    return shares


def _count_seconds(module: nn.Module, taken: list[float]) -> None:
    """Add to `taken` what the module's forward and backward take."""
    started = [0.0]

    def begin(*_: object) -> None:
        started[0] = time.perf_counter()

    def end(*_: object) -> None:
        taken[0] += time.perf_counter() - started[0]

    module.register_forward_pre_hook(begin)
    module.register_forward_hook(end)
    module.register_full_backward_pre_hook(begin)
    module.register_full_backward_hook(end)


def print_peak(name: str, which: str, side: int) -> None:
    """The fresh process: take two steps, print the peak in MiB."""
    case = next(c for c in CASES + OTHERS if c.name == name)
    model, inputs = built(case), drawn(case, side)
    run = SIDES[which](model)
    for _ in range(2):
        step(model, run, *inputs)
    report()


def measure(case: Case, side: int, repeats: int) -> None:
    """Check and time one model."""
    worst = check_equal(case)
    title = f"{case.name}, {side} px, {torch.get_num_threads()} threads"
    equal = f"(equal in float64 within {worst:.0e})"
    passes, steps = (timed(call, case, side, repeats) for call in (forward, step))
    sixteen = Rows(title, f"plain eager bf16, channels-last, torch {torch.__version__}")
    goal = case.bf16_goal if has_bfloat16() else None
    for name, found, aim in (("forward", passes, None), ("training step", steps, goal)):
        here, there = (1 / found[side] for side in ("bf16", "plain bf16"))
        reached = aim and at_least(aim)
        sixteen.add(f"{name}, bf16", here, there, "/s", reached, bound=BOUND.get(case.name, ""))
    rows = Rows(title, f"plain eager float32, torch {torch.__version__} {equal}")
    for name, found in (("forward", passes), ("training step", steps)):
        here, there = (1 / found[side] for side in ("ours", "plain"))
        rows.add(name, here, there, "/s", at_least(1.0))
    if case.memory_goal:
        peaks = [
            in_fresh_process(__file__, "--peak", case.name, which, "--side", side)["mebibytes"]
            for which in ("ours", "plain")
        ]
        rows.add("peak memory of a training step", *peaks, "MiB", at_most(case.memory_goal))
    if case.name.startswith("avsegformer"):
        shares = deformable_share(case, side)
        rows.add("deformable attention's share of a step", *shares.values(), "%")


def has_bfloat16() -> bool:
    """Tell whether this processor multiplies in 16 bits; elsewhere bf16 has no goal."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    return "avx512_bf16" in flags or "amx_bf16" in flags


def main() -> None:
    """Measure every case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="the models without a goal too")
    parser.add_argument("--model", help="one model only")
    parser.add_argument("--repeats", type=int, help="runs of each side; 9, TPAVI 3")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.peak:
        print_peak(*options.peak, options.side)
        return
    chosen = CASES + OTHERS if options.all or options.model else CASES
    for case in chosen:
        if options.model in (None, case.name):
            measure(case, options.side, options.repeats or case.repeats)


if __name__ == "__main__":
    main()
