"""A model's logits in the table of a class map."""

import torch
from torch import Tensor

from avs_bench.data.class_map import ClassMap


def renamed_logits(logits: Tensor, class_map: ClassMap) -> Tensor:
    """Return [B, scored classes, H, W] of a model's logits [B, classes, H, W], one being binary.

    The probability of a scored class is the sum of those of the classes that mean it; classes
    that are not scored add to background.
    """
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    of_model = torch.tensor(class_map.of_model, device=logits.device)
    parts = [
        logits[:, of_model == index].logsumexp(dim=1) for index in range(len(class_map.classes))
    ]
    return torch.stack(parts, dim=1)
