"""Plans a dataset again from its manifest: the same images, objects, clips and subsets.

What the sources no longer hold is listed with its reason. A clip that is gone can be replaced by
the one that ranks next, which is the clip that a fresh build without it would have taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.schema import Sample, Source
from vpo_builder.layout import has_repeated_instances
from vpo_builder.planning.pairing import ClipPools
from vpo_builder.planning.plan import ClipCheck
from vpo_builder.planning.usable_masks import Outlines
from vpo_builder.records import (
    Candidate,
    Clip,
    ObjectMask,
    Photo,
    PlannedSample,
    Reason,
    Rejection,
    Scene,
)


@dataclass(frozen=True, slots=True)
class Substitution:
    """A clip that cannot be used, why, and the one that takes its place."""

    sample_id: str
    ann_id: int
    clip_id: str
    reason: Reason
    substitute: str


@dataclass(frozen=True)
class Rebuild:
    """The samples that can be made again, and what is missing or replaced."""

    samples: list[PlannedSample]
    rejections: list[Rejection]
    substitutions: list[Substitution]


def plan_rebuild(
    manifest: Manifest,
    photos: Mapping[int, Photo],
    objects: Mapping[int, ObjectMask],
    clips: Sequence[Clip],
    check: ClipCheck,
    *,
    allow_substitutes: bool,
) -> Rebuild:
    """Return the samples of a manifest that these photos, objects and clips can still make."""
    scenes, rejections = _scenes_of(manifest, photos, objects)
    heard = _Clips(clips, check, manifest.meta.seed)
    wanted = {source.clip_id for sample, _ in scenes for source in sample.sources}
    missing = heard.missing(wanted)
    rejections += [Rejection("clip", clip_id, missing[clip_id]) for clip_id in sorted(missing)]
    result = Rebuild([], rejections, [])
    for sample, scene in scenes:
        sources = _sources(sample, scene, missing, heard if allow_substitutes else None, result)
        if sources is not None:
            result.samples.append(PlannedSample(replace(sample, sources=sources), scene))
    return result


def _scenes_of(
    manifest: Manifest, photos: Mapping[int, Photo], objects: Mapping[int, ObjectMask]
) -> tuple[list[tuple[Sample, Scene]], list[Rejection]]:
    """Return each sample with its scene, and the images and masks that have changed or are gone."""
    outlines = Outlines()
    scenes, rejections = [], {}
    for sample in manifest.samples:
        photo = photos.get(sample.image_id)
        if photo is None or (photo.width, photo.height) != (sample.width, sample.height):
            reason = Reason.IMAGE_MISSING if photo is None else Reason.IMAGE_SIZE_DIFFERS
            rejections["image", sample.image_id] = reason
            continue
        absent = [source.ann_id for source in sample.sources if source.ann_id not in objects]
        rejections.update({("object", number): Reason.ANNOTATION_MISSING for number in absent})
        if absent:
            continue
        sounding = tuple(Candidate(objects[s.ann_id], s.category) for s in sample.sources)
        repeated = has_repeated_instances(sample, manifest.meta.split)
        scene = Scene(photo, sample.subset, sounding, (), repeated)
        outlines.find_unusable([scene])
        changed = [s.ann_id for s in sample.sources if outlines.pans.get(s.ann_id) != s.pan]
        rejections.update({("object", number): Reason.ANNOTATION_DIFFERS for number in changed})
        if not changed:
            scenes.append((sample, scene))
    listed = [Rejection(kind, str(number), why) for (kind, number), why in rejections.items()]
    return scenes, listed


class _Clips:
    """The clips at hand, and those that rank next where one cannot be used."""

    def __init__(self, clips: Sequence[Clip], check: ClipCheck, seed: int) -> None:
        self._listed = {clip.clip_id for clip in clips}
        self._check = check
        self._pools = ClipPools(clips, seed)

    def missing(self, clip_ids: set[str]) -> dict[str, Reason]:
        """Return those of `clip_ids` that cannot be used, with the reason."""
        missing = dict.fromkeys(clip_ids - self._listed, Reason.CLIP_NOT_LISTED)
        missing.update(self._check.check(sorted(clip_ids - missing.keys())))
        return missing

    def next_ranked(self, scene: Scene, place: int, taken: set[str]) -> str:
        """Return the best usable clip for one object of a scene, "" if there is none."""
        alone = msgspec.structs.replace(scene, sounding=(scene.sounding[place],))
        key = (scene.sounding[place].category, scene.subset)
        pools = self._pools.without(taken)
        while key in pools.available:
            ((clip_id,),) = pools.pair([alone])
            if not self._check.check([clip_id]):
                return clip_id
            pools = pools.without({clip_id})
        return ""


def _sources(
    sample: Sample,
    scene: Scene,
    missing: Mapping[str, Reason],
    clips: _Clips | None,
    result: Rebuild,
) -> tuple[Source, ...] | None:
    """Return a sample's sources, the missing clips replaced; None if one cannot be."""
    sources = list(sample.sources)
    for place, source in enumerate(sources):
        if source.clip_id not in missing:
            continue
        taken = {other.clip_id for other in sources} | missing.keys()
        substitute = clips.next_ranked(scene, place, taken) if clips is not None else ""
        if not substitute:
            return None
        why = missing[source.clip_id]
        result.substitutions.append(
            Substitution(sample.sample_id, source.ann_id, source.clip_id, why, substitute)
        )
        sources[place] = replace(source, clip_id=substitute)
    return tuple(sources)
