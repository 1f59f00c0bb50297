"""Which clips repeat a recording that is shorter than what the published loader takes of one."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from vpo_builder.dataset.schema import ManifestMeta, Sample

TILED = "tiled.jsonl"
_STAGE = "sounds"


@dataclass(frozen=True, slots=True)
class TiledClip:
    """A clip whose recording lasts so many seconds, which its wav repeats up to three."""

    clip_id: str
    seconds: float


def count_sounds(
    samples: Iterable[Sample], tiled: Collection[TiledClip]
) -> dict[str, dict[str, int]]:
    """Return the funnel's stage of the clips in use; none where no recording is repeated."""
    if not tiled:
        return {}
    used = len({source.clip_id for sample in samples for source in sample.sources})
    return {_STAGE: {"entered": used, "as_recorded": used - len(tiled), "tiled": len(tiled)}}


def tiled_count(meta: ManifestMeta) -> int:
    """Return how many of a dataset's clips repeat their recording."""
    return meta.funnel.get(_STAGE, {}).get("tiled", 0)
