"""Plans a dataset: which scenes it has and which clip each sounding object gets.

The choice depends on which clips and masks turn out to be usable, which is known only after
looking; so the choice is made, the clips and masks in it are checked, and it is made again
without those that failed, until all pass. The result depends on what is usable, not on the order
of looking.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from vpo_builder.config import BuildConfig
from vpo_builder.dataset.schema import Split, Subset
from vpo_builder.layout import scene_sample
from vpo_builder.planning.pairing import ClipPools
from vpo_builder.planning.selection import choose_sounding
from vpo_builder.planning.usable_masks import Outlines
from vpo_builder.records import Candidates, Clip, Photo, PlannedSample, Reason, Rejection, Scene
from vpo_builder.runtime.errors import InputError


class ClipCheck(Protocol):
    """Looks at clips and says which cannot be used, and why."""

    def check(self, clip_ids: Sequence[str]) -> Mapping[str, Reason]:
        """Return those of `clip_ids` that cannot be used by themselves."""

    def crossing(self, clip_ids: Collection[str]) -> Mapping[str, Reason]:
        """Return those that sound like a clip of a later subset among `clip_ids`."""


@dataclass(frozen=True)
class Plan:
    """The samples of a dataset, and everything that was kept out.

    `clip_counts` counts, for each class and subset that has any, the clips that have a file and
    are not known as unusable.
    """

    samples: list[PlannedSample]
    rejections: list[Rejection]
    clip_counts: Mapping[tuple[str, Subset], int]


def plan_dataset(
    kept: Sequence[Candidates],
    clips: Sequence[Clip],
    check: ClipCheck,
    split: Split,
    config: BuildConfig,
    seed: int,
    list_of: Callable[[Photo], str],
) -> Plan:
    """Return the plan of a split for the images that its rules keep.

    `list_of` names the list that a photo's masks are of.

    Raises InputError when no class in the images has a usable clip.
    """
    pools = ClipPools(clips, seed)
    unusable: dict[str, Reason] = {}
    outlines = Outlines(list_of)
    while True:
        live = pools.without(unusable)
        _refuse_without_sound(kept, live, clips, unusable)
        scenes, rejections = choose_sounding(
            outlines.without_unusable(kept), split, live.available, config, seed
        )
        if outlines.find_unusable(scenes):
            continue
        outlines.refuse_unreadable()
        chosen = _pair(scenes, live, check, unusable)
        if chosen is not None:
            break
    rejections += [Rejection("clip", clip, reason) for clip, reason in sorted(unusable.items())]
    rejections += outlines.rejections
    samples = [
        _sample(_audible(scene, clip_ids), [clip for clip in clip_ids if clip], outlines, split)
        for scene, clip_ids in zip(scenes, chosen, strict=True)
    ]
    absent = {clip.clip_id for clip in clips if clip.path is None and not clip.fetchable}
    return Plan(samples, rejections, pools.without(absent | unusable.keys()).sizes)


def _refuse_without_sound(
    kept: Sequence[Candidates],
    live: ClipPools,
    clips: Sequence[Clip],
    unusable: Mapping[str, Reason],
) -> None:
    if live.available.isdisjoint((o.category, item.subset) for item in kept for o in item.objects):
        listed = f"no class has a usable clip: {len(clips)} clips are listed"
        if unusable:
            raise InputError(
                f"{listed} and all that were asked for cannot be used: "
                f"{counted(unusable.values())}; check what --vggsound or --sounds names"
            )
        seen, heard = {item.subset for item in kept}, {subset for _, subset in live.available}
        raise InputError(
            f"{listed}, but no class is seen and heard in the same subset (pictures are in "
            f"{', '.join(sorted(seen))}, clips in {', '.join(sorted(heard)) or 'none'}): give "
            "more of either"
        )


def counted(reasons: Iterable[Reason]) -> str:
    """Return how often each reason was given, the commonest first."""
    return ", ".join(f"{count} {reason}" for reason, count in Counter(reasons).most_common())


def _pair(
    scenes: Sequence[Scene], live: ClipPools, check: ClipCheck, unusable: dict[str, Reason]
) -> list[tuple[str, ...]] | None:
    """Return the clips of each scene, all of them checked; None if a class ran out of clips."""
    chosen = live.pair(scenes)
    passed: set[str] = set()
    available = live.available
    while True:
        used = {clip for clips in chosen for clip in clips if clip}
        wanted = sorted(used - passed)
        failed = check.check(wanted) or check.crossing(used)
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


def _sample(
    scene: Scene, clip_ids: Sequence[str], outlines: Outlines, split: Split
) -> PlannedSample:
    pans = [outlines.pans[candidate.mask.id] for candidate in scene.sounding]
    return PlannedSample(scene_sample(scene, clip_ids, pans, split), scene)


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
