"""Reads both sources into one corpus: photos and objects of COCO, clips of VGGSound."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from vpo_builder.build.coco_parts import side_by_side
from vpo_builder.classes import PERSON, SoundingClass, classes_of_categories
from vpo_builder.config import SubsetSettings
from vpo_builder.dataset.schema import Subset
from vpo_builder.documents.documents import Attribution
from vpo_builder.planning.matching import image_subsets
from vpo_builder.records import ObjectMask, Photo, VggSound
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.captions import Captions, read_captions
from vpo_builder.sources.coco import CocoPart, License, read_coco
from vpo_builder.sources.json_files import JsonFile
from vpo_builder.sources.recordings import AUDIO_FOLDERS, has_recordings
from vpo_builder.sources.vggsound import read_vggsound
from vpo_builder.sources.vggsounder import read_vggsounder

PARTS = ("train2017", "val2017")


@dataclass(frozen=True)
class Corpus:
    """Everything a build reads before it decides anything; `images` maps image ids to files."""

    parts: tuple[CocoPart, ...]
    captions_of_parts: tuple[Captions, ...]
    vggsound: VggSound
    table: tuple[SoundingClass, ...]
    photos: tuple[tuple[Photo, Subset], ...]
    audible: Mapping[str, frozenset[str]] | None = None
    inputs: dict[str, str] = field(default_factory=dict)

    @cached_property
    def class_of(self) -> dict[int, str]:
        """The class of each COCO category id, person's being "person"."""
        return classes_of_categories(self.table, self.parts[0].category_names)

    @cached_property
    def objects(self) -> tuple[ObjectMask, ...]:
        """The objects of every part."""
        return tuple(itertools.chain.from_iterable(part.objects for part in self.parts))

    @cached_property
    def folders(self) -> dict[int, Path]:
        """The folder in which each image's file lies."""
        return {photo.id: part.images for part in self.parts for photo in part.photos}

    @cached_property
    def attributions(self) -> tuple[Attribution, ...]:
        """Whose each photo is, by the licences of its own file."""
        return attributions_of(self.parts)

    @cached_property
    def _part_of(self) -> dict[int, int]:
        return {photo.id: n for n, part in enumerate(self.parts) for photo in part.photos}

    def captions(self, image_id: int) -> Sequence[str]:
        """Return an image's captions, none if it has none or the table has no person."""
        if not self.captions_of_parts:
            return ()
        return self.captions_of_parts[self._part_of[image_id]].of(image_id)

    def image_path(self, photo: Photo) -> Path:
        """Return where a photo's file should be."""
        return self.parts[self._part_of[photo.id]].image_path(photo)


def attributions_of(parts: Iterable[CocoPart]) -> tuple[Attribution, ...]:
    """Return whose each photo of COCO's files is, by the licences of its own file."""
    unknown = License(0, "", "")
    rows = []
    for part in parts:
        licenses = {row.id: row for row in part.licenses}
        rows += [(photo, licenses.get(photo.license or 0, unknown)) for photo in part.photos]
    return tuple(
        Attribution(
            photo.id,
            row.name or "",
            row.url or "",
            photo.flickr_url or "",
            photo.coco_url or "",
        )
        for photo, row in rows
    )


def read_corpus(
    coco: Path,
    vggsound: Path,
    table: tuple[SoundingClass, ...],
    subsets: SubsetSettings,
    vggsounder: Path | None = None,
    vggsound_csv: Path | None = None,
) -> Corpus:
    """Return the corpus of two folders, for the classes of a table.

    COCO's val2017 is read only where test comes from it. `vggsounder` is the csv that says which
    labels can be heard in which clips; `vggsound_csv` is given if VGGSound's csv lies elsewhere
    than beside its recordings.
    """
    categories = {row.category for row in table}
    names = PARTS if subsets.test == "val2017" else PARTS[:1]
    described = names if PERSON in categories else ()
    annotations = coco / "annotations"
    with ThreadPoolExecutor(1) as thread:
        instances = [JsonFile(annotations / f"instances_{part}.json", thread) for part in names]
        told = [JsonFile(annotations / f"captions_{part}.json", thread) for part in described]
        labels = frozenset(label for row in table for label in row.labels)
        sounds = read_vggsound(vggsound, labels, vggsound_csv)
        parts = side_by_side(
            [
                read_coco(file, coco / part, categories)
                for file, part in zip(instances, names, strict=True)
            ]
        )
        captions = [read_captions(file) for file in told]
    photos = [
        pair
        for name, part in zip(names, parts, strict=True)
        for pair in zip(
            part.photos,
            image_subsets(name, [photo.id for photo in part.photos], subsets),
            strict=True,
        )
    ]
    inputs = {
        f"coco/annotations/{file.path.name}": part.sha256
        for file, part in zip(instances, parts, strict=True)
    }
    inputs["vggsound/vggsound.csv"] = sounds.sha256
    inputs |= {
        f"coco/annotations/{file.path.name}": sha256
        for file, (_, sha256) in zip(told, captions, strict=True)
    }
    audible = None
    if vggsounder is not None:
        audible, inputs["vggsounder.csv"] = read_vggsounder(vggsounder)
    return Corpus(
        parts, tuple(read for read, _ in captions), sounds, table, tuple(photos), audible, inputs
    )


def refuse_absent_folders(corpus: Corpus, vggsound: Path) -> None:
    """Raise InputError if there is no folder of images or of recordings at all."""
    for part in corpus.parts:
        if part.photos and not part.images.is_dir():
            raise InputError(
                f"{part.images}: no such folder: expected the images that {part.path.name} "
                "lists; --download fetches those that are needed"
            )
    if not has_recordings(vggsound):
        raise InputError(
            f"{vggsound}: no recordings: expected a folder {', '.join(AUDIO_FOLDERS)}, or an "
            "archive; --download fetches what is needed"
        )
