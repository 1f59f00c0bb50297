"""The outlines of sounding objects: each mask is decoded once, and the broken ones remembered."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from vpo_builder.records import Candidate, Candidates, Reason, Rejection, Scene
from vpo_builder.rendering.mask import BrokenMaskError, encode_segmentation, horizontal_centre


class Outlines:
    """The masks of sounding objects; `pans` maps those that were decoded and whole to their pan."""

    def __init__(self) -> None:
        self.pans: dict[int, float] = {}
        self._broken: dict[int, str] = {}

    @property
    def rejections(self) -> list[Rejection]:
        """One rejection for each broken mask, by its number."""
        return [
            Rejection("object", str(number), Reason.BROKEN_MASK, detail)
            for number, detail in sorted(self._broken.items())
        ]

    def without_broken(self, kept: Sequence[Candidates]) -> Sequence[Candidates]:
        """Return images without the objects that are known to be broken."""
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
                if candidate.mask.id not in self.pans:
                    self._decode(scene, candidate)
        return len(self._broken) > known

    def _decode(self, scene: Scene, candidate: Candidate) -> None:
        mask = candidate.mask
        try:
            code: dict[str, Any] = encode_segmentation(
                bytes(mask.segmentation), scene.photo.height, scene.photo.width
            )
        except BrokenMaskError as error:
            self._broken[mask.id] = str(error)
        else:
            self.pans[mask.id] = horizontal_centre(code, scene.photo.width)
