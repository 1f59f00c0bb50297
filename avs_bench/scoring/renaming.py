"""A model's logits in the table of a class map."""

import torch
from torch import Tensor

from avs_bench.data.class_map import ClassMap
from avs_bench.runtime.device import on_device


def renamed_logits(logits: Tensor, class_map: ClassMap) -> Tensor:
    """Return [B, scored classes, H, W] of a model's logits [B, classes, H, W], one being binary.

    The probability of a scored class is the sum of those of the classes that mean it; classes
    that are not scored add to background.
    """
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    parts = [
        logits[:, on_device(torch.tensor(members, dtype=torch.long), logits.device)].logsumexp(1)
        for members in _meaning(class_map)
    ]
    return torch.stack(parts, dim=1)


def _meaning(class_map: ClassMap) -> list[list[int]]:
    """Return for each scored class the model's classes that mean it."""
    meant: list[list[int]] = [[] for _ in class_map.classes]
    for index, scored in enumerate(class_map.of_model):
        meant[scored].append(index)
    return meant
