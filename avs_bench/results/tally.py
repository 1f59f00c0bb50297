"""How the answers of another program were read: kept with its scores, and said beside them."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec

from avs_bench.names import Family, Resize, Values
from avs_bench.results.records import Result

KEY = "answers"
"""Where a result's settings hold the tally."""


@dataclass(frozen=True)
class Tally:
    """How answers were read and how many did not fit, of those that are `wanted`.

    `names` is the rule by which files were matched; `resized` were brought to their mask's size;
    `hard` are class maps without probabilities; `unasked` are of frames that nobody labelled, which
    programs for AVSBench answer too, and of what a class map leaves out. `probes` tells the same of
    the answers to each probe, by its name.
    """

    names: str
    values: Values
    resize: Resize | None
    wanted: int
    missing: int
    doubled: int
    surplus: int
    wrong_size: int
    resized: int
    unasked: int
    hard: int
    probes: dict[str, "Tally"] = field(default_factory=dict)

    @property
    def unfit(self) -> str:
        """What does not fit, in words; empty if everything does."""
        return ", ".join(_counted(self, "missing", "doubled", "surplus", "wrong_size"))

    @property
    def settings(self) -> dict[str, Any]:
        """What a result's settings hold of it."""
        return {KEY: asdict(self)}

    def remarks_on(self, family: Family) -> Iterator[str]:
        """Yield the sentences that belong beside scores of a family."""
        background = _counted(self, "missing", "doubled", "wrong_size")
        if background:
            told = ", ".join(background)
            yield f"scored as background: {told}, of {self.wanted} answers"
        if self.surplus:
            yield f"passed over: {self.surplus} files that answer no sample"
        if self.resized:
            yield f"{self.resized} of {self.wanted} answers resized to their mask ({self.resize})"
        if self.hard and family == "video":
            yield f"{self.hard} of {self.wanted} answers are class maps: F sees them as 0 and 1"
        for name, tally in self.probes.items():
            yield from (f"{text}, under {name}" for text in tally.remarks_on("dataset"))


def tally_of(result: Result) -> Tally | None:
    """Return the tally of a result; None of a model's; raise msgspec.ValidationError for another.

    A stranger's result may hold anything in its place.
    """
    return msgspec.convert(result.settings[KEY], Tally) if KEY in result.settings else None


def remarks_on(result: Result, family: Family) -> tuple[str, ...]:
    """Return what belongs beside a result's scores of a family, each with the method's name."""
    tally = tally_of(result)
    told = () if tally is None else tally.remarks_on(family)
    return tuple(f"{result.model}: {text}." for text in told)


def _counted(tally: Tally, *names: str) -> list[str]:
    counts = ((name, getattr(tally, name)) for name in names)
    return [f"{count} {name.replace('_', ' ')}" for name, count in counts if count]
