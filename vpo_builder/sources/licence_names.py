"""What people write for a licence: a name, an abbreviation, or the address of its text."""

import re
from typing import NamedTuple

_DEED = re.compile(
    r"https?://(?:www\.)?creativecommons\.org/(?:licenses/([a-z+-]+)|publicdomain/zero)/([0-9.]+)/?",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"(?:creative commons|cc)[\s-]*(by(?:-nc)?(?:-sa|-nd)?)[\s-]*([0-9]\.[0-9])?(?: .*)?", re.ASCII
)
_ZERO = re.compile(r"(?:creative commons|cc)[\s-]*(?:0|zero)(?:[\s-]*(1\.0))?(?: .*)?", re.ASCII)
LATEST = "4.0"
"""The version that a name without one is taken for; its text replaced the others in 2013."""


class LicenceName(NamedTuple):
    """A licence by its name and the address of its text; "" where that is not known."""

    name: str
    url: str


def licence_of(text: str) -> LicenceName:
    """Return the licence that a text names; one that is not Creative Commons' stays as it is."""
    text = text.strip()
    deed = _DEED.fullmatch(text)
    if deed:
        code = f"{deed.group(1).upper().replace('SAMPLING', 'Sampling')}" if deed.group(1) else ""
        return LicenceName(f"CC {code} {deed.group(2)}" if code else f"CC0 {deed.group(2)}", text)
    plain = text.lower().replace("_", "-")
    if _ZERO.fullmatch(plain):
        return LicenceName("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/")
    found = _CODE.fullmatch(plain)
    if found:
        version = found.group(2) or LATEST
        name = f"CC {found.group(1).upper()} {version}"
        address = f"https://creativecommons.org/licenses/{found.group(1)}/{version}/"
        return LicenceName(name, address)
    return LicenceName("", text) if re.match("https?://", text) else LicenceName(text, "")
