"""Chooses which objects of an image sound. Pure.

Every choice is made by a stateless hash of (seed, image, annotation), so that one more image
changes no other (protocol §2, SS, MS and MSMI).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence

import numpy as np
from msgspec.structs import replace

from vpo_builder.config import BuildConfig, LimitSettings, SelectionSettings
from vpo_builder.dataset.schema import Split, Subset
from vpo_builder.records import Candidate, Candidates, Photo, Reason, Rejection, Scene
from vpo_builder.runtime.stateless_hash import mix, unit

Available = Collection[tuple[str, Subset]]
"""The (class, subset) pairs for which there is a clip."""


def choose_sounding(
    kept: Sequence[Candidates], split: Split, available: Available, config: BuildConfig, seed: int
) -> tuple[list[Scene], list[Rejection]]:
    """Return the scenes of a split, in the order of images, and what was kept out of them.

    An object of a class without clips in its subset never sounds; it stays in the picture.
    """
    usable, rejections = _with_clips(kept, available)
    draws = _Draws(usable, config.selection, seed)
    scenes: list[Scene] = []
    for candidates in usable:
        chosen = _CHOOSERS[split](candidates, config.selection, draws)
        if chosen:
            scenes.extend(chosen)
        else:
            reason = _reason_for_none(candidates, split)
            rejections.append(Rejection("image", str(candidates.photo.id), reason))
    scenes, dropped = _limit(scenes, config.limits, split, draws)
    return scenes, rejections + dropped


def _reason_for_none(candidates: Candidates, split: Split) -> Reason:
    if not candidates.objects:
        return Reason.NO_CLIP_FOR_CLASS
    instances = candidates.repeated and split == "msmi"
    return Reason.NO_ELIGIBLE_REPEAT if instances else Reason.ONE_CLASS_ONLY


def _with_clips(
    kept: Sequence[Candidates], available: Available
) -> tuple[list[Candidates], list[Rejection]]:
    usable, rejections = [], []
    for candidates in kept:
        subset = candidates.subset
        objects = tuple(o for o in candidates.objects if (o.category, subset) in available)
        usable.append(replace(candidates, objects=objects))
        rejections += [
            Rejection("object", str(item.mask.id), Reason.NO_CLIP_FOR_CLASS)
            for item in candidates.objects
            if (item.category, subset) not in available
        ]
    return usable, rejections


class _Draws:
    """The hashes that the choices need, all drawn at once: one by one they take most of the time.

    With `inverse_class_frequency`, the order of objects is that of weighted sampling without
    replacement (Efraimidis and Spirakis 2006): a class twice as heavy comes first twice as often.
    """

    def __init__(
        self, usable: Sequence[Candidates], settings: SelectionSettings, seed: int
    ) -> None:
        items = [(item, candidate) for item in usable for candidate in item.objects]
        places = [(item.photo.id, candidate.mask.id) for item, candidate in items]
        ids = np.array(places, np.int64).reshape(-1, 2)
        keys = mix("object", seed, ids[:, 0], ids[:, 1])
        order = unit(keys)
        if settings.inverse_class_frequency:
            counts = Counter(candidate.category for _, candidate in items)
            weights = np.array([1.0 / counts[candidate.category] for _, candidate in items])
            order = -np.log(order) / weights
        images = [item.photo.id for item in usable]
        numbers = unit(mix("number of sources", seed, np.array(images, np.int64)))
        self._keys = dict(zip(places, keys.tolist(), strict=True))
        self._order = dict(zip(places, order.tolist(), strict=True))
        self._numbers = dict(zip(images, numbers.tolist(), strict=True))

    def key(self, photo: Photo, candidate: Candidate) -> int:
        """Return the hash of an object of an image."""
        key: int = self._keys[photo.id, candidate.mask.id]
        return key

    def in_order(self, candidates: Candidates) -> list[Candidate]:
        """Return an image's objects in a random order, of (seed, image, annotation) alone."""
        image = candidates.photo.id
        return sorted(
            candidates.objects, key=lambda item: (self._order[image, item.mask.id], item.mask.id)
        )

    def number_between(self, lowest: int, highest: int, photo: Photo) -> int:
        """Return how many objects of an image sound."""
        return lowest + int(self._numbers[photo.id] * (highest - lowest + 1))


def _choose_single(
    candidates: Candidates, settings: SelectionSettings, draws: _Draws
) -> list[Scene]:
    """SS: one sounding object; in test, one sample for each (counterfactual)."""
    ordered = draws.in_order(candidates)
    if not (candidates.subset == "test" and settings.counterfactual_test):
        ordered = ordered[:1]
    chosen = sorted(ordered, key=lambda candidate: candidate.mask.id)
    return [_scene(candidates, (candidate,)) for candidate in chosen]


def _choose_multiple(
    candidates: Candidates, settings: SelectionSettings, draws: _Draws
) -> list[Scene]:
    """MS: between min_sources and min(n, max_sources) of n objects of different classes."""
    if len(candidates.objects) < settings.min_sources:
        return []
    ordered = draws.in_order(candidates)
    highest = min(len(ordered), settings.max_sources)
    number = draws.number_between(settings.min_sources, highest, candidates.photo)
    return [_scene(candidates, ordered[:number])]


def _choose_instances(
    candidates: Candidates, settings: SelectionSettings, draws: _Draws
) -> list[Scene]:
    """MSMI: MS's choice, and where instances repeat, some of those of one repeated class."""
    if not candidates.repeated:
        return _choose_multiple(candidates, settings, draws)
    counts = Counter(candidate.category for candidate in candidates.objects)
    ordered = draws.in_order(candidates)
    first = next((item.category for item in ordered if counts[item.category] > 1), None)
    if first is None:
        return []
    instances = [candidate for candidate in ordered if candidate.category == first]
    highest = min(len(instances), settings.max_sources)
    return [_scene(candidates, instances[: draws.number_between(1, highest, candidates.photo)])]


_Chooser = Callable[[Candidates, SelectionSettings, _Draws], list[Scene]]
_CHOOSERS: dict[Split, _Chooser] = {
    "ss": _choose_single,
    "ms": _choose_multiple,
    "msmi": _choose_instances,
}


def _scene(candidates: Candidates, sounding: Sequence[Candidate]) -> Scene:
    chosen = sorted(sounding, key=lambda candidate: candidate.mask.id)
    numbers = {candidate.mask.id for candidate in chosen}
    silent = tuple(item for item in candidates.objects if item.mask.id not in numbers)
    return Scene(candidates.photo, candidates.subset, tuple(chosen), silent, candidates.repeated)


def _limit(
    scenes: list[Scene], limits: LimitSettings, split: Split, draws: _Draws
) -> tuple[list[Scene], list[Rejection]]:
    """Keep a scene if it is within the limit of each class that sounds in it.

    The place within a class is by hash and counts every scene, so that limits nest.
    """
    by_class: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for place, scene in enumerate(scenes):
        key = draws.key(scene.photo, scene.sounding[0])
        for category in {candidate.category for candidate in scene.sounding}:
            by_class[category].append((key, place))
    over: set[int] = set()
    for category, keys in by_class.items():
        limit = limits.of(category, split)
        if limit is not None:
            over.update(place for _, place in sorted(keys)[limit:])
    kept = [scene for place, scene in enumerate(scenes) if place not in over]
    images = {scene.photo.id for scene in kept}
    dropped = {scenes[place].photo.id for place in over} - images
    return kept, [Rejection("image", str(i), Reason.OVER_LIMIT) for i in sorted(dropped)]
