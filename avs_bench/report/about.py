"""What the author of a submission says of the method: its name, year, link and cost."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from avs_bench.results.faults import MOST_COST
from vpo_builder.runtime.errors import InputError

LONGEST_NAME, LONGEST_LINK = 100, 300
YEARS = range(1990, 2101)
_SCALES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@dataclass(frozen=True)
class About:
    """What a board shows beside the scores; None or "" where nothing is said.

    `year` is when the method was made public, `link` an address of its paper or code;
    `parameters` and `flops`, of one item's forward pass, are for methods that were not run here:
    an evaluation measures them.
    """

    name: str = ""
    year: int | None = None
    link: str = ""
    parameters: int | None = None
    flops: int | None = None


NOTHING_SAID = About()


def read_about(pairs: Sequence[str]) -> About:
    """Return what KEY=VALUE pairs say; numbers may end in k, M, G or T.

    Raises InputError for an unknown key, a key twice, and what `about_faults` names.
    """
    said: dict[str, Any] = {}
    keys = [field.name for field in fields(About)]
    for pair in pairs:
        key, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or key not in keys or key in said:
            raise InputError(f"--about {pair}: expected KEY=VALUE, each once, of {', '.join(keys)}")
        said[key] = value if key in ("name", "link") else _number(key, value)
    about = About(**said)
    for fault in about_faults(about):
        raise InputError(f"--about: {fault}")
    return about


def about_faults(about: About) -> Iterator[str]:
    """Yield what no board would show, one line each."""
    if len(about.name) > LONGEST_NAME:
        yield f"a name of {len(about.name)} characters, expected at most {LONGEST_NAME}"
    if about.year is not None and about.year not in YEARS:
        yield f"year {about.year}, expected {YEARS[0]} to {YEARS[-1]}"
    if about.link and not re.fullmatch(r"https?://[^\s/]+(/\S*)?", about.link):
        yield f"link {about.link[:80]!r}, expected an address that begins with https://"
    if len(about.link) > LONGEST_LINK:
        yield f"a link of {len(about.link)} characters, expected at most {LONGEST_LINK}"
    for name in ("parameters", "flops"):
        number = getattr(about, name)
        if number is not None and not 0 <= number < MOST_COST:
            yield f"{name} {number}, expected 0 to {MOST_COST:.0e}"


def _number(key: str, value: str) -> int:
    found = re.fullmatch(r"(\d{1,18}(?:\.\d{1,18})?)([kMGT]?)", value)
    if not found:
        example = "2026" if key == "year" else "25600000 or 25.6M"
        raise InputError(f"--about {key}={value}: expected a number such as {example}")
    return round(float(found[1]) * _SCALES[found[2]])
