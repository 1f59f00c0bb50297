"""The part of a page that a program writes, between two marks that no reader sees."""

from pathlib import Path

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import write_atomically

END = "<!-- here ends what it wrote -->"


def write_section(page: Path, target: str, text: str) -> None:
    """Put `text` between the marks of `make <target>`; raise InputError for a page without them."""
    begin = f"<!-- written by `make {target}` -->"
    kept = page.read_text(encoding="utf-8")
    before, found, rest = kept.partition(begin)
    _, ended, after = rest.partition(END)
    if not (found and ended):
        raise InputError(f"{page}: expected the lines {begin} and {END}, to write between them")
    write_atomically(page, f"{before}{begin}\n\n{text.strip()}\n\n{END}{after}".encode())
