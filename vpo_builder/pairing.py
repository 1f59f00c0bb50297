"""Chooses which objects sound and which clip each one gets. Pure.

Every choice is made by a stateless hash of (seed, image, annotation[, clip]): a vanished clip
changes only the objects that used it, and one more image changes no other (protocol §2).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from vpo_builder.config import BuildConfig, LimitSettings, SelectionSettings
from vpo_builder.hashing import Hashes, mix, text_key, unit
from vpo_builder.records import Candidate, Candidates, Clip, Reason, Rejection, Scene
from vpo_builder.schema import Split, Subset

Available = Collection[tuple[str, Subset]]
"""The (class, subset) pairs for which there is a clip."""

_PAIRS_AT_ONCE = 4_000_000  # 32 MB of hashes


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
            reason = Reason.ONE_CLASS_ONLY if candidates.objects else Reason.NO_CLIP_FOR_CLASS
            rejections.append(Rejection("image", str(candidates.photo.id), reason))
    scenes, dropped = _limit(scenes, config.limits, seed)
    return scenes, rejections + dropped


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


class ClipPools:
    """The clips of each class and subset, ranked for an object by hash."""

    def __init__(self, clips: Iterable[Clip], seed: int) -> None:
        self._seed = seed
        pools: dict[tuple[str, Subset], list[str]] = defaultdict(list)
        for clip in clips:
            if clip.path is not None:
                pools[clip.category, clip.subset].append(clip.clip_id)
        self._pools = {key: sorted(pool) for key, pool in pools.items()}
        self._keys = {
            key: np.array([text_key(clip_id) for clip_id in pool], np.uint64)
            for key, pool in self._pools.items()
        }

    @property
    def available(self) -> set[tuple[str, Subset]]:
        """The (class, subset) pairs that have a clip."""
        return set(self.sizes)

    @property
    def sizes(self) -> dict[tuple[str, Subset], int]:
        """The number of clips of each (class, subset) that has any."""
        return {key: len(pool) for key, pool in self._pools.items() if pool}

    def without(self, clip_ids: Collection[str]) -> "ClipPools":
        """Return the pools less some clips."""
        left = object.__new__(ClipPools)
        left._seed = self._seed
        left._pools, left._keys = {}, {}
        for key, pool in self._pools.items():
            stay = np.array([clip_id not in clip_ids for clip_id in pool], dtype=bool)
            left._pools[key] = [c for c, stays in zip(pool, stay, strict=True) if stays]
            left._keys[key] = self._keys[key][stay]
        return left

    def pair(self, scenes: Sequence[Scene]) -> list[tuple[str, ...]]:
        """Return, for each scene, the clip of each sounding object, distinct within the scene.

        A class must have a clip in the scene's subset. Where several objects of a scene share a
        class, each clip is offered to one of them only, the one with the lowest hash, so that a
        vanished clip changes nobody else's; an object to which none is offered takes the best
        that is left, and "" if there is none.
        """
        chosen: list[list[str]] = [[""] * len(scene.sounding) for scene in scenes]
        alone: dict[tuple[str, Subset], list[tuple[int, int]]] = defaultdict(list)
        for number, scene in enumerate(scenes):
            counts = Counter(candidate.category for candidate in scene.sounding)
            for place, candidate in enumerate(scene.sounding):
                if counts[candidate.category] == 1:
                    alone[candidate.category, scene.subset].append((number, place))
            for category in sorted(name for name, count in counts.items() if count > 1):
                self._share(scene, category, chosen[number])
        for key, places in alone.items():
            self._best(key, places, scenes, chosen)
        return [tuple(clips) for clips in chosen]

    def _best(
        self,
        key: tuple[str, Subset],
        places: list[tuple[int, int]],
        scenes: Sequence[Scene],
        chosen: list[list[str]],
    ) -> None:
        pool = self._pools[key]
        images = np.array([scenes[number].photo.id for number, _ in places])
        masks = np.array([scenes[number].sounding[place].mask.id for number, place in places])
        step = max(1, _PAIRS_AT_ONCE // len(pool))
        for start in range(0, len(places), step):
            part = slice(start, start + step)
            hashes = self._hashes(images[part, None], masks[part, None], key)
            for (number, place), best in zip(places[part], hashes.argmin(axis=1), strict=True):
                chosen[number][place] = pool[best]

    def _share(self, scene: Scene, category: str, chosen: list[str]) -> None:
        key = (category, scene.subset)
        pool = self._pools[key]
        places = [p for p, item in enumerate(scene.sounding) if item.category == category]
        masks = np.array([scene.sounding[place].mask.id for place in places])
        hashes = self._hashes(np.int64(scene.photo.id), masks[:, None], key)
        owner = hashes.argmin(axis=0)
        left = set(range(len(pool)))
        for row, place in enumerate(places):
            offered = np.flatnonzero(owner == row)
            if offered.size:
                best = int(offered[hashes[row, offered].argmin()])
                chosen[place] = pool[best]
                left.discard(best)
        for row, place in enumerate(places):
            if not chosen[place] and left:
                best = min(left, key=lambda clip: int(hashes[row, clip]))
                chosen[place] = pool[best]
                left.discard(best)

    def _hashes(self, image_ids: object, ann_ids: object, key: tuple[str, Subset]) -> Hashes:
        return mix("clip", self._seed, image_ids, ann_ids, self._keys[key])
