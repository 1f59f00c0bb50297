"""The options of `vpo-build` that say what to fetch, and how; they come as one argument."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vpo_builder.errors import InputError
from vpo_builder.fetching import PREFIX

if TYPE_CHECKING:
    from vpo_builder.fetching.origins import FetchOptions


@dataclass(frozen=True)
class FetchFlags:
    """What the command line says of fetching."""

    download: bool
    plan: bool
    clip_url: str | None
    cookies: Path | None
    proxy: str
    rate: float | None
    retry: str | None
    shard: str | None
    merge: bool
    avsbench_csv: Path | None
    frames: str

    def refuse_without_download(self) -> None:
        """Raise InputError for an option that does nothing unless something is fetched."""
        if self.download or self.plan:
            return
        for name in ("clip_url", "cookies", "proxy", "rate", "retry"):
            if getattr(self, name) not in (None, ""):
                flag = f"--{name.replace('_', '-')}"
                raise InputError(f"{flag}: nothing is fetched without --download: add that")

    def options(self, overrides: tuple[str, ...]) -> "FetchOptions":
        """Return the options, checked, with the `--set fetch.…` overrides applied."""
        from vpo_builder.fetching.mirror import ClipUrl
        from vpo_builder.fetching.origins import FetchOptions, checked_retry
        from vpo_builder.fetching.settings import load_fetch_settings

        rate = "youtube" if self.clip_url is None else "mirror"
        own = [text for text in overrides if is_fetch_override(text)]
        if self.rate is not None:
            own.append(f"{PREFIX}rate.{rate}_per_hour={self.rate}")
        if self.cookies is not None and not self.cookies.is_file():
            raise InputError(f"--cookies {self.cookies}: no such file: expected cookies.txt")
        return FetchOptions(
            load_fetch_settings(text.strip().removeprefix(PREFIX) for text in own),
            ClipUrl(self.clip_url) if self.clip_url is not None else None,
            self.cookies,
            self.proxy,
            checked_retry(self.retry),
        )


def is_fetch_override(override: str) -> bool:
    """Tell whether a `--set` is about fetching, and not about the dataset."""
    return override.strip().startswith(PREFIX)


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
