"""Plans a dataset: which scenes it has and which clip each sounding object gets.

The choice depends on which clips and masks turn out to be usable, which is known only after
looking; so it is made, what it needs is looked at, and it is made again without what failed,
until nothing it needs fails. The result depends on what is usable, not on the order of looking.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vpo_builder.config import BuildConfig
from vpo_builder.errors import InputError
from vpo_builder.pairing import ClipPools
from vpo_builder.records import (
    Candidate,
    Candidates,
    Clip,
    Placement,
    Reason,
    Rejection,
    Scene,
)
from vpo_builder.rendering.mask import (
    BrokenMaskError,
    encode_segmentation,
    horizontal_centre,
)
from vpo_builder.schema import Split, Subset
from vpo_builder.selection import choose_sounding

CheckClips = Callable[[Sequence[str]], Mapping[str, Reason]]
"""Looks at clips and returns those that cannot be used, with the reason."""


@dataclass(frozen=True)
class Plan:
    """The scenes of a dataset with their placements, and everything that was kept out.

    `clip_counts` counts, for each class and subset that has any, the clips that have a file and
    are not known as unusable.
    """

    scenes: list[tuple[Scene, tuple[Placement, ...]]]
    rejections: list[Rejection]
    clip_counts: Mapping[tuple[str, Subset], int]


def plan_dataset(
    kept: Sequence[Candidates],
    clips: Sequence[Clip],
    check: CheckClips,
    split: Split,
    config: BuildConfig,
    seed: int,
) -> Plan:
    """Return the plan of a split for the images that its rules keep.

    Raises InputError when no image passes the rules, or no class in them has a usable clip.
    """
    pools = ClipPools(clips, seed)
    unusable: dict[str, Reason] = {}
    outlines = _Outlines()
    while True:
        live = pools.without(unusable)
        _refuse_without_sound(kept, live, clips, unusable)
        scenes, rejections = choose_sounding(
            outlines.without_broken(kept), split, live.available, config, seed
        )
        if outlines.find_broken(scenes):
            continue
        chosen = _pair(scenes, live, check, unusable)
        if chosen is not None:
            break
    rejections += [Rejection("clip", clip, reason) for clip, reason in sorted(unusable.items())]
    rejections += outlines.rejections
    planned = [
        (_audible(scene, clip_ids), outlines.placements(scene, clip_ids))
        for scene, clip_ids in zip(scenes, chosen, strict=True)
    ]
    absent = {clip.clip_id for clip in clips if clip.path is None}
    return Plan(planned, rejections, pools.without(absent | unusable.keys()).sizes)


def _refuse_without_sound(
    kept: Sequence[Candidates],
    live: ClipPools,
    clips: Sequence[Clip],
    unusable: Mapping[str, Reason],
) -> None:
    if not kept:
        raise InputError(
            "no image passes the rules: check that --coco has the photographs' annotations, or "
            "lower filters.min_area_fraction"
        )
    if live.available.isdisjoint((o.category, item.subset) for item in kept for o in item.objects):
        raise InputError(
            f"no class has a usable clip: {len(clips)} clips are listed and all that were asked "
            f"for cannot be used: {_counted(unusable.values())}; check the folder given by "
            "--vggsound"
        )


def _counted(reasons: Iterable[Reason]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in Counter(reasons).most_common())


def _pair(
    scenes: Sequence[Scene], live: ClipPools, check: CheckClips, unusable: dict[str, Reason]
) -> list[tuple[str, ...]] | None:
    """Return the clips of each scene, all of them looked at; None if a class ran out of clips."""
    chosen = live.pair(scenes)
    passed: set[str] = set()
    available = live.available
    while True:
        wanted = sorted({clip for clips in chosen for clip in clips if clip} - passed)
        failed = check(wanted)
        if not failed:
            return chosen
        unusable.update(failed)
        passed.update(set(wanted) - set(failed))
        live = live.without(failed)
        if live.available != available:
            return None
        again = [n for n, clips in enumerate(chosen) if not failed.keys().isdisjoint(clips)]
        for number, clips in zip(again, live.pair([scenes[n] for n in again]), strict=True):
            chosen[number] = clips


def _audible(scene: Scene, clip_ids: Sequence[str]) -> Scene:
    """Return the scene with the objects for which no distinct clip was left made silent."""
    if all(clip_ids):
        return scene
    heard = zip(scene.sounding, clip_ids, strict=True)
    mute = tuple(item for item, clip in zip(scene.sounding, clip_ids, strict=True) if not clip)
    return replace(
        scene,
        sounding=tuple(item for item, clip in heard if clip),
        silent=tuple(sorted(scene.silent + mute, key=lambda item: item.mask.id)),
    )


class _Outlines:
    """The masks of sounding objects, each decoded once; the broken ones are remembered."""

    def __init__(self) -> None:
        self._pans: dict[int, float] = {}
        self._broken: dict[int, str] = {}

    @property
    def rejections(self) -> list[Rejection]:
        return [
            Rejection("object", str(number), Reason.BROKEN_MASK, detail)
            for number, detail in sorted(self._broken.items())
        ]

    def without_broken(self, kept: Sequence[Candidates]) -> Sequence[Candidates]:
        if not self._broken:
            return kept
        return [
            replace(item, objects=tuple(o for o in item.objects if o.mask.id not in self._broken))
            for item in kept
        ]

    def find_broken(self, scenes: Sequence[Scene]) -> bool:
        """Decode what is new and tell whether something of it is broken."""
        known = len(self._broken)
        for scene in scenes:
            for candidate in scene.sounding:
                if candidate.mask.id not in self._pans:
                    self._decode(scene, candidate)
        return len(self._broken) > known

    def placements(self, scene: Scene, clip_ids: Sequence[str]) -> tuple[Placement, ...]:
        return tuple(
            Placement(candidate, clip_id, self._pans[candidate.mask.id])
            for candidate, clip_id in zip(scene.sounding, clip_ids, strict=True)
            if clip_id
        )

    def _decode(self, scene: Scene, candidate: Candidate) -> None:
        mask = candidate.mask
        try:
            code: dict[str, Any] = encode_segmentation(
                bytes(mask.segmentation), scene.photo.height, scene.photo.width
            )
        except BrokenMaskError as error:
            self._broken[mask.id] = str(error)
        else:
            self._pans[mask.id] = horizontal_centre(code, scene.photo.width)
