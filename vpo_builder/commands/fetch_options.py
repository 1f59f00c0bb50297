"""The options of `vpo-build` that say what to fetch, and how; they come as one argument."""

import functools
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from vpo_builder.fetching.flags import FetchFlags


def fetch_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to a command, which gets them as its argument `fetching`."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        own = {field.name: kwargs.pop(field.name) for field in fields(FetchFlags)}
        command(*args, fetching=FetchFlags(**own), **kwargs)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


_OPTIONS = (
    click.option(
        "--download", is_flag=True, help="Fetch what is needed and not there, and no more."
    ),
    click.option(
        "--plan", is_flag=True, help="Say what a build would fetch, and how long; fetch no media."
    ),
    click.option(
        "--clip-url",
        metavar="TEMPLATE",
        help="Fetch clips from a mirror instead of YouTube: a URL with {id} and {start:06d}, or "
        "with {id} alone for whole videos.",
    ),
    click.option(
        "--cookies", type=click.Path(path_type=Path), help="A browser's cookies.txt, for YouTube."
    ),
    click.option("--proxy", default="", metavar="URL", help="A proxy for everything fetched."),
    click.option(
        "--rate", type=click.FloatRange(0), help="Clips an hour; 0 for no limit [YouTube: 300]."
    ),
    click.option(
        "--retry",
        metavar="transient|REASON",
        help="Ask again for what failed in a passing way, or for one reason of the ledger.",
    ),
    click.option(
        "--avsbench-csv",
        type=click.Path(path_type=Path),
        help="Instead of a dataset: fetch the videos of a list of AVSBench, S4, MS3 or AVSS, as "
        "frames and sound in the published layout.",
    ),
    click.option(
        "--frames",
        type=click.Choice(["224", "native"]),
        default="224",
        show_default=True,
        help="With --avsbench-csv: frames of 224×224, or as they are.",
    ),
    click.option(
        "--shard",
        metavar="i/n",
        help="Ready the clips and photographs of one share of n, in a job of its own; /n takes i "
        "from SLURM_ARRAY_TASK_ID.",
    ),
    click.option(
        "--merge", is_flag=True, help="Build from what all shards have readied, and unite them."
    ),
)
