"""Stops a build where more of its sources is broken than the user allows; a later run resumes."""

from collections.abc import Sequence
from pathlib import Path

from vpo_builder.records import DAMAGE, Rejection
from vpo_builder.runtime.errors import InputError

SHOWN = 5
"""How many records an error names; the rest is counted."""


def refuse_damage(rejections: Sequence[Rejection]) -> None:
    """Raise InputError naming what is broken, if anything is: what `--strict` asks for."""
    damaged = [item for item in rejections if item.reason in DAMAGE]
    if damaged:
        raise InputError(f"--strict: {_named(damaged)}; mend the sources, or build without it")


def refuse_too_many_missing(
    missing: Sequence[Rejection], selected: int, max_fraction: float, folder: Path
) -> None:
    """Raise InputError if more than a share of the selected images cannot be used."""
    if len(missing) > max_fraction * selected:
        raise InputError(
            f"{len(missing)} of {selected} selected images cannot be used: {_named(missing)}; "
            f"complete {folder}, or raise limits.max_missing_fraction"
        )


def _named(items: Sequence[Rejection]) -> str:
    shown = ", ".join(f"{item.kind} {item.record} ({item.reason})" for item in items[:SHOWN])
    return f"{shown} and {len(items) - SHOWN} more" if len(items) > SHOWN else shown
