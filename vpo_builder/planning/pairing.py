"""Pairs sounding objects with clips by rank. Pure.

The rank is a stateless hash of (seed, image, annotation, clip): a vanished clip changes only the
objects that used it, and one more image or clip reshuffles nothing (protocol §2, clip choice).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from vpo_builder.dataset.schema import Subset
from vpo_builder.records import Clip, Scene
from vpo_builder.runtime.stateless_hash import Hashes, mix, text_key

_PAIRS_AT_ONCE = 4_000_000  # 32 MB of hashes


class ClipPools:
    """The clips of each class and subset, ranked for an object by hash."""

    def __init__(self, clips: Iterable[Clip], seed: int) -> None:
        self._seed = seed
        pools: dict[tuple[str, Subset], list[str]] = defaultdict(list)
        for clip in clips:
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
