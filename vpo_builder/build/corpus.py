"""Reads all sources into one corpus: photos and objects of lists of masks, clips of sounds."""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from vpo_builder.build.coco_parts import annotated_in_part, side_by_side, with_added_ids
from vpo_builder.build.own_masks import read_own_masks
from vpo_builder.classes import (
    PERSON,
    SoundingClass,
    classes_by_category,
    values_of_categories,
)
from vpo_builder.config import SubsetSettings
from vpo_builder.dataset.schema import Subset
from vpo_builder.documents.documents import Attribution
from vpo_builder.planning.matching import image_subsets
from vpo_builder.records import ArchiveMember, Photo, Rejection, Sounds
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.captions import Captions, read_captions
from vpo_builder.sources.coco import (
    FILE_NAME,
    OWN_FILE_NAME,
    CocoPart,
    License,
    read_coco,
    wanted_of,
)
from vpo_builder.sources.image_sources import ImageSource
from vpo_builder.sources.json_files import JsonFile, reading_thread
from vpo_builder.sources.object_columns import ObjectColumns
from vpo_builder.sources.recordings import AUDIO_FOLDERS, has_recordings
from vpo_builder.sources.side_files import NO_SIDE_FILES, SideFiles
from vpo_builder.sources.vggsounder import read_vggsounder

SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Corpus:
    """Everything a build reads before it decides anything.

    Each of `sources` has its part, and its captions. `in_part` are the annotations beside which
    others of their class may be in sight, unannotated. `written` is done when the side files are.
    """

    sources: tuple[ImageSource, ...]
    parts: tuple[CocoPart, ...]
    captions_of_parts: tuple[Captions, ...]
    in_part: frozenset[int]
    sounds: Sounds
    table: tuple[SoundingClass, ...]
    photos: tuple[tuple[Photo, Subset], ...]
    written: Future[None] = field(compare=False)
    audible: Mapping[str, frozenset[str]] | None = None
    inputs: dict[str, str] = field(default_factory=dict)

    @cached_property
    def class_of(self) -> dict[int, str]:
        """The class of each category id, person's being "person"."""
        classes = classes_by_category(self.table)
        names = {n: name for part in self.parts for n, name in part.category_names.items()}
        return {number: classes[name] for number, name in names.items() if name in classes}

    @cached_property
    def objects(self) -> ObjectColumns:
        """The objects of every part."""
        return ObjectColumns.joined([ObjectColumns.of(part.objects) for part in self.parts])

    @cached_property
    def folders(self) -> dict[int, Path]:
        """The folder in which each image's file lies."""
        return {photo.id: part.images for part in self.parts for photo in part.photos}

    @cached_property
    def attributions(self) -> tuple[Attribution, ...]:
        """Whose each photo is, by the licences of its own file."""
        return attributions_of(self.parts, self.sources)

    @cached_property
    def _part_of(self) -> dict[int, int]:
        return {photo.id: n for n, part in enumerate(self.parts) for photo in part.photos}

    def captions(self, image_id: int) -> Sequence[str]:
        """Return an image's captions, none if it has none or the table has no person."""
        place = self._part_of[image_id]
        return self.captions_of_parts[place].of(image_id - self.sources[place].add_to_image_ids)

    def list_of(self, photo: Photo) -> str:
        """Return the name of the list that a photo's masks are of."""
        return self.parts[self._part_of[photo.id]].path.name

    @cached_property
    def rejections(self) -> tuple[Rejection, ...]:
        """What was read and cannot be used."""
        return tuple(itertools.chain.from_iterable(part.rejections for part in self.parts))

    @property
    def unseen(self) -> list[str]:
        """The classes of which no list has a category."""
        held = {name for part in self.parts for name in part.category_names.values()}
        by_category = classes_by_category(self.table)
        shown = {by_category[name] for name in held & by_category.keys()}
        by_class = {row.name: {row.name, *({PERSON} & {*row.categories})} for row in self.table}
        return [name for name, showing in by_class.items() if shown.isdisjoint(showing)]

    def image_path(self, photo: Photo) -> Path | ArchiveMember:
        """Return where a photo's file should be."""
        return self.parts[self._part_of[photo.id]].image_path(photo)


def attributions_of(
    parts: Iterable[CocoPart], sources: Sequence[ImageSource] = ()
) -> tuple[Attribution, ...]:
    """Return whose each photo is, by the licences of its own list, else by what the user says.

    Of a photo of one's own the name of its file tells which it is.
    """
    rows = []
    for part, source in itertools.zip_longest(parts, sources):
        licenses = {row.id: row for row in part.licenses}
        for photo in part.photos:
            row = licenses.get(photo.license or 0, part.licence)
            page, original = "", photo.flickr_url or ""
            if source is not None and source.name and not photo.coco_url:
                page, original = source.page, original or photo.file_name
            told = (row.name or "", row.url or "", original, photo.coco_url or "", page)
            rows.append(Attribution(photo.id, *told))
    return tuple(rows)


def read_corpus(
    sources: Sequence[ImageSource],
    read_sounds: Callable[[], Sounds],
    table: tuple[SoundingClass, ...],
    subsets: SubsetSettings,
    vggsounder: Path | None = None,
    side_files: SideFiles = NO_SIDE_FILES,
) -> Corpus:
    """Return the corpus of lists of masks and of the sounds, for the classes of a table.

    `vggsounder` is the csv that says which labels can be heard in which clips of VGGSound.
    `side_files` hold what was kept of long jsons; nothing is kept of folders of masks, nor of
    captions in several files.
    """
    classes = classes_by_category(table)
    described = PERSON in classes.values()
    with reading_thread() as thread:
        lists = [
            None
            if source.masks.is_dir()
            else JsonFile(
                source.masks,
                thread,
                side_files.of(source.masks, *wanted_of(classes, _names(source))),
            )
            for source in sources
        ]
        told = [_captions_of(source, thread, side_files) if described else [] for source in sources]
        sounds = read_sounds()
        read = [
            _read_list(source, file, table) for source, file in zip(sources, lists, strict=True)
        ]
        in_part = frozenset(number for part in read for number in annotated_in_part(part, classes))
        parts = side_by_side(read)
        captions = [read_captions(files) for files in told]
        written = thread.submit(_nothing)  # its turn comes last
    inputs = {
        f"{s.inputs}/{part.path.name}": part.sha256 for s, part in zip(sources, parts, strict=True)
    }
    inputs |= sounds.inputs
    for source, (_, hashes) in zip(sources, captions, strict=True):
        inputs |= {f"{source.inputs}/{name}": sha256 for name, sha256 in hashes.items()}
        if source.name:
            inputs[source.inputs] = source.settings_sha256()
    audible = None
    if vggsounder is not None:
        audible, inputs["vggsounder.csv"] = read_vggsounder(vggsounder)
    return Corpus(
        tuple(sources),
        parts,
        tuple(rows for rows, _ in captions),
        in_part,
        sounds,
        table,
        _in_subsets(sources, parts, subsets),
        written,
        audible,
        inputs,
    )


def _nothing() -> None:
    pass


def _read_list(
    source: ImageSource, file: JsonFile | None, table: Sequence[SoundingClass]
) -> CocoPart:
    classes = classes_by_category(table)
    if file is None:
        values = source.values or values_of_categories(table)
        return read_own_masks(source, values, classes)
    part = read_coco(file, source.pictures, classes, _names(source))
    part = with_added_ids(part, source.add_to_image_ids, source.add_to_annotation_ids)
    licence = License(0, source.licence, source.licence_url)
    return part.changed(licence=licence, elsewhere=source.elsewhere)


def _few(names: Iterable[str]) -> str:
    ordered = sorted(names)
    return ", ".join(map(repr, ordered[:SHOWN])) + ", …" * (len(ordered) > SHOWN)


def _captions_of(
    source: ImageSource, thread: ThreadPoolExecutor, side_files: SideFiles
) -> list[JsonFile]:
    if len(source.captions) > 1:  # ids put those of all files in one order: none is kept
        side_files = NO_SIDE_FILES
    return [JsonFile(path, thread, side_files.of(path, "captions")) for path in source.captions]


def _names(source: ImageSource) -> re.Pattern[str]:
    return OWN_FILE_NAME if source.name else FILE_NAME


def _in_subsets(
    sources: Sequence[ImageSource], parts: Sequence[CocoPart], subsets: SubsetSettings
) -> tuple[tuple[Photo, Subset], ...]:
    """Return each photo with its subset; beside a list for val all of train stays train."""
    if any(source.home == "val" for source in sources):
        subsets = replace(subsets, val_fraction=0.0)
    told = (
        image_subsets(source.home, [photo.id for photo in part.photos], subsets)
        for source, part in zip(sources, parts, strict=True)
    )
    pairs = (zip(part.photos, here, strict=True) for part, here in zip(parts, told, strict=True))
    return tuple(itertools.chain.from_iterable(pairs))


def refuse_absent_folders(corpus: Corpus, vggsound: Path | None) -> None:
    """Raise InputError if there is no folder of images, or none of VGGSound's recordings."""
    for part in corpus.parts:
        if part.photos and not part.images.is_dir() and not part.elsewhere:
            raise InputError(
                f"{part.images}: no such folder, and none of that name at any depth: expected the "
                f"images that {part.path.name} lists; --download fetches those of COCO that are "
                "needed"
            )
    if not corpus.class_of:
        held = sorted({name for part in corpus.parts for name in part.category_names.values()})
        raise InputError(
            f"{' and '.join(part.path.name for part in corpus.parts)}: no category of the class "
            f"table is in them: it has {_few(classes_by_category(corpus.table))}, and they have "
            f"{_few(held) or 'none of those names'}: give a table of theirs by --classes"
        )
    if vggsound is not None and not has_recordings(vggsound):
        raise InputError(
            f"{vggsound}: no recordings: expected a folder {', '.join(AUDIO_FOLDERS)}, or an "
            "archive; --download fetches what is needed"
        )
