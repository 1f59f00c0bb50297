"""How a model is run, which changes its speed and nothing else beyond rounding."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from avs_bench.config import Precision
from avs_bench.models.output import AVSOutput, as_output
from avs_bench.models.protocol import Needs, needs_of
from vpo_builder.runtime.errors import InputError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Execution:
    """Choices that trade nothing but rounding for speed.

    `channels_last` keeps maps as [B, H, W, C] in memory, `compiled` fuses operations through
    torch.compile (minutes at the first call of every input size), `precision` computes products
    and convolutions in bfloat16 or float16 where the parameters stay in float32.
    """

    channels_last: bool = False
    compiled: bool = False
    precision: Precision = "fp32"


class ExecutedModel:
    """A model run as wished; parameters and state stay the model's own."""

    def __init__(self, model: nn.Module, execution: Execution) -> None:
        if execution.channels_last:
            store_channels_last(model)
        self._model, self._execution = model, execution
        self._run: Callable[..., Any] = torch.compile(model) if execution.compiled else model

    @property
    def needs(self) -> Needs:
        """What the model declares."""
        return needs_of(self._model)

    def __call__(self, images: Tensor, *inputs: Tensor | None) -> AVSOutput:
        """Return what the model's `forward` does with these inputs."""
        if self._execution.channels_last and images.ndim == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        with _in_precision(self._execution.precision, images.device):
            return as_output(self._run(images, *inputs), images)

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Run without gradients and leave no trace, so that the same calls give the same after.

        BatchNorm's running statistics and the state that dropout draws from are put back.
        """
        kept = [(buffer, buffer.clone()) for buffer in self._model.buffers()]
        devices = {buffer.device for buffer, _ in kept if buffer.device.type == "cuda"}
        with torch.random.fork_rng(sorted(d.index for d in devices)), torch.no_grad():
            yield
            for buffer, value in kept:
                buffer.copy_(value)


def _in_precision(precision: Precision, device: torch.device) -> AbstractContextManager[object]:
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, DTYPES[precision])


def refuse_unrunnable(execution: Execution, device: torch.device) -> None:
    """Raise InputError for float16 on a CPU, which is slower there than float32 and less exact."""
    if execution.precision == "fp16" and device.type == "cpu":
        raise InputError(
            "precision fp16 needs a GPU and the device is cpu: take bf16, which needs no scaling "
            "and is fast where the CPU has it, or fp32"
        )


def store_channels_last(model: nn.Module) -> None:
    """Lay out every 4-d parameter as [out, h, w, in]; convolutions hand the layout on.

    The parameters stay the same objects, so optimisers made before know them too.
    `Module.to(memory_format=…)` refuses models that hold 3-d convolutions too, as TPAVI does.
    """
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
