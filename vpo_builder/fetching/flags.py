"""What the command line says of fetching, as one record."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vpo_builder.runtime.errors import InputError

if TYPE_CHECKING:
    from vpo_builder.fetching.fetch_request import FetchOptions


PREFIX = "fetch."
"""How the settings of fetching begin in `--set`."""


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
        from vpo_builder.fetching.fetch_request import FetchOptions, checked_retry
        from vpo_builder.fetching.mirror import ClipUrl
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
