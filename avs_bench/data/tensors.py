"""What a network takes: pictures and masks as tensors, and the generator of a step's draws."""

from functools import cache

import numpy as np
import torch
from PIL import Image

from avs_bench.data.images import MEAN, STD
from avs_bench.data.seeds import digest
from avs_bench.runtime.device import on_device


def to_tensor(image: Image.Image) -> torch.Tensor:
    """Return RGB as uint8 [3, H, W], or a mask as uint8 [H, W]."""
    array = torch.from_numpy(np.array(image))
    return array.permute(2, 0, 1).contiguous() if array.ndim == 3 else array


def labels_on(targets: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return targets of uint8 as the int64 that losses index with.

    They become it on the device: eight times as many bytes would be two thirds of a batch.
    """
    return on_device(targets, device).long()


def normalise(images: torch.Tensor) -> torch.Tensor:
    """Return uint8 RGB [B, 3, H, W] as float32 with ImageNet's mean 0 and deviation 1."""
    mean, std = _mean_and_deviation(images.device)
    return (images / 255).sub_(mean).div_(std)


@cache
def _mean_and_deviation(device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Return both [3, 1, 1], copied to a device once."""
    mean, std = (torch.tensor(values, device=device).view(3, 1, 1) for values in (MEAN, STD))
    return mean, std


def torch_generator(*keys: int | str) -> torch.Generator:
    """Return a CPU generator that is a function of `keys`, as `numpy_generator`."""
    return torch.Generator().manual_seed(digest(*keys))
