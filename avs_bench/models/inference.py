"""Running a trained model: what it hears and what it sees, whichever family it is of."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.data.batch import Batch
from avs_bench.data.clips import ClipLayout
from avs_bench.data.tensors import normalise
from avs_bench.models.execution import ExecutedModel, Execution
from avs_bench.models.output import AVSOutput, as_output
from avs_bench.models.protocol import needs_of
from avs_bench.runtime.device import on_device
from vpo_builder.runtime.errors import InputError

Model = Callable[..., Any]


def answer(model: Model, images: Tensor, waveforms: Tensor, clips: ClipLayout | None) -> AVSOutput:
    """Run a model, or an `ExecutedModel`, on uint8 images [N, 3, H, W] and waveforms of 16 kHz.

    Both lie where the model does; waveforms are [N, channels, samples]. Logits are
    [N, classes, H, W], one class being binary. With `clips`, a model of clips takes the images for
    their frames.
    """
    pictures, sounds = normalise(images), needs_of(model).front_end(waveforms)
    packed = _packed_by(model, clips)
    if packed is None:
        return as_output(model(pictures, sounds), pictures)
    valid = packed.valid(pictures.device)
    given = model(packed.pack(pictures), packed.pack(sounds), valid)
    return as_output(given, pictures).unpacked(packed)


@torch.inference_mode()
def run_hearings(
    model: nn.Module | ExecutedModel,
    images: Tensor,
    sounds: Iterable[Tensor],
    clips: ClipLayout | None = None,
) -> Iterator[AVSOutput]:
    """Run a model on images with one set of waveforms after the other, as `answer` with each.

    What a model sees of the images is computed once, if it can be.
    """
    if not isinstance(model, ExecutedModel):
        model = ExecutedModel(model, Execution())
    if not model.sees_once:
        yield from (answer(model, images, waveforms, clips) for waveforms in sounds)
        return
    front_end, packed = needs_of(model).front_end, _packed_by(model, clips)
    pictures = normalise(images)
    if packed is None:
        seen = model.see(pictures)
        for waveforms in sounds:
            yield as_output(model.hear(seen, front_end(waveforms)), pictures)
        return
    seen = model.see(packed.pack(pictures), packed.valid(pictures.device))
    for waveforms in sounds:
        heard = model.hear(seen, packed.pack(front_end(waveforms)))
        yield as_output(heard, pictures).unpacked(packed)


def _packed_by(model: Model, clips: ClipLayout | None) -> ClipLayout | None:
    """Return how a model packs frames: not at all if it takes every picture by itself."""
    return clips if needs_of(model).frames > 1 else None


@dataclass(frozen=True)
class Segmented:
    """What a model says of a batch, on its device.

    `logits` [B, classes, H', W'] are float32 at the size of the targets; `whole` [B] bool tells
    whether an item's are numbers, which is for `refuse_no_numbers` to read.
    """

    logits: Tensor
    whole: Tensor


def segment(model: nn.Module | ExecutedModel, batch: Batch, device: torch.device) -> Tensor:
    """Return logits [B, classes, H', W'], float32 on `device`, at the size of the targets.

    Raises InputError naming the first example whose logits are not numbers.
    """
    answered = next(segment_hearings(model, [batch], device))
    refuse_no_numbers(batch, answered.whole)
    return answered.logits


@torch.inference_mode()
def segment_hearings(
    model: nn.Module | ExecutedModel, hearings: Sequence[Batch], device: torch.device
) -> Iterator[Segmented]:
    """Yield what a model says of each of several batches that show the same pictures.

    Nothing of it is read, so the device is not waited for.
    """
    first = hearings[0]
    sounds = (on_device(batch.waveforms, device) for batch in hearings)
    outputs = run_hearings(model, on_device(first.images, device), sounds, first.clips)
    size = (first.targets.shape[-2], first.targets.shape[-1])
    for output in outputs:
        whole = output.scores.isfinite().flatten(1).all(dim=1)  # and so are the enlarged ones
        yield Segmented(resized_logits(output.logits, size), whole)


def refuse_no_numbers(batch: Batch, whole: Tensor) -> None:
    """Raise InputError naming the first example of a batch that is not `whole` [B]."""
    if whole.all():
        return
    example = batch.examples[int(whole.int().argmin())]
    raise InputError(
        f"example {example.example_id}: the model's logits are not numbers: its weights are "
        "damaged or its training diverged; evaluate an earlier checkpoint"
    )


def resized_logits(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """Return logits [B, classes, H, W] as float32 at (height, width), bilinear."""
    logits = logits.float()
    if tuple(logits.shape[-2:]) == size:
        return logits
    return F.interpolate(logits, size, mode="bilinear", align_corners=False)


def predicted_classes(logits: Tensor) -> Tensor:
    """Return class indices [B, H, W] uint8; a binary model's object is class 1 (sigmoid > 0.5)."""
    best = logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(dim=1)
    return best.to(torch.uint8)


def object_logits(logits: Tensor) -> Tensor:
    """Return [B, H, W] logits of "an object, whatever its class"; a binary model's own, untouched.

    The sigmoid of a semantic model's is 1 - softmax of background.
    """
    if logits.shape[1] == 1:
        return logits[:, 0]
    return logits[:, 1:].logsumexp(dim=1) - logits[:, 0]
