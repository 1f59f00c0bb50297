"""Decides which images are kept and which of their objects are eligible to sound. Pure.

The rules look at the annotations alone, never at which clips exist, so that the same images are
kept wherever the dataset is built (protocol §2, repeated instances). They work on columns, all
images at once: COCO has half a million objects of sounding categories, and drops most.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from vpo_builder.classes import PERSON
from vpo_builder.config import BuildConfig
from vpo_builder.dataset.schema import Split, Subset
from vpo_builder.planning.persons import AMBIGUOUS, PersonResolver
from vpo_builder.records import (
    Candidate,
    Candidates,
    ObjectMask,
    PersonDecision,
    Photo,
    Reason,
    Rejection,
)
from vpo_builder.sources.object_columns import ObjectColumns

Flags = NDArray[np.bool_]

NOT_LISTED = -1
"""Place of an image that no part lists."""
DENSE = 50
"""Ids are looked up in a table of all up to the largest if so many times as many; COCO's are 5."""
EMPTY_OUTLINE = len(b"[[]]")


@dataclass(frozen=True)
class Filtered:
    """What the rules keep and what they drop; images in the order of ids, as are decisions."""

    kept: list[Candidates]
    rejections: list[Rejection]
    decisions: list[PersonDecision]


def filter_images(
    photos: Sequence[tuple[Photo, Subset]],
    objects: Iterable[ObjectMask],
    class_of: Mapping[int, str],
    captions: Callable[[int], Sequence[str]],
    split: Split,
    config: BuildConfig,
    in_part: Collection[int] = (),
    known: Mapping[int, PersonDecision] = MappingProxyType({}),
) -> Filtered:
    """Return the images that a split's rules keep, each with its eligible objects.

    `class_of` maps COCO category ids to classes, person's to "person"; `captions` gives an
    image's captions and is asked only for images with a person that come so far. `in_part` are
    the annotations beside which their image may show others of their class, not annotated;
    `known` holds what the captions of some images have been found to say.
    """
    table = _ObjectTable(
        photos, ObjectColumns.of(objects), class_of, config.filters.min_area_fraction, in_part
    )
    lone = config.filters.repeats == "sounding" and split != "msmi"
    mute = table.repeating if lone else np.zeros_like(table.repeating)
    reasons = _reasons_against(table, split, mute)
    resolver = PersonResolver(config.person)
    decisions = {}
    for place in np.flatnonzero(table.count(table.whole & table.person & ~mute)).tolist():
        if reasons[place] is None:
            number = photos[place][0].id
            decisions[place] = known.get(number) or resolver.resolve(number, captions(number))
    ambiguous = [place for place, item in decisions.items() if item.verdict == AMBIGUOUS]
    if config.person.ambiguous == "drop":
        for place in ambiguous:
            reasons[place] = Reason.PERSON_AMBIGUOUS
    unclear = table.person & np.isin(table.image, ambiguous)
    eligible = table.large & ~mute & ~unclear
    for place in np.flatnonzero(table.count(table.large & ~mute) == 0).tolist():
        reasons[place] = reasons[place] or Reason.NO_ELIGIBLE_OBJECT
    for place in np.flatnonzero(table.count(eligible) == 0).tolist():
        reasons[place] = reasons[place] or Reason.PERSON_AMBIGUOUS
    kept = np.array([reason is None for reason in reasons], dtype=bool)
    dropped = map(str, table.photo_number[~kept].tolist())
    rejections = list(map(Rejection, repeat("image"), dropped, filter(None, reasons)))
    rejections += table.rejections(kept, mute, unclear)
    verdicts = {place: decision.verdict for place, decision in decisions.items()}
    candidates = table.candidates(kept, eligible, verdicts)
    return Filtered(candidates, rejections, list(decisions.values()))


def _reasons_against(table: "_ObjectTable", split: Split, mute: Flags) -> list[Reason | None]:
    """Return, for each image, the first rule against it that its annotations alone decide.

    `mute` objects stay silent since their class repeats, instead of keeping their image out.
    """
    reasons: list[Reason | None] = [None] * len(table.photos)
    unwanted, reason = table.repeated, Reason.REPEATED_INSTANCES
    if mute.any():
        unwanted = table.count(table.whole & ~mute) == 0
    if split == "msmi":
        unwanted, reason = table.crowded, Reason.CROWD
    for place in np.flatnonzero(unwanted).tolist():
        reasons[place] = reason
        if reason == Reason.REPEATED_INSTANCES and not table.seen_repeated[place]:
            reasons[place] = Reason.NOT_EXHAUSTIVE
    for place in np.flatnonzero(table.count(table.whole) == 0).tolist():
        reasons[place] = Reason.NO_SOUNDING_OBJECT
    return reasons


class _ObjectTable:
    """The objects as columns, and what they say of each image.

    `whole` objects have an area and an outline, `large` ones are whole and large enough to sound.
    An object is `repeating` if several whole ones of its image are of its class, a crowd and one
    that is annotated in part counting as several; it is `seen` to repeat if no annotation in part
    is needed to tell. An image is `crowded` if a crowd is among its whole objects, and `repeated`
    or `seen_repeated` if some of them are. `image` holds places in `photos`, whose ids are
    `photo_number`.
    """

    def __init__(
        self,
        photos: Sequence[tuple[Photo, Subset]],
        rows: ObjectColumns,
        class_of: Mapping[int, str],
        min_area_fraction: float,
        in_part: Collection[int],
    ) -> None:
        self.photos, self._rows, self._class_of = photos, rows, class_of
        self.photo_number = np.array([photo.id for photo, _ in photos], np.int64)
        names = {name: code for code, name in enumerate(sorted(set(class_of.values())))}
        self.image, self.number = self._places(rows.image), rows.number
        categories = np.array(sorted(class_of), np.int64)
        codes = np.array([names[class_of[number]] for number in sorted(class_of)], np.int64)
        code = codes[np.searchsorted(categories, rows.category)]
        crowd, area = rows.crowd, rows.area
        outline = rows.outline_bytes  # `[]` and `[[]]`, undecoded, are no outline
        listed = self.image != NOT_LISTED
        smallest = [min_area_fraction * photo.width * photo.height for photo, _ in photos]
        self.whole: Flags = listed & (area > 0) & (outline > EMPTY_OUTLINE)
        self.large: Flags = self.whole & (area >= np.array([*smallest, np.inf])[self.image])
        self.person: Flags = code == names.get(PERSON, -1)
        self.crowded: Flags = self.count(self.whole & crowd) > 0
        partial = np.isin(self.number, np.fromiter(in_part, np.int64, len(in_part)))
        self.repeating: Flags = self._have_twins(code, crowd | partial)
        self.repeated: Flags = self.count(self.whole & self.repeating) > 0
        self.seen: Flags = self._have_twins(code, crowd) if partial.any() else self.repeating
        self.seen_repeated: Flags = self.count(self.whole & self.seen) > 0

    def count(self, which: Flags) -> NDArray[np.int64]:
        """Return how many of some objects each image has."""
        return np.bincount(self.image[which], minlength=len(self.photos))

    def rejections(self, kept: Flags, mute: Flags, unclear: Flags) -> list[Rejection]:
        """Return a rejection for each object that is not eligible, in the order of numbers."""
        image_kept = np.append(kept, False)[self.image]
        reasons = np.select(
            [
                *(self.image == NOT_LISTED, ~self.whole, ~image_kept, ~self.large),
                *(mute & self.seen, mute, unclear),
            ],
            [1, 2, 3, 4, 5, 6, 7],
        )
        names = (
            Reason.IMAGE_NOT_LISTED,
            Reason.WITHOUT_AREA,
            Reason.IMAGE_DROPPED,
            Reason.TOO_SMALL,
            Reason.REPEATED_INSTANCES,
            Reason.NOT_EXHAUSTIVE,
            Reason.PERSON_AMBIGUOUS,
        )
        order = np.argsort(self.number)  # none stands there twice
        order = order[reasons[order] > 0]
        numbers = map(str, self.number[order].tolist())
        why = np.array(names, object)[reasons[order] - 1].tolist()
        return list(map(Rejection, repeat("object"), numbers, why))

    def candidates(
        self, kept: Flags, eligible: Flags, persons: Mapping[int, str]
    ) -> list[Candidates]:
        """Return the kept images with their eligible objects, in the order of images and ids."""
        found = np.flatnonzero(eligible & np.append(kept, False)[self.image])
        found = found[np.lexsort((self.number[found], self.image[found]))]
        objects: dict[int, list[Candidate]] = defaultdict(list)
        for place, row in zip(self.image[found].tolist(), self._rows.at(found), strict=True):
            name = self._class_of[row.category_id]
            objects[place].append(Candidate(row, persons[place] if name == PERSON else name))
        return [
            Candidates(*self.photos[place], tuple(rows), bool(self.repeated[place]))
            for place, rows in objects.items()
        ]

    def _places(self, image_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of each image among the photos, the first if it is there twice."""
        listed, first = np.unique(self.photo_number, return_index=True)
        if listed.size and listed[-1] < DENSE * len(listed):  # six times as fast as searching
            place_of = np.full(listed[-1] + 2, NOT_LISTED)
            place_of[listed] = first
            inside = (image_ids >= 0) & (image_ids <= listed[-1])
            return place_of[np.where(inside, image_ids, -1)]
        at = np.searchsorted(listed, image_ids)
        found = np.append(listed, NOT_LISTED)[at] == image_ids
        return np.where(found, np.append(first, NOT_LISTED)[at], NOT_LISTED)

    def _have_twins(self, code: NDArray[np.int64], several: Flags) -> Flags:
        """Tell which objects are of a class of which their image has several whole ones.

        One of `several` is some by itself.
        """
        images, classes = len(self.photos), len(set(self._class_of.values()))
        listed = self.image != NOT_LISTED
        pairs = np.where(listed, self.image * classes + code, 0)
        counts = np.bincount(pairs[self.whole], 1 + several[self.whole], max(1, images * classes))
        return np.asarray(listed & (counts[pairs] > 1))
