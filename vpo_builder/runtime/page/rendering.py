"""Fills the template of a page, which extends `frame.html`."""

from collections.abc import Callable, Mapping
from typing import Any


def render(
    package: str, template: str, filters: Mapping[str, Callable[..., Any]], **values: Any
) -> str:
    """Return a page from a template beside a package's code; text in it is escaped.

    Style and scripts are put into it, so that it opens from disk and asks for nothing.
    """
    from jinja2 import (  # 0.1 s: not for --help
        ChoiceLoader,
        Environment,
        PackageLoader,
        StrictUndefined,
    )

    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader(package, "."), PackageLoader("vpo_builder.runtime.page", ".")]
        ),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment.get_template(template).render(**values)
