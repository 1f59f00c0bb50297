"""A printed number that cannot be separated from its rules."""

import math
from dataclasses import dataclass

from avs_bench.names import FAMILIES, Family

NOTHING_COUNTED = "no pixel is counted: the set is empty, or all of it is ignored"
NOTHING_TO_AVERAGE = "no class is left to average"


@dataclass(frozen=True, slots=True)
class Figure:
    """One score of one metric family.

    `name` carries the family (`miou_dataset`, `miou_frame`, `j_video`, `fdr_dataset_official`), so
    that figures of two families never share a name; `value` is a fraction in [0, 1], or NaN where
    nothing was counted or the rules leave nothing to average; `rules` says in words what absent
    classes, empty frames and ignored pixels count; `note` is what the rules chose on these data (a
    threshold), or why there is no value.
    `float(figure)` is the value.
    """

    name: str
    value: float
    rules: str
    note: str = ""

    @property
    def family(self) -> Family:
        """The word of the name that is a family."""
        return next(word for word in self.name.split("_") if word in FAMILIES)

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        value = "–" if math.isnan(self.value) else f"{100 * self.value:.2f} %"
        note = f", {self.note}" if self.note else ""
        return f"{self.name} {value}{note} ({self.rules})"
