"""What tells two figures of one word apart, in words that can be held against each other."""

from dataclasses import dataclass, replace
from typing import Literal

Word = Literal["IoU", "F", "J&F"]
"""The word by which figures are printed: those of one word are taken for one another."""

ASPECTS = {
    "value": "it is",
    "things": "it counts",
    "mean": "its mean is",
    "absent": "a class that occurs nowhere",
    "weight": "F weighs",
    "border": "a pixel is predicted",
    "empty": "a frame without an object",
    "size": "it is counted on",
    "padding": "a short clip is",
}
"""Each field of `Rules` but the word, as it begins a sentence."""


@dataclass(frozen=True)
class Reason:
    """A rule that two figures do not share: `aspect` begins the sentence of both."""

    aspect: str
    theirs: str
    yours: str


@dataclass(frozen=True)
class Rules:
    """The rules of a figure; a field is empty where its figure has no such choice."""

    word: Word
    value: str
    things: str
    mean: str
    absent: str = ""
    weight: str = ""
    border: str = "as the most probable class"
    empty: str = ""
    size: str = "masks of their own size"
    padding: str = "left as it is"

    def but(self, **changes: str) -> "Rules":
        """Return other rules that differ in these fields alone."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def told(self) -> tuple[str, ...]:
        """Every rule as a phrase."""
        rules = ((aspect, getattr(self, name)) for name, aspect in ASPECTS.items())
        return tuple(f"{aspect} {rule}" for aspect, rule in rules if rule)

    def unlike(self, mine: "Rules") -> tuple[Reason, ...]:
        """Return in what these rules differ from `mine`.

        A choice that only one of the two has is passed over, unless nothing else differs.
        """
        pairs = [
            Reason(aspect, getattr(self, name), getattr(mine, name))
            for name, aspect in ASPECTS.items()
        ]
        differ = [one for one in pairs if one.theirs != one.yours]
        return tuple([one for one in differ if one.theirs and one.yours] or differ)


_ABSENT_ZERO, _ABSENT_OUT = "counts as 0", "is left out"

DATASET_IOU = Rules(
    "IoU",
    "the IoU",
    "each class by itself",
    "over classes, after adding up the pixels of the whole set",
    _ABSENT_ZERO,
    empty="counts like any other",
)
DATASET_F1 = DATASET_IOU.but(
    word="F", value="F", absent=_ABSENT_OUT, weight="precision as much as recall (beta² = 1)"
)
DATASET_F03 = DATASET_F1.but(weight="precision more than recall (beta² = 0.3)")
DATASET_JF = DATASET_F03.but(word="J&F", value="the mean of IoU and F")

FRAME_IOU = DATASET_IOU.but(mean="over the frames that have a class, then over classes")
FRAME_F = FRAME_IOU.but(word="F", value="F", weight=DATASET_F03.weight)
FRAME_JF = FRAME_F.but(word="J&F", value=DATASET_JF.value)

VIDEO_J = Rules(
    "IoU",
    "the IoU",
    "any object, whatever its class",
    "over the frames of a video, then over videos",
    border="where an object is more probable than not",
    empty="scores the share of it that is predicted black",
)
VIDEO_F = VIDEO_J.but(
    word="F",
    value="F",
    weight=DATASET_F03.weight,
    border="above the one of 255 thresholds that is best for its video",
    empty="is left out, and a video of such frames scores 0",
)
VIDEO_JF = VIDEO_F.but(
    word="J&F",
    value=DATASET_JF.value,
    border=f"for J {VIDEO_J.border}, for F {VIDEO_F.border}",
    empty=f"for J {VIDEO_J.empty}, for F {VIDEO_F.empty}",
)


def at_side(rules: Rules, side: int) -> Rules:
    """Return the same rules on stretched masks."""
    return rules.but(size=f"masks stretched to {side} x {side}")


def padded(rules: Rules) -> Rules:
    """Return the same rules with AVSS's padding."""
    return rules.but(padding="filled up to ten frames with background, which counts as right")


def occurring(rules: Rules) -> Rules:
    """Return the same rules without classes that occur nowhere."""
    return rules.but(absent=_ABSENT_OUT)


def without_background(rules: Rules) -> Rules:
    """Return the same rules for the classes of objects alone."""
    return rules.but(things=f"{rules.things}, background left out")


def in_batches(rules: Rules, batch: str) -> Rules:
    """Return a video's rules in the published code with so many videos at a time."""
    return rules.but(
        mean=f"over the frames of {batch}, then over batches",
        border=rules.border.replace("its video", batch),
        empty=rules.empty.replace("a video", "a batch"),
    )
