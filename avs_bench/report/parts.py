"""The filters that `parts.html` needs, whichever page it is put into."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from markupsafe import Markup, escape

from avs_bench.report.table import shown
from vpo_builder.runtime.outside_text import visible


def breakable(text: str) -> Markup:
    """Return text that may end a line after each underscore."""
    return escape(visible(text)).replace("_", Markup("_<wbr>"))


def pretty_json(value: Any) -> str:
    """Return a value as json on several lines."""
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode()


def data_address(kind: str, data: bytes) -> str:
    """Return the data: address of a file of a kind, such as image/png."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


PART_FILTERS: Mapping[str, Callable[..., Any]] = {
    "shown": shown,
    "pretty_json": pretty_json,
    "breakable": breakable,
}
