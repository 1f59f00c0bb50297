"""Makes text from outside (names, addresses, notes) safe where it is written."""

import re

import click

_FORMULA = re.compile("[=+@\uff1d\uff0b\uff0d\uff20-]")  # also as wide characters
_MARKUP = re.compile(r"[\\`*\[\]|~#$]|(?<![^\W_])_|_(?![^\W_])")
"""Of CommonMark and its tables; an underscore between letters is none."""
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def one_line(text: object) -> str:
    r"""Return text as one line that moves no cursor, changes no colour and turns no direction.

    White space becomes a space; every other character that does not print becomes its escape,
    `\x1b` for ESC.
    """
    return visible(" ".join(str(text).split()))


def say(text: object, *, err: bool = False) -> None:
    """Print a line on stdout, or on stderr, with every character that does not print escaped."""
    click.echo(visible(str(text)), err=err)


def csv_cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: such text gets a ' before it.

    Numbers, also as text, stay what they are.
    """
    if not isinstance(value, str):
        return value
    line = one_line(value)
    return f"'{line}" if _FORMULA.match(line) and not _is_number(line) else line


def markdown_text(text: object) -> str:
    """Return text as one line that Markdown and HTML print as it is, also in a table."""
    escaped = _MARKUP.sub(r"\\\g<0>", one_line(text))
    return "".join(_HTML.get(character, character) for character in escaped)


def visible(text: str) -> str:
    r"""Return text in which every character that does not print is its escape, `\x1b` for ESC."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
