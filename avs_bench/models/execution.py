"""How a model is run, which changes its speed and nothing else beyond rounding."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from avs_bench.models.output import AVSOutput


@dataclass(frozen=True)
class Execution:
    """Choices that trade nothing but rounding for speed.

    `channels_last` keeps maps as [B, H, W, C] in memory, `compiled` fuses operations through
    torch.compile (minutes at the first call of every input size), `bfloat16` computes products
    and convolutions in 16 bits where the parameters stay in 32.
    """

    channels_last: bool = False
    compiled: bool = False
    bfloat16: bool = False


def executed(model: nn.Module, execution: Execution) -> Callable[[Tensor, Tensor], AVSOutput]:
    """Return a call that runs `model` as wished; parameters and state stay the model's own."""
    if execution.channels_last:
        _store_channels_last(model)
    call = torch.compile(model) if execution.compiled else model

    def run(images: Tensor, spectrograms: Tensor) -> AVSOutput:
        if execution.channels_last and images.ndim == 4:
            images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, torch.bfloat16, enabled=execution.bfloat16):
            return call(images, spectrograms)

    return run


def _store_channels_last(model: nn.Module) -> None:
    """Lay out every 4-d parameter as [out, h, w, in]; convolutions hand the layout on.

    `Module.to(memory_format=…)` refuses models that hold 3-d convolutions too, as TPAVI does.
    """
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
