"""The settings of fetching; `settings.toml` holds every value and says where it comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.fetching.connections import Network
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.flags import PREFIX
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import load_settings


@dataclass(frozen=True)
class NetworkSettings:
    """Connections at once, time limits in seconds, and the largest files taken."""

    connections: int
    idle_seconds: float
    clip_seconds: float
    image_seconds: float
    archive_seconds: float
    max_clip_bytes: int
    max_image_bytes: int
    max_archive_bytes: int
    max_table_bytes: int


@dataclass(frozen=True)
class RetrySettings:
    """When to ask again, and when to leave a source alone."""

    attempts: int
    backoff_seconds: float
    longest_wait_seconds: float
    breaker_run: int


@dataclass(frozen=True)
class RateSettings:
    """Starts an hour, 0 for no limit."""

    youtube_per_hour: float
    mirror_per_hour: float
    coco_per_hour: float


@dataclass(frozen=True)
class CocoSettings:
    """Where COCO's annotations and images are, and what the annotations' archive must be."""

    url: str
    archive: str
    archive_bytes: int
    archive_sha256: str
    max_unpacked_bytes: int


@dataclass(frozen=True)
class VggSoundSettings:
    """Where VGGSound's csv is."""

    url: str


@dataclass(frozen=True)
class EstimateSettings:
    """What `--plan` reckons with."""

    image_bytes: int
    clip_bytes: int
    clips_gone: float
    bytes_per_second: int


@dataclass(frozen=True)
class FetchSettings:
    """How things are fetched; none of it changes a byte of a dataset."""

    network: NetworkSettings
    retry: RetrySettings
    rate: RateSettings
    coco: CocoSettings
    vggsound: VggSoundSettings
    estimate: EstimateSettings

    def __post_init__(self) -> None:
        """Refuse values of the right type with which nothing could be fetched."""
        network, retry = self.network, self.retry
        for path, value, lowest in (
            ("network.connections", network.connections, 1),
            ("network.idle_seconds", network.idle_seconds, 0.01),
            ("network.clip_seconds", network.clip_seconds, 0.01),
            ("network.image_seconds", network.image_seconds, 0.01),
            ("network.archive_seconds", network.archive_seconds, 0.01),
            ("retry.attempts", retry.attempts, 1),
            ("retry.backoff_seconds", retry.backoff_seconds, 0.0),
            ("retry.longest_wait_seconds", retry.longest_wait_seconds, 0.0),
            ("retry.breaker_run", retry.breaker_run, 1),
            ("rate.youtube_per_hour", self.rate.youtube_per_hour, 0.0),
            ("rate.mirror_per_hour", self.rate.mirror_per_hour, 0.0),
            ("rate.coco_per_hour", self.rate.coco_per_hour, 0.0),
            ("estimate.bytes_per_second", self.estimate.bytes_per_second, 1),
        ):
            if not value >= lowest:
                raise InputError(
                    f"setting {PREFIX}{path}: {value} is below {lowest:g}: give at least that"
                )
        if not 0.0 <= self.estimate.clips_gone < 1.0:
            raise InputError(
                f"setting {PREFIX}estimate.clips_gone: {self.estimate.clips_gone} is not in [0, 1)"
            )

    def reach(self, total_seconds: float, proxy: str, cancellation: Cancellation) -> Network:
        """Return how hosts are reached for files that may take so long."""
        return Network(self.network.idle_seconds, total_seconds, frozenset(), proxy, cancellation)


def load_fetch_settings(overrides: Iterable[str] = ()) -> FetchSettings:
    """Return the settings with `key.path=value` overrides applied."""
    return load_settings(FetchSettings, Path(__file__).parent, "settings", overrides)
