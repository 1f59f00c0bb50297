"""Models as ONNX files, checked in onnxruntime before they get their name."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from avs_bench.models.output import as_output
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import atomic_path

TOLERANCE = 1e-3  # largest difference of a logit, in standard deviations of the logits


class LogitsOnly(nn.Module):
    """A model as ONNX wants it: tensors in, one tensor out."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor, spectrograms: Tensor) -> Tensor:
        return as_output(self.model(images, spectrograms), images).logits


def export_onnx(model: nn.Module, path: Path, images: Tensor, spectrograms: Tensor) -> float:
    """Write `model` in evaluation mode to `path`; return its largest difference in onnxruntime.

    Inputs are named images and spectrograms, the output logits. The batch may be of any size
    later; image size and number of frames are those of the examples. Raises InputError, and
    leaves no file, if onnxruntime computes something else on the examples or on their first item.
    """
    wrapped = LogitsOnly(model).eval()
    pairs = torch.cat([images, images]), torch.cat([spectrograms, spectrograms])
    batch = torch.export.Dim("batch")
    with atomic_path(path) as temporary:
        with _quiet_exporter():
            program = torch.onnx.export(
                wrapped,
                pairs,
                dynamo=True,
                input_names=["images", "spectrograms"],
                output_names=["logits"],
                dynamic_shapes={"images": {0: batch}, "spectrograms": {0: batch}},
                verbose=False,
            )
        assert program is not None, "what torch.onnx.export gives with dynamo"
        program.save(temporary, external_data=False)
        difference = max(
            onnx_difference(wrapped, temporary, *example)
            for example in ((images, spectrograms), pairs)
        )
        if not difference <= TOLERANCE:
            raise InputError(
                f"{path}: onnxruntime's logits differ by {difference:.1e}, at most {TOLERANCE} is "
                "accepted: nothing written; try another version of torch or onnxruntime"
            )
    return difference


def onnx_difference(wrapped: nn.Module, path: Path, images: Tensor, spectrograms: Tensor) -> float:
    """Return the largest difference of a logit between PyTorch and onnxruntime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    fixed = [given.name for given in session.get_inputs() if isinstance(given.shape[0], int)]
    if fixed:
        raise InputError(
            f"the exported model takes batches of one size only ({', '.join(fixed)}): its forward "
            "keeps the number of items as a plain number: nothing written"
        )
    inputs = {"images": images.numpy(), "spectrograms": spectrograms.numpy()}
    (theirs,) = session.run(["logits"], inputs)
    with torch.inference_mode():
        ours = wrapped(images, spectrograms).numpy()
    return float(np.abs(theirs - ours).max() / max(ours.std(), 1e-12))


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence what the exporter says of itself: deprecated calls, an absent torchvision."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
