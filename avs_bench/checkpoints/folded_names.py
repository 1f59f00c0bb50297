"""Hundreds of dotted names on a line that a person can read."""

from collections.abc import Iterable
from typing import Any

Tree = dict[str, Any]


def fold_names(names: Iterable[str]) -> str:
    """Return dotted names sorted and folded as a shell would unfold them.

    >>> fold_names(["a.0.weight", "a.1.weight", "a.0.bias", "a.1.bias", "b"])
    'a.{0,1}.{bias,weight}, b'
    """
    tree: Tree = {}
    for name in sorted(set(names)):
        node = tree
        for part in name.split("."):
            node = node.setdefault(part, {})
    return ", ".join(_branches(tree))


def _branches(tree: Tree) -> list[str]:
    """Return each distinct subtree once, behind the names of all siblings that have it."""
    owners: dict[str, list[str]] = {}
    for name, subtree in tree.items():
        owners.setdefault(_braced(_branches(subtree)), []).append(name)
    return [
        f"{_braced(sorted(siblings, key=_numbers_first))}{'.' if below else ''}{below}"
        for below, siblings in owners.items()
    ]


def _braced(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{{{','.join(parts)}}}" if parts else ""


def _numbers_first(name: str) -> tuple[int, str]:
    return (int(name), "") if name.isdecimal() else (1 << 31, name)
