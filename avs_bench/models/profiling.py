"""What a model costs: `avs-bench profile`."""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avs_bench.models.execution import ExecutedModel, Execution


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one call: the median of many and the 10th and 90th percentile."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Profile:
    """Speed and memory of a model on one batch.

    `peak_memory_mib` is what the tensors took on a GPU, and on a CPU the most that the whole
    process, PyTorch's libraries included, has taken so far; None where that is unknown.
    """

    device: str
    forward: Timing
    training_step: Timing | None
    peak_memory_mib: float | None


def profile(
    model: nn.Module,
    images: Tensor,
    spectrograms: Tensor,
    execution: Execution,
    *,
    repeats: int,
    training: bool,
) -> Profile:
    """Time the forward pass in evaluation mode, and if `training` one training step too.

    A training step is forward and backward of the mean of all outputs, without an optimiser. A
    quarter of the repeats, at least two calls, come before as warm-up.
    """
    device = images.device
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    run = ExecutedModel(model, execution)

    def forward() -> None:
        with torch.inference_mode():
            run(images, spectrograms)

    def step() -> None:
        model.zero_grad(set_to_none=True)
        output = run(images, spectrograms)
        total = output.logits.float().mean()
        if output.features is not None:
            total = total + output.features.float().mean()
        total.backward()

    model.eval()
    forward_time = timed(forward, device, repeats)
    step_time = None
    if training:
        model.train()
        step_time = timed(step, device, repeats)
    return Profile(_device_name(device), forward_time, step_time, _peak_memory_mib(device))


def timed(call: Callable[[], None], device: torch.device, repeats: int) -> Timing:
    """Return the times of `repeats` calls after a warm-up, each waited for."""
    times = []
    warm_up = max(2, repeats // 4)
    for i in range(warm_up + repeats):
        started = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if i >= warm_up:
            times.append(1000 * (time.perf_counter() - started))
    deciles = statistics.quantiles(times, n=10, method="inclusive") if repeats > 1 else times * 9
    return Timing(statistics.median(times), deciles[0], deciles[-1])


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def _peak_memory_mib(device: torch.device) -> float | None:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    try:
        import resource  # absent on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10
