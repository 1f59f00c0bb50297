"""Fills the template of a page, which extends `frame.html`."""

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from vpo_builder.runtime.outside_text import visible

FRAME = "vpo_builder.runtime.page"


def render(
    packages: str | tuple[str, ...],
    template: str,
    filters: Mapping[str, Callable[..., Any]],
    **values: Any,
) -> str:
    """Return a page from a template beside the code of one of `packages`, the first that has it.

    Text in it is escaped, and what does not print (a mark that turns the direction of writing, a
    character that moves the cursor) stands as its escape. Style and scripts are put into it, so
    that it opens from disk and asks for nothing.
    """
    places = (packages,) if isinstance(packages, str) else packages
    environment = _environment(places, tuple(filters.items()))
    page: str = environment.get_template(template).render(**values)
    return page


@cache
def _environment(places: tuple[str, ...], filters: tuple[tuple[str, Any], ...]) -> Any:
    """Return what a board fills a hundred templates by: compiling one takes longer than that."""
    from jinja2 import (  # 0.1 s: not for --help
        ChoiceLoader,
        Environment,
        PackageLoader,
        StrictUndefined,
    )

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(place, ".") for place in (*places, FRAME)]),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment


def script_hash(script: str) -> str:
    """Return what a Content-Security-Policy calls the script of an element."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _printable(value: Any) -> Any:
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return "\n".join(map(visible, value.split("\n")))
