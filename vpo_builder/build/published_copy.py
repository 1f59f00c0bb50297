"""Reads a published copy of VPO: its lists, where its recordings lie, whose its pictures are."""

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.build.corpus import attributions_of
from vpo_builder.build.request import ImportRequest, PublishedCopy
from vpo_builder.classes import CLASS_TABLE, class_rows, read_class_table
from vpo_builder.dataset.places import AUDIO_FOLDER, dataset_folder
from vpo_builder.dataset.published_lists import LISTS, find_authors_lists, find_clean_list
from vpo_builder.dataset.schema import ClassRow, Split
from vpo_builder.documents.documents import Attribution
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.authors_archive import find_recordings, read_authors_list
from vpo_builder.sources.coco import read_coco
from vpo_builder.sources.ddeseg import clean_splits, read_clean_list
from vpo_builder.sources.json_files import JsonFile
from vpo_builder.sources.published_samples import PublishedList
from vpo_builder.sources.vggsound import known_labels


@dataclass(frozen=True)
class Material:
    """What was read: the list, the class table, and whose the photographs are, if COCO tells."""

    listed: PublishedList
    classes: tuple[ClassRow, ...]
    attributions: Sequence[Attribution]
    inputs: Mapping[str, str]


def published_splits(copy: PublishedCopy) -> list[Split]:
    """Return the splits that a copy holds; raise InputError if it holds none."""
    if not copy.folder.is_dir():
        raise InputError(f"{copy.folder}: no such folder: expected a published copy of VPO")
    found, clean = find_authors_lists(copy.folder), find_clean_list(copy.folder)
    if found and clean is not None:
        raise InputError(
            f"{copy.folder}: holds {min(found.values())} and {clean}: give the folder of one"
        )
    if clean is not None:
        splits = clean_splits(clean)
        if not splits:
            raise InputError(f"{clean}: no row of type VPO-SS, VPO-MS or VPO-MSMI")
        return splits
    if not found:
        raise InputError(f"{copy.folder}: none of the lists of a published VPO ({LISTS}) in it")
    return [split for split in ("ss", "ms", "msmi") if split in found]


def refuse_overlap(copy: PublishedCopy, out: Path) -> None:
    """Raise InputError if anything would be written into the copy, or the copy lies in the way."""
    sources = [folder.resolve() for folder in (copy.folder, copy.audio) if folder is not None]
    splits: tuple[Split, ...] = ("ss", "ms", "msmi")
    targets = [out / AUDIO_FOLDER, *(out / dataset_folder(split) for split in splits)]
    for source in sources:
        for target in (out, *targets):
            inside = target.resolve().is_relative_to(source)
            if inside or (target != out and source.is_relative_to(target.resolve())):
                raise InputError(
                    f"--out {out}: {target} and {source} overlap, and the copy is not touched: "
                    "give another folder"
                )


def copy_of(request: ImportRequest) -> PublishedCopy:
    """Return the copy that is imported."""
    assert request.sources.published_copy is not None, "an import has a copy to read"
    return request.sources.published_copy


def read_copy(request: ImportRequest) -> Material:
    """Return what a copy lists for a split, and where its recordings lie."""
    copy = copy_of(request)
    classes = class_rows(read_class_table(CLASS_TABLE, "captions", known_labels()))
    listed = _read_list(copy, request.split, classes)
    attributions, inputs = _read_licences(request.sources.coco)
    table = hashlib.sha256(CLASS_TABLE.read_bytes()).hexdigest()
    inputs = {"classes.toml": table, listed.path.name: listed.sha256, **inputs}
    return Material(listed, classes, attributions, inputs)


def _read_list(copy: PublishedCopy, split: Split, classes: tuple[ClassRow, ...]) -> PublishedList:
    clean = find_clean_list(copy.folder)
    if clean is not None:
        return read_clean_list(clean, split, classes)
    beside = [copy.folder, copy.folder.parent / Path(AUDIO_FOLDER).parts[0]]
    recordings = find_recordings(beside if copy.audio is None else [copy.audio])
    path = find_authors_lists(copy.folder)[split]
    return read_authors_list(path, split, classes, recordings)


def _read_licences(coco: Path | None) -> tuple[tuple[Attribution, ...], dict[str, str]]:
    """Return whose COCO's photographs are by its json, or all in a folder, and each one's hash."""
    if coco is None:
        return (), {}
    paths = sorted(coco.glob("**/instances_*.json")) if coco.is_dir() else [coco]
    if not paths:
        raise InputError(f"--coco {coco}: no instances_….json in it: give COCO's annotations")
    parts = []
    for path in paths:
        with ThreadPoolExecutor(1) as thread:
            parts.append(read_coco(JsonFile(path, thread), path.parent, ()))
    inputs = {f"coco/annotations/{part.path.name}": part.sha256 for part in parts}
    return attributions_of(parts), inputs


def refuse_unusable(request: ImportRequest, material: Material) -> None:
    """Raise InputError if nothing can be imported, whatever the files hold."""
    listed = material.listed
    if not listed.samples:
        raise InputError(f"{listed.path}: no row of {listed.lines} can be used: is it VPO's list?")
    if not listed.recordings and listed.samples[0].mixes is None:
        where = copy_of(request).audio or copy_of(request).folder
        raise InputError(
            f"{where}: no recordings: expected wavs such as {listed.samples[0].sources[0].clip_id}"
            ".wav: give their folder by --audio"
        )
