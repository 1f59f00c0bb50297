"""Stops a build where more of its sources is broken than the user allows; a later run resumes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vpo_builder.build.request import BuildRequest
from vpo_builder.records import DAMAGE, Rejection
from vpo_builder.runtime.errors import InputError

SHOWN = 5
"""How many records an error names; the rest is counted."""


def stop_at_damage(
    request: BuildRequest[Any],
    rejections: Sequence[Rejection],
    missing: Sequence[Rejection],
    selected: int,
    folder: Path,
) -> None:
    """Raise InputError if something is broken and the build is strict, or if too much is missing.

    Too much is more than `limits.max_missing_fraction` of the images selected from `folder`.
    """
    if request.work.strict:
        _refuse_damage(rejections)
    if len(missing) > request.config.limits.max_missing_fraction * selected:
        raise InputError(
            f"{len(missing)} of {selected} selected images cannot be used: {_named(missing)}; "
            f"see that each lies whole below {folder}, with the sides that its list says, or raise "
            "limits.max_missing_fraction"
        )


def _refuse_damage(rejections: Sequence[Rejection]) -> None:
    damaged = [item for item in rejections if item.reason in DAMAGE]
    if damaged:
        raise InputError(f"--strict: {_named(damaged)}; repair the sources, or leave it out")


def _named(items: Sequence[Rejection]) -> str:
    shown = ", ".join(f"{item.kind} {item.record} ({item.reason})" for item in items[:SHOWN])
    return f"{shown} and {len(items) - SHOWN} more" if len(items) > SHOWN else shown
