"""Another program's answers in the table of a class map, as `renaming` has a model's logits."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from avs_bench.data.class_map import ClassMap


def renamed_classes(pred: NDArray[Any], class_map: ClassMap | None) -> NDArray[np.uint8]:
    """Return class indices [H, W] in the scored table: what is not scored becomes background.

    A class map knows one class of a pixel. Where the probabilities of several that mean the same
    would add up, its answer may be another than that of `renamed_scores`.
    """
    return pred if class_map is None else np.array(class_map.of_model, np.uint8)[pred]


def renamed_scores(
    scores: NDArray[Any], kind: Literal["probabilities", "logits"], class_map: ClassMap | None
) -> NDArray[Any]:
    """Return [scored classes, H, W] of an answer's [classes, H, W], one class being an object.

    The probabilities of classes that mean the same add up, those of classes that are not scored
    to background.
    """
    if class_map is None:
        return scores
    wide, of_model = scores.astype(np.float64), np.array(class_map.of_model)
    if len(wide) == 1:
        wide = np.concatenate([1 - wide if kind == "probabilities" else 0 * wide, wide])
    add = np.add.reduce if kind == "probabilities" else np.logaddexp.reduce
    return np.stack([add(wide[of_model == index]) for index in range(len(class_map.classes))])
