"""A printed number that cannot be separated from its rules."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One score of one metric family.

    `name` carries the family as its last word (`miou_dataset`, `miou_frame`, `miou_video`), so
    that figures of two families never share a name; `value` is a fraction in [0, 1], or NaN where
    the rules leave nothing to average; `rules` says in words what absent classes, empty frames and
    ignored pixels count. `float(figure)` is the value.
    """

    name: str
    value: float
    rules: str

    def __float__(self) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.name} {100 * self.value:.2f} % ({self.rules})"
