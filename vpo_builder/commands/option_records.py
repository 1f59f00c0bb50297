"""The records that a command gets its groups of options as.

An option that was not given is None, False or empty here, so that one which contradicts another
can be told from a default.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vpo_builder.dataset.schema import Split
from vpo_builder.runtime.errors import InputError

if TYPE_CHECKING:
    from vpo_builder.build.request import Work
    from vpo_builder.fetching.fetch_request import FetchOptions


@dataclass(frozen=True)
class What:
    """Which dataset, where it goes, and whether it is one that was published."""

    split: Split | None
    out: Path
    from_manifest: Path | None
    allow_substitutes: bool


@dataclass(frozen=True)
class Folders:
    """Where the sources lie."""

    coco: Path | None
    vggsound: Path | None
    vggsound_csv: Path | None
    sounds: tuple[Path, ...]
    avsbench: Path | None
    vggsounder: Path | None
    exclude: Path | None
    images: Path | None


@dataclass(frozen=True)
class Overrides:
    """What `--set` changes: settings of the dataset, and of fetching, without their prefix."""

    dataset: tuple[str, ...]
    fetching: tuple[str, ...]

    @classmethod
    def read(cls, _context: object, _option: object, texts: Sequence[str]) -> "Overrides":
        """Tell the overrides apart, for click."""
        from vpo_builder.fetching.settings import PREFIX

        fetching = [text.strip() for text in texts if text.strip().startswith(PREFIX)]
        return cls(
            tuple(text for text in texts if text.strip() not in fetching),
            tuple(text.removeprefix(PREFIX) for text in fetching),
        )


@dataclass(frozen=True)
class Choices:
    """What decides which dataset comes out of the same sources."""

    preset: str | None
    overrides: Overrides
    seed: int | None
    classes: Path | None


@dataclass(frozen=True)
class HowToFetch:
    """From where, and how fast."""

    clip_url: str | None
    cookies: Path | None
    proxy: str | None
    rate: float | None
    retry: str | None

    def options(self, overrides: Sequence[str]) -> "FetchOptions":
        """Return the options, checked, with overrides of the settings of fetching applied."""
        from vpo_builder.fetching.fetch_request import FetchOptions, checked_retry
        from vpo_builder.fetching.mirror import ClipUrl
        from vpo_builder.fetching.settings import load_fetch_settings

        if self.rate is not None:
            source = "youtube" if self.clip_url is None else "mirror"
            overrides = [*overrides, f"rate.{source}_per_hour={self.rate}"]
        if self.cookies is not None and not self.cookies.is_file():
            raise InputError(f"--cookies {self.cookies}: no such file: expected cookies.txt")
        return FetchOptions(
            load_fetch_settings(overrides),
            ClipUrl(self.clip_url) if self.clip_url is not None else None,
            self.cookies,
            self.proxy or "",
            checked_retry(self.retry),
        )


@dataclass(frozen=True)
class Fetching(HowToFetch):
    """What is fetched, and how; `shard` and `merge` divide the work among machines."""

    download: bool
    plan: bool
    shard: str | None
    merge: bool


@dataclass(frozen=True)
class HowToFetchVideos(HowToFetch):
    """How AVSBench's videos are fetched: `overrides` may be of fetching alone."""

    overrides: Overrides

    def checked(self) -> "FetchOptions":
        """Return the options, checked."""
        for text in self.overrides.dataset:
            raise InputError(f"--set {text}: expected a setting of fetching: fetch.…")
        return self.options(self.overrides.fetching)


@dataclass(frozen=True)
class AvsBenchVideos:
    """Where AVSBench's videos go, and how large their frames are."""

    out: Path
    frames: Literal["224", "native"]


@dataclass(frozen=True)
class HowToRun:
    """Where the work is done."""

    workers: int | None
    executor: Literal["local", "ray"]


@dataclass(frozen=True)
class Running(HowToRun):
    """How a build's work is done."""

    strict: bool
    side_files: Literal["time", "hash", "off"]

    def work(self) -> "Work":
        """Return how the work is done."""
        from vpo_builder.build.request import Work
        from vpo_builder.runtime.executors import default_workers
        from vpo_builder.sources.side_files import NO_SIDE_FILES, users_side_files

        by_hash, off = self.side_files == "hash", self.side_files == "off"
        side_files = NO_SIDE_FILES if off else users_side_files(by_hash=by_hash)
        return Work(self.workers or default_workers(), self.executor, self.strict, side_files)
