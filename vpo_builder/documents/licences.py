"""What the licences of a dataset's photographs demand, taken together."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

CREATIVE_COMMONS = re.compile(r"creativecommons\.org/(?:licenses/([a-z-]+)|publicdomain)/")
CONDITIONS = {
    "by": "attribution",
    "nc": "non-commercial use",
    "nd": "no derivatives",
    "sa": "share-alike",
}
FREE_OF_CONDITIONS = ("flickr.com/commons/usage", "usa.gov/copyright")
# As creativecommons.org lists its licences, from the most to the least permissive.
PERMISSIVE_FIRST = ("", "by", "by-sa", "by-nc", "by-nc-sa", "by-nd", "by-nc-nd")


@dataclass(frozen=True, slots=True)
class Licence:
    """A licence by name and address, and the number of images under it."""

    name: str
    url: str
    images: int

    @property
    def terms(self) -> str | None:
        """Its Creative Commons code ("by-nc"), "" for none demanded, None if not known."""
        found = CREATIVE_COMMONS.search(self.url)
        if found:
            return found.group(1) or ""
        return "" if any(place in self.url for place in FREE_OF_CONDITIONS) else None


def count_licences(pairs: Iterable[tuple[str, str]]) -> tuple[Licence, ...]:
    """Return the licences of (name, url) pairs, the strictest first, unknown terms before all."""
    counted = Counter(pairs)
    licences = [Licence(name, url, images) for (name, url), images in counted.items()]
    return tuple(sorted(licences, key=lambda row: (-_rank(row), row.name, row.url)))


def conditions(licences: Iterable[Licence]) -> tuple[str, ...]:
    """Return every condition that some licence sets: all hold for the dataset as a whole."""
    codes = {code for row in licences for code in (row.terms or "").split("-") if code}
    return tuple(text for code, text in CONDITIONS.items() if code in codes)


def _rank(licence: Licence) -> int:
    terms = licence.terms
    return PERMISSIVE_FIRST.index(terms) if terms in PERMISSIVE_FIRST else len(PERMISSIVE_FIRST)
