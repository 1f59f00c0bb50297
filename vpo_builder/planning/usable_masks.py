"""The outlines of sounding objects: each mask is decoded once, and the unusable ones remembered."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from vpo_builder.records import Candidate, Candidates, Photo, Reason, Rejection, Scene
from vpo_builder.rendering.mask import (
    BrokenMaskError,
    encode_segmentation,
    horizontal_centre,
    is_hidden,
)
from vpo_builder.runtime.errors import InputError


class Outlines:
    """The masks of sounding objects; `pans` maps those that were decoded and whole to their pan.

    `list_of` names the list that a photo's masks are of.
    """

    def __init__(self, list_of: Callable[[Photo], str] = attrgetter("file_name")) -> None:
        self._list_of = list_of
        self.pans: dict[int, float] = {}
        self._codes: dict[int, dict[str, Any]] = {}
        self._unusable: dict[int, Rejection] = {}
        self._readable: Counter[str] = Counter()
        self._broken: dict[str, list[Rejection]] = defaultdict(list)

    @property
    def rejections(self) -> list[Rejection]:
        """One rejection for each unusable mask, by its number."""
        return [rejection for _, rejection in sorted(self._unusable.items())]

    def without_unusable(self, kept: Sequence[Candidates]) -> Sequence[Candidates]:
        """Return images without the objects that are known to be broken or hidden."""
        if not self._unusable:
            return kept
        return [
            replace(item, objects=tuple(o for o in item.objects if o.mask.id not in self._unusable))
            for item in kept
        ]

    def find_unusable(self, scenes: Sequence[Scene]) -> bool:
        """Look at the masks of `scenes` and tell whether some are newly found unusable.

        A mask can be broken, or lie wholly under smaller ones that sound with it: its class would
        then be in the sound and not in the picture.
        """
        known = len(self._unusable)
        for scene in scenes:
            for candidate in scene.sounding:
                if candidate.mask.id not in self._codes:
                    self._decode(scene, candidate)
            if len(scene.sounding) > 1:
                self._find_hidden(scene)
        return len(self._unusable) > known

    def refuse_unreadable(self) -> None:
        """Raise InputError if a list has masks that were looked at and none can be read."""
        files = [name for name in self._broken if not self._readable[name]]
        broken = [rejection for name in files for rejection in self._broken[name]]
        if broken:
            raise InputError(
                f"{' and '.join(files)}: all {len(broken)} masks that were looked at cannot be "
                f"read, the first being annotation {broken[0].record}: {broken[0].detail}; "
                "expected segmentation to be [[x, y, x, y, x, y, ...], ...] or run lengths"
            )

    def _decode(self, scene: Scene, candidate: Candidate) -> None:
        mask = candidate.mask
        try:
            code = encode_segmentation(
                bytes(mask.segmentation), scene.photo.height, scene.photo.width
            )
        except BrokenMaskError as error:
            self._reject(mask.id, Reason.BROKEN_MASK, str(error))
            self._broken[self._list_of(scene.photo)].append(self._unusable[mask.id])
        else:
            self._codes[mask.id] = code
            self._readable[self._list_of(scene.photo)] += 1
            self.pans[mask.id] = horizontal_centre(code, scene.photo.width)

    def _find_hidden(self, scene: Scene) -> None:
        numbers = [c.mask.id for c in scene.sounding if c.mask.id not in self._unusable]
        for number in numbers:
            others = [self._codes[other] for other in numbers if other != number]
            if is_hidden(self._codes[number], others):
                same = self._codes[number] in others
                self._reject(number, Reason.HIDDEN, "another has its very outline" * same)

    def _reject(self, number: int, reason: Reason, detail: str) -> None:
        self._unusable[number] = Rejection("object", str(number), reason, detail)
