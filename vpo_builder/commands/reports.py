"""Prints what came of a build, for the commands that make one."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from vpo_builder.runtime.outside_text import say

if TYPE_CHECKING:
    from vpo_builder.build.request import BuildReport


def print_report(report: "BuildReport") -> None:
    """Print what came of a build; exit code 1 if its manifest lists more."""
    from vpo_builder.publishing.funnel import format_funnel

    if report.already_built:
        say(f"{report.folder}: already built from the same inputs: nothing to do")
    else:
        print_lines([*format_funnel(report.funnel), *report.notes])
        say(f"{report.folder}: {report.funnel['samples']['entered']} samples")
    if not report.complete:
        say("incomplete: not every sample of the manifest could be built", err=True)
        sys.exit(1)


def print_lines(lines: Iterable[str]) -> None:
    """Print lines for a person."""
    for line in lines:
        say(line)
