"""Arrays from numpy or torch, checked where they enter the metrics; torch is never imported."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vpo_builder.errors import InputError

Labels = NDArray[np.integer[Any]]

CHUNK_PIXELS = 1 << 16
"""Pixels counted at a time: the working memory stays in the cache, far below the inputs' size."""


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


def check_same_shape(pred: NDArray[Any], target: NDArray[Any]) -> None:
    """InputError if prediction and target differ in shape."""
    if pred.shape != target.shape:
        raise InputError(
            f"pred and target differ in shape: {list(pred.shape)} != {list(target.shape)}; "
            "resize the prediction to the target (bilinear on logits), not the other way round"
        )


def first_place(where: NDArray[np.bool_]) -> str:
    """The first true position and the number of them, as words for an error message."""
    index = np.unravel_index(int(np.argmax(where)), where.shape)
    return f"at {[int(i) for i in index]} ({int(np.count_nonzero(where))} pixels in all)"


def pixel_chunks(pred: Labels, target: Labels) -> Iterator[tuple[Labels, Labels]]:
    """Both arrays as flat pieces of at most CHUNK_PIXELS.

    Arrays cut out of a larger one (a crop of a padded batch) are walked image by image, so that
    never more than one image is copied.
    """
    contiguous = pred.flags.c_contiguous and target.flags.c_contiguous
    if not contiguous and pred.ndim > 2:
        for one_pred, one_target in zip(pred, target, strict=True):
            yield from pixel_chunks(one_pred, one_target)
        return
    flat_pred, flat_target = pred.reshape(-1), target.reshape(-1)
    for start in range(0, flat_pred.size, CHUNK_PIXELS):
        piece = slice(start, start + CHUNK_PIXELS)
        yield flat_pred[piece], flat_target[piece]
