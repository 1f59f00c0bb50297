"""The command `avs-bench presets`: what there is, and one of them whole, to copy and change."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import takewhile
from pathlib import Path
from typing import Any

import click

from avs_bench.config import PRESETS, Settings
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.outside_text import say
from vpo_builder.runtime.settings import (
    load_settings,
    preset_files,
    preset_names,
    to_tree,
    toml_value,
)

Groups = Mapping[str, Mapping[str, Any]]


@click.command(
    epilog=examples(
        "avs-bench presets",
        "Every setting of one with its meaning, as a file to begin your own with:",
        "avs-bench presets tiny > mine.toml",
        "avs-bench train --preset mine.toml --data data/VPO/VPO-SS --out run",
    )
)
@click.argument("name", required=False)
@one_line_errors
def presets(name: str | None) -> None:
    """List the presets, or print every setting of NAME, a preset or the path of a .toml."""
    if name is None:
        width = max(map(len, preset_names(PRESETS)))
        for known in preset_names(PRESETS):
            say(f"{known:{width}}  {_head(PRESETS / f'{known}.toml')}")
        return
    tree = to_tree(load_settings(Settings, PRESETS, name))
    files = preset_files(PRESETS, name)
    say(f"# All of {' <- '.join(path.stem for path in files)}.")
    for line in toml_lines(tree, comments_of(files, tree)):
        say(line)


def toml_lines(tree: Groups, comments: Mapping[tuple[str, str], str]) -> Iterator[str]:
    """Yield groups of settings as TOML, each setting with its comment by (group, name)."""
    for group, values in tree.items():
        yield from ("", f"[{group}]")
        for name, value in values.items():
            comment = comments.get((group, name))
            yield f"{name} = {toml_value(value)}" + (f"  # {comment}" if comment else "")


def comments_of(files: list[Path], tree: Groups) -> dict[tuple[str, str], str]:
    """Return by (group, name) what the first of the files says beside a value that holds.

    What a file says of another value, such as that it is the published one, is not true of it.
    """
    found: dict[tuple[str, str], str] = {}
    for path in files:
        text, group = path.read_text(encoding="utf-8-sig"), ""
        own = tomllib.loads(text)
        for line in text.splitlines():
            if header := re.match(r"\[(\w+)\]", line):
                group = header[1]
            elif said := re.match(r"(\w+) *=.*?\s# *(.+)", line):
                name = said[1]
                if own.get(group, {}).get(name) == tree.get(group, {}).get(name):
                    found.setdefault((group, name), said[2])
    return found


def _head(path: Path) -> str:
    """Return the first sentence of a preset's head."""
    lines = takewhile(lambda line: line.startswith("# "), path.read_text("utf-8").splitlines())
    head = " ".join(line.removeprefix("#").strip() for line in lines)
    return re.split(r"(?<=\.)\s", head)[0]
