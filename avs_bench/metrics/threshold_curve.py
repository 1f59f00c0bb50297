"""Precision and recall of one frame at 255 thresholds, from one histogram instead of 255 passes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avs_bench.metrics.arrays import first_place
from avs_bench.metrics.counting import BETA2, pixel_chunks, ratio
from avs_bench.metrics.record import Counts, Scores
from vpo_builder.runtime.errors import InputError

THRESHOLDS = 255
"""Thresholds of the published F (AVSBench, `Eval_Fmeasure`)."""


def _float32_linspace() -> NDArray[np.float32]:
    """`torch.linspace(0, 1 - 1e-10, 255)`, bit for bit, without torch.

    Both ends are float32, so the last is exactly 1. The step is float32 too; the lower half counts
    up from the start, the upper half down from the end, each value rounded once (the processor
    fuses the multiplication and the addition, which float64 imitates exactly here). numpy's own
    linspace differs in the last bit of ten values.
    """
    step = np.float64(np.float32(1) / np.float32(THRESHOLDS - 1))
    index = np.arange(THRESHOLDS)
    from_start = step * index
    from_end = 1.0 - step * (THRESHOLDS - 1 - index)
    return np.where(index < THRESHOLDS // 2, from_start, from_end).astype(np.float32)


threshold_values = _float32_linspace()
threshold_values.flags.writeable = False
_NEXT = np.append(threshold_values[1:], np.float32(np.inf))


def probabilities_of(logits: NDArray[Any], frame: tuple[int, ...]) -> NDArray[np.float32]:
    """Sigmoid of a frame as the float32 nearest to the true value, the same on every machine.

    InputError, with the index of the `frame`, if a logit is NaN; infinite ones give 0 and 1.
    """
    wide = logits.astype(np.float64)
    missing = np.isnan(wide)
    if missing.any():
        raise InputError(
            f"logits: NaN {first_place(missing, frame)}: expected numbers; the model has "
            "diverged or divides by zero: look at its training loss"
        )
    with np.errstate(over="ignore"):  # exp(−logit) = inf gives 0, which is right
        return (1.0 / (1.0 + np.exp(-wide))).astype(np.float32)


def checked_probabilities(
    probabilities: NDArray[Any], frame: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return a frame's probabilities as float32; raise InputError for one outside of [0, 1]."""
    values = probabilities.astype(np.float32)
    wrong = ~((values >= 0) & (values <= 1))  # NaN is neither
    if wrong.any():
        raise InputError(
            f"probabilities: {values[wrong][0]} {first_place(wrong, frame)}: expected 0 to 1; "
            "take the sigmoid of logits first"
        )
    return values


def threshold_index(probabilities: NDArray[np.float32]) -> NDArray[np.intp]:
    """Index of the largest threshold that is not above each probability: equality is a hit.

    A product with 254 is right to within one place; two comparisons make it exact.
    """
    index = (probabilities * np.float32(THRESHOLDS - 1)).astype(np.intp)
    index += probabilities >= _NEXT[index]
    index -= probabilities < threshold_values[index]
    return index


def hits_and_predicted(
    probabilities: NDArray[np.float32], target: NDArray[np.uint8]
) -> tuple[Counts, Counts]:
    """True positives and predicted pixels at each threshold, [255] each.

    `target`: 0 background, 1 object, 2 ignored; one shape with `probabilities`.
    """
    counts = np.zeros(3 * THRESHOLDS, np.int64)
    for some, labels in pixel_chunks(probabilities, target):
        index = threshold_index(some)
        index += labels * np.intp(THRESHOLDS)
        counts += np.bincount(index, minlength=3 * THRESHOLDS)
    off, on, _ = counts.reshape(3, THRESHOLDS)
    # a pixel is predicted at every threshold up to its own
    hits = on[::-1].cumsum()[::-1]
    return hits, hits + off[::-1].cumsum()[::-1]


def fscore_curve(hits: Counts, predicted: Counts) -> Scores:
    """F (beta² = 0.3) at each threshold, [255]; 0/0 is 0.

    (1 + b) P R / (b P + R) with P = hits / predicted and R = hits / true; every pixel is predicted
    at threshold 0, so hits[0] is the true area.
    """
    return ratio((1 + BETA2) * hits, BETA2 * hits[0] + predicted, empty=0.0)
