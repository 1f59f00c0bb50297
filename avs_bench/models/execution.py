"""How a model is run, which changes its speed and nothing else beyond rounding."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from avs_bench.config import AskedPrecision, Precision, Settings, Tf32, TrainSettings
from avs_bench.models.output import AVSOutput, as_output
from avs_bench.models.protocol import Needs, SeesOnce, needs_of
from avs_bench.runtime.device import computes_bf16
from vpo_builder.runtime.errors import InputError

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Execution:
    """Choices that trade nothing but rounding for speed.

    `channels_last` keeps maps as [B, H, W, C] in memory, `compiled` fuses operations through
    torch.compile (minutes at the first call of every input size), `precision` computes products
    and convolutions in bfloat16 or float16 where the parameters stay in float32. "auto" is
    bfloat16 with `channels_last` where a device computes in it, float32 elsewhere. `tf32` names the
    products of float32 whose factors a GPU rounds, see `rounding`.
    """

    channels_last: bool = False
    compiled: bool = False
    precision: AskedPrecision = "fp32"
    tf32: Tf32 = "convolutions"

    @classmethod
    def of(cls, train: TrainSettings) -> "Execution":
        """Return how a run trains."""
        return cls(train.channels_last, train.compiled, train.precision, train.tf32)

    @classmethod
    def of_scoring(cls, settings: Settings) -> "Execution":
        """Return how a model is scored and predicts; TF32 is as in its training."""
        own = settings.evaluation
        return cls(own.channels_last, own.compiled, own.precision, settings.train.tf32)

    def on(self, device: torch.device) -> "Execution":
        """Return what it is on a device, without "auto".

        Raises InputError for float16 on a CPU, which is slower there than float32 and less exact.
        """
        if self.precision == "fp16" and device.type == "cpu":
            raise InputError(
                "precision fp16 needs a GPU and the device is cpu: take bf16, which needs no "
                "scaling and is fast where the CPU has it, or fp32"
            )
        if self.precision != "auto":
            return self
        if computes_bf16(device):
            return replace(self, precision="bf16", channels_last=True)
        return replace(self, precision="fp32")

    @property
    def computed_in(self) -> Precision:
        """The precision, once it is decided."""
        if self.precision == "auto":
            raise ValueError("auto is decided by a device: see `on`")
        return self.precision

    def said(self, device: torch.device) -> str:
        """Return it in words, such as "bf16, channels-last"."""
        words: list[str] = [self.precision]
        if device.type == "cuda" and self.precision == "fp32" and self.tf32 != "none":
            words[0] += f" (TF32 in {'all products' if self.tf32 == 'all' else self.tf32})"
        words += ["channels-last"] * self.channels_last + ["compiled"] * self.compiled
        return ", ".join(words)


class ExecutedModel:
    """A model run as wished; parameters and state stay the model's own."""

    def __init__(self, model: nn.Module, execution: Execution) -> None:
        if execution.channels_last:
            store_channels_last(model)
        self._model, self._execution = model, execution
        self._run = self._maybe_compiled(model)
        self.sees_once = isinstance(model, SeesOnce)
        if isinstance(model, SeesOnce):
            self._see, self._hear = map(self._maybe_compiled, (model.see, model.hear))

    @property
    def needs(self) -> Needs:
        """What the model declares."""
        return needs_of(self._model)

    def __call__(self, images: Tensor, *inputs: Tensor | None) -> AVSOutput:
        """Return what the model's `forward` does with these inputs."""
        images = self._laid_out(images)
        with _in_precision(self._execution.precision, images.device):
            return as_output(self._run(images, *inputs), images)

    def see(self, images: Tensor, *valid: Tensor | None) -> Any:
        """Return what a model that sees once, see `SeesOnce`, sees of images."""
        with _in_precision(self._execution.precision, images.device):
            return self._see(self._laid_out(images), *valid)

    def hear(self, seen: Any, sounds: Tensor) -> Any:
        """Return what such a model says of them with these sounds."""
        with _in_precision(self._execution.precision, sounds.device):
            return self._hear(seen, sounds)

    def _laid_out(self, images: Tensor) -> Tensor:
        if self._execution.channels_last and images.ndim == 4:
            return images.contiguous(memory_format=torch.channels_last)
        return images

    def _maybe_compiled(self, call: Callable[..., Any]) -> Callable[..., Any]:
        return torch.compile(call) if self._execution.compiled else call

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


def settings_on(settings: Settings, device: torch.device) -> Settings:
    """Return the settings of a run with "auto" decided for its device; InputError as `on`."""
    ran = Execution.of(settings.train).on(device)
    train = replace(settings.train, precision=ran.precision, channels_last=ran.channels_last)
    return replace(settings, train=train)


@contextmanager
def rounding(tf32: Tf32) -> Iterator[None]:
    """Let a GPU round the factors of float32 products to TF32's ten bits in these alone.

    "convolutions" is what torch does by itself: then nothing is touched.
    """
    if tf32 == "convolutions":
        yield
        return
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if tf32 == "all" else "highest")
    torch.backends.cudnn.allow_tf32 = tf32 == "all"
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def _in_precision(
    precision: AskedPrecision, device: torch.device
) -> AbstractContextManager[object]:
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, DTYPES[precision])


def store_channels_last(model: nn.Module) -> None:
    """Lay out every 4-d parameter as [out, h, w, in]; convolutions hand the layout on.

    The parameters stay the same objects, so optimisers made before know them too.
    `Module.to(memory_format=…)` refuses models that hold 3-d convolutions too, as TPAVI does.
    They are cloned: of a kernel over one channel, as the sound's first, `contiguous` keeps strides
    that say nothing of a layout, and the maps behind it come in the other one.
    """
    for parameter in model.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.clone(memory_format=torch.channels_last)
