"""Decides which images are kept and which of their objects are eligible to sound. Pure.

The rules look at the annotations alone, never at which clips exist, so that the same images are
kept wherever the dataset is built (protocol §2, repeated instances).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from vpo_builder.classes import PERSON
from vpo_builder.config import BuildConfig
from vpo_builder.matching import AMBIGUOUS, PersonResolver
from vpo_builder.records import (
    Candidate,
    Candidates,
    ObjectMask,
    PersonDecision,
    Photo,
    Reason,
    Rejection,
)
from vpo_builder.schema import Split, Subset


@dataclass(frozen=True)
class Filtered:
    """What the rules keep and what they drop, image by image in the order of ids."""

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
) -> Filtered:
    """Return the images that a split's rules keep, each with its eligible objects.

    `class_of` maps COCO category ids to classes, person's to "person"; `captions` gives an
    image's captions and is asked only for images with a person that come so far.
    """
    rules = _Rules(class_of, captions, split, config)
    by_image: dict[int, list[ObjectMask]] = defaultdict(list)
    for row in objects:
        by_image[row.image_id].append(row)
    for photo, subset in photos:
        rules.judge(photo, subset, by_image.pop(photo.id, []))
    for image_id in sorted(by_image):
        for row in by_image[image_id]:
            rules.reject_object(row, Reason.IMAGE_NOT_LISTED)
    return rules.filtered


class _Rules:
    """The rules in their order; each image and each object ends in exactly one outcome."""

    def __init__(
        self,
        class_of: Mapping[int, str],
        captions: Callable[[int], Sequence[str]],
        split: Split,
        config: BuildConfig,
    ) -> None:
        self._class_of = class_of
        self._captions = captions
        self._split = split
        self._smallest = config.filters.min_area_fraction
        self._resolver = PersonResolver(config.person)
        self.filtered = Filtered([], [], [])

    def judge(self, photo: Photo, subset: Subset, objects: list[ObjectMask]) -> None:
        whole = []
        for row in objects:
            if row.area > 0 and _has_outline(row):
                whole.append(row)
            else:
                self.reject_object(row, Reason.WITHOUT_AREA)
        counts = Counter(self._class_of[row.category_id] for row in whole)
        crowded = any(row.iscrowd for row in whole)
        repeated = crowded or any(count > 1 for count in counts.values())
        reason = self._reason_against(whole, crowded, repeated)
        person = None
        if reason is None and PERSON in counts:
            person = self._person(photo)
            reason = Reason.PERSON_AMBIGUOUS if person == AMBIGUOUS else None
        if reason is None:
            self._keep(photo, subset, whole, person, repeated)
        else:
            self._drop(photo, whole, reason)

    def reject_object(self, row: ObjectMask, reason: Reason) -> None:
        self.filtered.rejections.append(Rejection("object", str(row.id), reason))

    def _reason_against(
        self, whole: list[ObjectMask], crowded: bool, repeated: bool
    ) -> Reason | None:
        if not whole:
            return Reason.NO_SOUNDING_OBJECT
        if self._split == "msmi":
            return Reason.CROWD if crowded else None
        return Reason.REPEATED_INSTANCES if repeated else None

    def _person(self, photo: Photo) -> str:
        decision = self._resolver.resolve(photo.id, self._captions(photo.id))
        self.filtered.decisions.append(decision)
        return decision.verdict

    def _keep(
        self,
        photo: Photo,
        subset: Subset,
        whole: list[ObjectMask],
        person: str | None,
        repeated: bool,
    ) -> None:
        smallest = self._smallest * photo.width * photo.height
        large = [row for row in whole if row.area >= smallest]
        if not large:
            self._drop(photo, whole, Reason.NO_ELIGIBLE_OBJECT)
            return
        for row in whole:
            if row.area < smallest:
                self.reject_object(row, Reason.TOO_SMALL)
        candidates = tuple(Candidate(row, self._class(row, person)) for row in large)
        self.filtered.kept.append(Candidates(photo, subset, candidates, repeated))

    def _class(self, row: ObjectMask, person: str | None) -> str:
        name = self._class_of[row.category_id]
        return person if name == PERSON and person is not None else name

    def _drop(self, photo: Photo, whole: list[ObjectMask], reason: Reason) -> None:
        self.filtered.rejections.append(Rejection("image", str(photo.id), reason))
        for row in whole:
            self.reject_object(row, Reason.IMAGE_DROPPED)


def _has_outline(row: ObjectMask) -> bool:
    """Tell whether the undecoded segmentation holds anything: `[]` and `[[]]` do not."""
    return len(bytes(row.segmentation)) > len(b"[[]]")
