"""Runs an opened model on pictures and sounds of any size and length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from avs_bench.checkpoints.opening import OpenedModel
from avs_bench.data.audio import Waveform
from avs_bench.data.clips import ClipLayout
from avs_bench.data.images import resized
from avs_bench.data.tensors import to_tensor
from avs_bench.models.execution import ExecutedModel, Execution, rounding
from avs_bench.models.inference import answer, predicted_classes, resized_logits
from avs_bench.models.own import errors_in
from avs_bench.painting import Pixels
from avs_bench.runtime.device import Arriving, in_main_memory, on_device
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True)
class Prediction:
    """What a model says of one picture with its sound.

    `mask` [H, W] holds class indices. `attention` [H, W] is the mean over heads of how strongly
    each place answers the sound, stretched from its smallest to its largest value, which `span`
    holds; None where it was not asked for.
    """

    mask: Pixels
    attention: NDArray[np.float32] | None = None
    span: tuple[float, float] | None = None


class Segmenter:
    """Predicts masks, and with `attention` the audio-visual attention.

    Raises InputError if the model has none.
    """

    def __init__(self, opened: OpenedModel, attention: bool = False) -> None:
        self.opened, self.attention = opened, attention
        self._execution = Execution.of_scoring(opened.settings).on(opened.device)
        self._model = ExecutedModel(opened.module, self._execution)

    def predict(self, pictures: Sequence[Pixels], sounds: Sequence[Waveform]) -> list[Prediction]:
        """Return a prediction for each RGB picture [H, W, 3], all of one size, at that size.

        `sounds` are [channels, samples] of the model's length. A clip model sees all pictures
        together, so give it as many as its `image.frames`, in their order.
        """
        device, frames = self.opened.device, self.opened.settings.image.frames
        images = on_device(torch.stack([self._seen(picture) for picture in pictures]), device)
        waveforms = on_device(torch.from_numpy(np.stack(sounds)), device)
        clips = ClipLayout((len(pictures),), frames) if frames > 1 else None
        doing = errors_in(self.opened.name, "prediction")
        with torch.inference_mode(), rounding(self._execution.tf32), doing:
            output = answer(self._model, images, waveforms, clips)
        size = (pictures[0].shape[0], pictures[0].shape[1])
        whole, heat = in_main_memory(output.logits.isfinite().all()), self._heat(output.attention)
        said = [_said(logits, size, next(heat, None)) for logits in output.logits[:, None]]
        if not whole.arrived():
            raise InputError(
                f"{self.opened.name}: the model's logits are not numbers: its weights are damaged "
                "or its training diverged; give another checkpoint"
            )
        return [_prediction(*one) for one in said]

    def _seen(self, picture: Pixels) -> Tensor:
        image, seen = Image.fromarray(picture), self.opened.settings.image
        return to_tensor(resized(image, seen.long_side, stretched=seen.stretched))

    def _heat(self, attention: Tensor | None) -> Iterator[Tensor]:
        if not self.attention:
            return iter(())
        if attention is None:
            raise InputError(
                f"--attention: {self.opened.name} as it was trained has no attention map "
                "(its fusion is a sum, or it does not hear): leave the option out"
            )
        return iter(attention.float().mean(dim=1))


def _said(
    logits: Tensor, size: tuple[int, int], heat: Tensor | None
) -> tuple[Arriving, Arriving | None, Arriving | None]:
    """Begin to bring to main memory what `_prediction` takes of logits [1, classes, h, w].

    All pictures are asked for before the first is read, so the device is waited for once.
    """
    mask = in_main_memory(predicted_classes(resized_logits(logits, size))[0])
    if heat is None:
        return mask, None, None
    low, high = heat.min(), heat.max()
    stretched = (heat - low) / torch.where(high > low, high - low, 1.0)
    shown = F.interpolate(stretched[None, None], size, mode="bilinear", align_corners=False)
    return mask, in_main_memory(shown[0, 0]), in_main_memory(torch.stack([low, high]))


def _prediction(mask: Arriving, heat: Arriving | None, span: Arriving | None) -> Prediction:
    """Return a mask, and the attention with its smallest and its largest value."""
    if heat is None or span is None:
        return Prediction(mask.arrived().numpy())
    low, high = span.arrived().tolist()
    return Prediction(mask.arrived().numpy(), heat.arrived().numpy(), (low, high))
