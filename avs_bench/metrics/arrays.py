"""Arrays from numpy or torch, checked where they enter the metrics; torch is never imported."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpo_builder.runtime.errors import InputError

Labels = NDArray[np.integer[Any]]


def as_numpy(array: Any) -> NDArray[Any]:
    """Any array-like as numpy, without a copy where the memory is already on this machine."""
    if hasattr(array, "detach"):  # a torch tensor, maybe on a GPU and part of a graph
        tensor = array.detach()
        if str(tensor.dtype) == "torch.bfloat16":  # numpy has no such type
            tensor = tensor.float()
        array = tensor.cpu().numpy()
    return np.asarray(array)


def as_labels(array: Any, name: str) -> Labels:
    """An integer or boolean array-like as an integer numpy array; InputError for other types."""
    labels = as_numpy(array)
    if labels.dtype == np.bool_:
        return labels.view(np.uint8)
    if not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"{name}: expected class indices (integers), got {labels.dtype}; "
            "take the argmax of logits first, or convert the mask to integers"
        )
    return labels


def nearest_labels(labels: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Labels [..., H, W] at (height, width), by the pixel whose centre is nearest, as PIL."""
    if labels.shape[-2:] == size:
        return labels
    rows, columns = (
        ((np.arange(wanted) + 0.5) * given / wanted).astype(np.intp)
        for given, wanted in zip(labels.shape[-2:], size, strict=True)
    )
    return labels[..., rows[:, None], columns]


def check_same_shape(pred: NDArray[Any], target: NDArray[Any]) -> None:
    """InputError if prediction and target differ in shape."""
    if pred.shape != target.shape:
        raise InputError(
            f"pred and target differ in shape: {list(pred.shape)} != {list(target.shape)}; "
            "resize the prediction to the target (bilinear on logits), not the other way round"
        )


def first_place(where: NDArray[np.bool_], within: tuple[int, ...] = ()) -> str:
    """The first true position and the number of them, as words for an error message.

    `within`: the position of `where` in the array that the user gave.
    """
    index = np.unravel_index(int(np.argmax(where)), where.shape)
    others = int(np.count_nonzero(where)) - 1
    return f"at {[*within, *map(int, index)]}" + (f" and {others} more" if others else "")
