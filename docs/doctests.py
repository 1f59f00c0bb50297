"""For mkdocstrings: examples in docstrings, which begin with `>>>`, are shown as code."""

import re

import griffe

EXAMPLES = re.compile(r"(?:^>>> .*\n?(?:^(?!>>> )\S.*\n?|^ +\S.*\n?)*)+", re.MULTILINE)


class Doctests(griffe.Extension):
    """Puts a fence around the examples of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_kwargs: object) -> None:
        """Change the docstring of an object that was read."""
        if obj.docstring:
            obj.docstring.value = EXAMPLES.sub(_fenced, obj.docstring.value)


def _fenced(examples: re.Match[str]) -> str:
    return f"```pycon\n{examples[0].rstrip()}\n```\n"
