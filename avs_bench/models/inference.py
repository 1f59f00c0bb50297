"""Running a trained model: what it hears and what it sees, whichever family it is of."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.data.batch import Batch
from avs_bench.data.clips import ClipLayout
from avs_bench.data.images import normalise
from avs_bench.data.spectrograms import cavp_logmel, vggish_examples
from avs_bench.models.cavp import CAVP
from avs_bench.models.output import AVSOutput
from avs_bench.models.tpavi import TPAVI
from vpo_builder.runtime.errors import InputError


@torch.inference_mode()
def run_model(
    model: nn.Module, images: Tensor, waveforms: Tensor, clips: ClipLayout | None = None
) -> AVSOutput:
    """Run a model on uint8 images [B, 3, H, W] and waveforms [B, channels, samples] at 16 kHz.

    Both lie where the model does. Logits are [B, classes, H, W], one class being binary. With
    `clips`, a TPAVI model takes the images for the frames of clips.
    """
    pictures = normalise(images)
    if not isinstance(model, TPAVI):
        return model(pictures, cavp_logmel(waveforms))
    examples = vggish_examples(waveforms.mean(dim=1))
    if clips is None:
        return model(pictures, examples)
    output = model(clips.pack(pictures), clips.pack(examples), clips.valid(pictures.device))
    return replace(
        output,
        scores=clips.unpack(output.scores),
        attention=None if output.attention is None else clips.unpack(output.attention),
    )


@torch.inference_mode()
def run_hearings(
    model: nn.Module, images: Tensor, sounds: Iterable[Tensor], clips: ClipLayout | None = None
) -> Iterator[AVSOutput]:
    """Run a model on images with one set of waveforms after the other, as `run_model` with each.

    What a CAVP model sees of the images is computed once.
    """
    if not isinstance(model, CAVP):
        yield from (run_model(model, images, waveforms, clips) for waveforms in sounds)
        return
    visual = model.see(normalise(images))
    size = (images.shape[-2], images.shape[-1])
    for waveforms in sounds:
        yield model.hear(visual, cavp_logmel(waveforms), size)


def segment(model: nn.Module, batch: Batch, device: torch.device) -> Tensor:
    """Return logits [B, classes, H', W'], float32 on `device`, at the size of the targets.

    Raises InputError naming the first example whose logits are not numbers.
    """
    return next(segment_hearings(model, [batch], device))


@torch.inference_mode()
def segment_hearings(
    model: nn.Module, hearings: Sequence[Batch], device: torch.device
) -> Iterator[Tensor]:
    """Yield what `segment` returns for each of several batches that show the same pictures."""
    first = hearings[0]
    sounds = (batch.waveforms.to(device) for batch in hearings)
    outputs = run_hearings(model, first.images.to(device), sounds, first.clips)
    for batch, output in zip(hearings, outputs, strict=True):
        yield _at_target_size(batch, output)


def _at_target_size(batch: Batch, output: AVSOutput) -> Tensor:
    whole = output.scores.isfinite().flatten(1).all(dim=1)  # and so are the enlarged ones
    if not whole.all():
        example = batch.examples[int(whole.int().argmin())]
        raise InputError(
            f"example {example.example_id}: the model's logits are not numbers: its weights are "
            "damaged or its training diverged; evaluate an earlier checkpoint"
        )
    return resized_logits(output.logits, tuple(batch.targets.shape[-2:]))


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
