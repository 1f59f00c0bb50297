"""Chooses which objects of an image sound. Pure.

Every choice is made by a stateless hash of (seed, image, annotation), so that one more image
changes no other (protocol §2, SS, MS and MSMI).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from vpo_builder.config import BuildConfig, LimitSettings, SelectionSettings
from vpo_builder.hashing import Hashes, mix, unit
from vpo_builder.records import Candidate, Candidates, Reason, Rejection, Scene
from vpo_builder.schema import Split, Subset

Available = Collection[tuple[str, Subset]]
"""The (class, subset) pairs for which there is a clip."""


def choose_sounding(
    kept: Sequence[Candidates], split: Split, available: Available, config: BuildConfig, seed: int
) -> tuple[list[Scene], list[Rejection]]:
    """Return the scenes of a split, in the order of images, and what was kept out of them.

    An object of a class without clips in its subset never sounds; it stays in the picture.
    """
    usable, rejections = _with_clips(kept, available)
    weights = _class_weights(usable, config.selection)
    scenes: list[Scene] = []
    for candidates in usable:
        chosen = _CHOOSERS[split](candidates, config.selection, weights, seed)
        if chosen:
            scenes.extend(chosen)
        else:
            reason = _reason_for_none(candidates)
            rejections.append(Rejection("image", str(candidates.photo.id), reason))
    scenes, dropped = _limit(scenes, config.limits, seed)
    return scenes, rejections + dropped


def _reason_for_none(candidates: Candidates) -> Reason:
    if not candidates.objects:
        return Reason.NO_CLIP_FOR_CLASS
    return Reason.NO_ELIGIBLE_REPEAT if candidates.repeated else Reason.ONE_CLASS_ONLY


def _with_clips(
    kept: Sequence[Candidates], available: Available
) -> tuple[list[Candidates], list[Rejection]]:
    usable, rejections = [], []
    for candidates in kept:
        objects = []
        for candidate in candidates.objects:
            if (candidate.category, candidates.subset) in available:
                objects.append(candidate)
            else:
                rejections.append(
                    Rejection("object", str(candidate.mask.id), Reason.NO_CLIP_FOR_CLASS)
                )
        usable.append(
            Candidates(candidates.photo, candidates.subset, tuple(objects), candidates.repeated)
        )
    return usable, rejections


def _class_weights(
    usable: Iterable[Candidates], settings: SelectionSettings
) -> Mapping[str, float] | None:
    if not settings.inverse_class_frequency:
        return None
    counts = Counter(candidate.category for item in usable for candidate in item.objects)
    return {category: 1.0 / count for category, count in counts.items()}


def _choose_single(
    candidates: Candidates,
    settings: SelectionSettings,
    weights: Mapping[str, float] | None,
    seed: int,
) -> list[Scene]:
    """SS: one sounding object; in test, one sample for each (counterfactual)."""
    ordered = _by_hash(candidates.objects, candidates, seed, weights)
    if not (candidates.subset == "test" and settings.counterfactual_test):
        ordered = ordered[:1]
    chosen = sorted(ordered, key=lambda candidate: candidate.mask.id)
    return [_scene(candidates, (candidate,)) for candidate in chosen]


def _choose_multiple(
    candidates: Candidates,
    settings: SelectionSettings,
    weights: Mapping[str, float] | None,
    seed: int,
) -> list[Scene]:
    """MS: between two and min(n, max_sources) of n objects of different classes."""
    if len(candidates.objects) < 2:
        return []
    ordered = _by_hash(candidates.objects, candidates, seed, weights)
    count = _count_between(2, len(ordered), settings, candidates, seed)
    return [_scene(candidates, ordered[:count])]


def _choose_instances(
    candidates: Candidates,
    settings: SelectionSettings,
    weights: Mapping[str, float] | None,
    seed: int,
) -> list[Scene]:
    """MSMI: MS's choice, and where instances repeat, some of those of one repeated class."""
    if not candidates.repeated:
        return _choose_multiple(candidates, settings, weights, seed)
    counts = Counter(candidate.category for candidate in candidates.objects)
    ordered = _by_hash(candidates.objects, candidates, seed, weights)
    first = next((item.category for item in ordered if counts[item.category] > 1), None)
    if first is None:
        return []
    instances = [candidate for candidate in ordered if candidate.category == first]
    count = _count_between(1, len(instances), settings, candidates, seed)
    return [_scene(candidates, instances[:count])]


_Chooser = Callable[[Candidates, SelectionSettings, Mapping[str, float] | None, int], list[Scene]]
_CHOOSERS: dict[Split, _Chooser] = {
    "ss": _choose_single,
    "ms": _choose_multiple,
    "msmi": _choose_instances,
}


def _by_hash(
    objects: Sequence[Candidate],
    candidates: Candidates,
    seed: int,
    weights: Mapping[str, float] | None,
) -> list[Candidate]:
    """Return objects in a random order that depends on (seed, image, annotation) alone.

    With weights, the order is that of weighted sampling without replacement (Efraimidis and
    Spirakis 2006): a class twice as heavy comes first twice as often.
    """
    if not objects:
        return []
    draws = unit(_object_keys(candidates.photo.id, [item.mask.id for item in objects], seed))
    if weights is not None:
        draws = -np.log(draws) / np.array([weights[item.category] for item in objects])
    order = np.lexsort((np.array([item.mask.id for item in objects]), draws))
    return [objects[place] for place in order]


def _count_between(
    lowest: int, number: int, settings: SelectionSettings, candidates: Candidates, seed: int
) -> int:
    highest = max(lowest, min(number, settings.max_sources))
    draw = float(unit(mix("number of sources", seed, candidates.photo.id)))
    return lowest + int(draw * (highest - lowest + 1))


def _scene(candidates: Candidates, sounding: Sequence[Candidate]) -> Scene:
    chosen = sorted(sounding, key=lambda candidate: candidate.mask.id)
    numbers = {candidate.mask.id for candidate in chosen}
    silent = tuple(item for item in candidates.objects if item.mask.id not in numbers)
    return Scene(candidates.photo, candidates.subset, tuple(chosen), silent, candidates.repeated)


def _object_keys(image_id: int, ann_ids: Sequence[int], seed: int) -> Hashes:
    return mix("object", seed, image_id, np.asarray(ann_ids))


def _limit(
    scenes: list[Scene], limits: LimitSettings, seed: int
) -> tuple[list[Scene], list[Rejection]]:
    """Keep a scene if it is within the limit of each class that sounds in it.

    The place within a class is by hash and counts every scene, so that limits nest.
    """
    by_class: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, scene in enumerate(scenes):
        key = int(_object_keys(scene.photo.id, [scene.sounding[0].mask.id], seed)[0])
        for category in {candidate.category for candidate in scene.sounding}:
            by_class[category].append((key, place))
    over: set[int] = set()
    for category, keys in by_class.items():
        limit = limits.of(category)
        if limit is not None:
            over.update(place for _, place in sorted(keys)[limit:])
    kept = [scene for place, scene in enumerate(scenes) if place not in over]
    images = {scene.photo.id for scene in kept}
    dropped = {scenes[place].photo.id for place in over} - images
    return kept, [Rejection("image", str(i), Reason.OVER_LIMIT) for i in sorted(dropped)]
