"""From the bytes of an answer to what they say of each pixel, whatever the bytes are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from avs_bench.data.class_map import ClassMap
from avs_bench.data.example import UNKNOWN, Lookup
from avs_bench.metrics.arrays import nearest_labels
from avs_bench.metrics.threshold_curve import probabilities_of
from avs_bench.names import Resize, Values
from avs_bench.scoring.answer_arrays import read_array
from avs_bench.scoring.answer_classes import renamed_classes, renamed_scores
from avs_bench.scoring.answer_pictures import GREY_LEVELS, OnePicture, read_png
from avs_bench.scoring.answer_sizes import resized_scores
from vpo_builder.dataset.class_colours import voc_colours
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.runtime.errors import InputError

SUM_TOLERANCE = 0.02
"""By how much the sum of a pixel's probabilities may miss 1: in half precision it may by 0.01."""


@dataclass(frozen=True)
class Form:
    """What is said of answers: what PNGs hold, and how answers of another size are brought to it.

    They have so many `classes`: those of the dataset, to which `mask_lookup` maps the values of its
    masks, or others that `class_map` takes to the table that is scored.
    """

    classes: int
    mask_lookup: Lookup
    values: Values = "classes"
    resize: Resize | None = None
    class_map: ClassMap | None = None


@dataclass(frozen=True)
class Told:
    """What a file says at its own size: `kind` "classes" [H, W], else [C, H, W], C of them or one.

    Logits and probabilities of one channel are those of "an object".
    """

    kind: Literal["classes", "probabilities", "logits"]
    array: NDArray[Any]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.array.shape[-2], self.array.shape[-1]


@dataclass(frozen=True)
class GivenAnswer:
    """An answer to score: class indices [H, W] uint8, and what makes object probabilities of it.

    They are 0 and 1 where it is `hard`, a class map alone.
    """

    pred: NDArray[np.uint8]
    objects: Callable[[], NDArray[np.float32]]
    hard: bool = False


def read_told(data: bytes, where: str, form: Form) -> Told:
    """Return what a PNG or npz says; raise InputError naming `where` for anything else."""
    if data[:2] == b"PK":
        return _from_array(*read_array(data, where), where, form)
    return _from_png(read_png(data, where), where, form)


def given_answer(told: Told, size: tuple[int, int], where: str, form: Form) -> GivenAnswer:
    """Return an answer at (height, width), resized as `form` says if it has another size."""
    if told.kind == "classes":
        if told.size != size and form.resize != "nearest":
            raise InputError(
                f"{where}: class indices cannot be resized by {form.resize}: use --resize nearest"
            )
        pred = renamed_classes(nearest_labels(told.array, size), form.class_map)
        return GivenAnswer(pred, lambda: (pred > 0).astype(np.float32), hard=True)
    own = resized_scores(told.array, size, form.resize or "nearest")
    scores = renamed_scores(own, told.kind, form.class_map)
    objects = _object_probabilities if told.kind == "probabilities" else _object_sigmoid
    if len(scores) == 1:
        border = 0.5 if told.kind == "probabilities" else 0
        return GivenAnswer((scores[0] > border).astype(np.uint8), lambda: objects(scores))
    return GivenAnswer(scores.argmax(axis=0).astype(np.uint8), lambda: objects(scores))


def background(size: tuple[int, int]) -> GivenAnswer:
    """Return the answer that nothing sounds."""
    return GivenAnswer(np.zeros(size, np.uint8), lambda: np.zeros(size, np.float32))


def _object_probabilities(scores: NDArray[Any]) -> NDArray[np.float32]:
    summed: NDArray[np.float64] = _foreground(scores).sum(axis=0, dtype=np.float64)
    return summed.clip(0, 1).astype(np.float32)


def _object_sigmoid(scores: NDArray[Any]) -> NDArray[np.float32]:
    """As `object_logits` and a sigmoid: 1 - softmax of background, in float64."""
    wide = scores.astype(np.float64)
    logits = np.logaddexp.reduce(_foreground(wide), axis=0)
    return probabilities_of(logits - wide[0] if len(wide) > 1 else logits, ())


def _foreground(scores: NDArray[Any]) -> NDArray[Any]:
    """Return the planes of all classes but background, or the one plane there is."""
    return scores[1:] if len(scores) > 1 else scores


def _from_png(picture: OnePicture, where: str, form: Form) -> Told:
    if form.values == "probabilities":
        return Told("probabilities", _probabilities(picture, where, form)[None])
    if form.values == "colours":
        return Told("classes", _class_of_colour(picture, where, form))
    if picture.channels != 1 or picture.bits > 8:
        raise InputError(
            f"{where}: a PNG of {picture.told}, expected one channel of 8 bits of class indices; "
            "--values says what else its pixels may be"
        )
    values = picture.pixels
    if form.values == "mask":
        indices = form.mask_lookup[values]
        unknown = indices >= UNKNOWN
        if unknown.any():
            raise InputError(f"{where}: value {values[unknown][0]} is in no mask of the dataset")
        return Told("classes", indices)
    if form.classes == 2 and values.max() == IGNORE and np.isin(values, (0, IGNORE)).all():
        values = (values == IGNORE).astype(np.uint8)  # black and white, as S4's own masks
    return Told("classes", _checked_classes(values, where, form))


def _checked_classes(values: NDArray[Any], where: str, form: Form) -> NDArray[np.uint8]:
    wrong = (values < 0) | (values >= form.classes)
    if wrong.any():
        raise InputError(
            f"{where}: value {values[wrong][0]}, expected class indices 0 to {form.classes - 1}; "
            "if its pixels are something else, say what with --values, or other classes with "
            "--labels and --class-map"
        )
    return values.astype(np.uint8)


def _probabilities(picture: OnePicture, where: str, form: Form) -> NDArray[np.float32]:
    if form.classes != 2:
        raise InputError(
            f"{where}: a PNG holds the probability of one object, and there are "
            f"{form.classes} classes: give npz files with an array probabilities [classes, H, W]"
        )
    if picture.channels != 1 or picture.palette or picture.bits not in GREY_LEVELS:
        raise InputError(f"{where}: a PNG of {picture.told}, expected grey of 8 or 16 bits")
    return (picture.pixels / GREY_LEVELS[picture.bits]).astype(np.float32)


def _class_of_colour(picture: OnePicture, where: str, form: Form) -> NDArray[np.uint8]:
    if picture.palette or picture.channels not in (1, 3) or picture.bits != 8:
        raise InputError(f"{where}: a PNG of {picture.told}, expected colours of 8 bits")
    weights = np.array([1 << 16, 1 << 8, 1])
    pixels = picture.pixels if picture.channels == 3 else np.stack([picture.pixels] * 3, axis=-1)
    codes, known = pixels @ weights, np.array(voc_colours(form.classes)) @ weights
    order = np.argsort(known)
    places = order[np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)]
    wrong = known[places] != codes
    if wrong.any():
        red, green, blue = pixels[wrong][0]
        raise InputError(
            f"{where}: colour ({red}, {green}, {blue}) is none of the {form.classes} classes"
        )
    return np.asarray(places, np.uint8)


def _from_array(name: str, array: NDArray[Any], where: str, form: Form) -> Told:
    whole = array.dtype.kind in "biu"
    kind = name if name in ("probabilities", "logits") else "probabilities"
    if name == "pred" or (whole and name not in ("probabilities", "logits")):
        if not whole or array.ndim != 2:
            raise InputError(f"{where}: {_told(name, array)}, expected integers [H, W]")
        return Told("classes", _checked_classes(array, where, form))
    planes = array[None] if array.ndim == 2 else array
    if array.dtype.kind != "f" or planes.ndim != 3 or not _fits(len(planes), form.classes):
        alone = " or [H, W] of the object" if form.classes == 2 else ""
        raise InputError(
            f"{where}: {_told(name, array)}, expected floats [{form.classes}, H, W]{alone}"
        )
    if not np.isfinite(planes).all():
        raise InputError(f"{where}: {name} holds values that are no numbers")
    if kind == "logits":
        return Told("logits", planes)
    _refuse_no_probabilities(planes, name, where)
    return Told("probabilities", planes)


def _fits(planes: int, classes: int) -> bool:
    return planes == classes or (planes == 1 and classes == 2)


def _refuse_no_probabilities(planes: NDArray[Any], name: str, where: str) -> None:
    if planes.min() < 0 or planes.max() > 1:
        raise InputError(
            f"{where}: {name} from {planes.min():g} to {planes.max():g}, expected 0 to 1: call the "
            "array logits if they are"
        )
    sums = planes.sum(axis=0, dtype=np.float64)
    if len(planes) > 1 and np.abs(sums - 1).max() > SUM_TOLERANCE:
        worst = sums.flat[np.abs(sums - 1).argmax()]
        raise InputError(
            f"{where}: the {name} of a pixel add up to {worst:.3f}, expected 1: take the softmax "
            "over the classes, or give the array pred"
        )


def _told(name: str, array: NDArray[Any]) -> str:
    return f"{name} is {array.dtype} {list(array.shape)}"
