"""What the licences of a dataset's photographs and recordings demand, taken together."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

KNOWN = re.compile(
    r"https?://(?:www\.)?(?:creativecommons\.org/(?:licenses/([a-z-]+)|publicdomain)"
    r"|flickr\.com/commons/usage|usa\.gov/copyright)(?![\w-])"
)
CONDITIONS = {
    "by": "attribution",
    "nc": "non-commercial use",
    "nd": "no derivatives",
    "sa": "share-alike",
}
# As creativecommons.org lists its licences, from the most to the least permissive.
PERMISSIVE_FIRST = ("", "by", "by-sa", "by-nc", "by-nc-sa", "by-nd", "by-nc-nd")


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence by name and address, and the number of images or clips under it."""

    name: str
    url: str
    files: int

    @property
    def terms(self) -> str | None:
        """Its Creative Commons code ("by-nc"), "" for none demanded, None if not known."""
        found = KNOWN.match(self.url)
        code = (found.group(1) or "") if found else None
        return code if code in PERMISSIVE_FIRST else None

    @property
    def title(self) -> str:
        """Its name, said to be unknown where its terms are."""
        if self.terms is not None:
            return self.name or self.terms
        return f"unknown: {self.name}" if self.name else "unknown"


def count_licences(pairs: Iterable[tuple[str, str]]) -> tuple[Licence, ...]:
    """Return the licences of (name, url) pairs, the strictest first, unknown terms before all."""
    counted = Counter(pairs)
    licences = [Licence(name, url, files) for (name, url), files in counted.items()]
    return strictest_first(licences)


def strictest_first(licences: Iterable[Licence]) -> tuple[Licence, ...]:
    """Return licences, those of unknown terms before all others."""
    return tuple(sorted(licences, key=lambda row: (-_rank(row), row.name, row.url)))


def conditions(licences: Iterable[Licence]) -> tuple[str, ...]:
    """Return every condition that some licence sets: all hold for the dataset as a whole."""
    codes = {code for row in licences for code in (row.terms or "").split("-") if code}
    return tuple(text for code, text in CONDITIONS.items() if code in codes)


def _rank(licence: Licence) -> int:
    terms = licence.terms
    return len(PERMISSIVE_FIRST) if terms is None else PERMISSIVE_FIRST.index(terms)
