"""The settings of fetching; `settings.toml` holds every value and says where it comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from vpo_builder.fetching.connections import Network
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.runtime.settings import Range, load_settings

PREFIX = "fetch."
"""How these settings begin in `--set`, where those of a dataset stand beside them."""


@dataclass(frozen=True)
class NetworkSettings:
    """Connections at once, time limits in seconds, and the largest files taken."""

    connections: Annotated[int, Range(1, 1000)]
    idle_seconds: Annotated[float, Range(0.01, 1_000_000)]
    clip_seconds: Annotated[float, Range(0.01, 1_000_000)]
    image_seconds: Annotated[float, Range(0.01, 1_000_000)]
    archive_seconds: Annotated[float, Range(0.01, 1_000_000)]
    max_clip_bytes: Annotated[int, Range(1, 1_000_000_000_000)]
    max_image_bytes: Annotated[int, Range(1, 1_000_000_000_000)]
    max_archive_bytes: Annotated[int, Range(1, 1_000_000_000_000)]
    max_table_bytes: Annotated[int, Range(1, 1_000_000_000_000)]


@dataclass(frozen=True)
class RetrySettings:
    """When to ask again, and when to leave a source alone."""

    attempts: Annotated[int, Range(1, 1000)]
    backoff_seconds: Annotated[float, Range(0, 1_000_000)]
    longest_wait_seconds: Annotated[float, Range(0, 1_000_000)]
    breaker_run: Annotated[int, Range(1, 1_000_000)]


@dataclass(frozen=True)
class RateSettings:
    """Starts an hour, 0 for no limit."""

    youtube_per_hour: Annotated[float, Range(0, 1_000_000_000)]
    mirror_per_hour: Annotated[float, Range(0, 1_000_000_000)]
    coco_per_hour: Annotated[float, Range(0, 1_000_000_000)]


@dataclass(frozen=True)
class CocoSettings:
    """Where COCO's annotations and images are, and what the annotations' archive must be."""

    url: str
    archive: str
    archive_bytes: Annotated[int, Range(1, 1_000_000_000_000)]
    archive_sha256: str
    max_unpacked_bytes: Annotated[int, Range(1, 1_000_000_000_000)]


@dataclass(frozen=True)
class VggSoundSettings:
    """Where VGGSound's csv is."""

    url: str


@dataclass(frozen=True)
class EstimateSettings:
    """What `--plan` reckons with."""

    image_bytes: Annotated[int, Range(1, 1_000_000_000_000)]
    clip_bytes: Annotated[int, Range(1, 1_000_000_000_000)]
    clips_gone: Annotated[float, Range(0, 1, below=True)]
    bytes_per_second: Annotated[int, Range(1, 1_000_000_000_000)]


@dataclass(frozen=True)
class FetchSettings:
    """How things are fetched; none of it changes a byte of a dataset."""

    network: NetworkSettings
    retry: RetrySettings
    rate: RateSettings
    coco: CocoSettings
    vggsound: VggSoundSettings
    estimate: EstimateSettings

    def reach(self, total_seconds: float, proxy: str, cancellation: Cancellation) -> Network:
        """Return how hosts are reached for files that may take so long."""
        return Network(self.network.idle_seconds, total_seconds, frozenset(), proxy, cancellation)


def load_fetch_settings(overrides: Iterable[str] = ()) -> FetchSettings:
    """Return the settings with `key.path=value` overrides applied."""
    return load_settings(FetchSettings, Path(__file__).parent, "settings", overrides, PREFIX)
