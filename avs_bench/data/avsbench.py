"""Reads AVSBench as published: S4 and MS3 (an object or none), AVSS (71 classes), protocol §3.

Only the lists and the header of a video's first frame are read here. What sounds is known for a
whole video; which of its frames are annotated differs by part and subset.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import numpy as np

from avs_bench.data.audio import GET_AGAIN
from avs_bench.data.example import UNKNOWN, AVSDataset, Clip, Example, Lookup, SoundSource
from avs_bench.data.images import read_size
from avs_bench.names import OwnFamily
from vpo_builder.dataset.avsbench_trees import Part, Tree, Video
from vpo_builder.dataset.schema import IGNORE, SUBSETS, Subset
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.regular_files import read_regular

BACKGROUND, OBJECT = "background", "object"
LABELS = "label2idx.json"
CENTRE = 0.5  # pan: AVSBench does not say where in a frame a sound comes from
GREY = 128  # from here on a grey level of S4's and MS3's black and white masks is white
LABEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.()-]{0,120}", re.ASCII)
MOST_CLASSES = UNKNOWN - 1

FAMILIES: Mapping[Part, OwnFamily] = {"S4": "video", "MS3": "video", "AVSS": "frame"}
NAMES: Mapping[Part, str] = {
    "S4": "AVSBench-S4",
    "MS3": "AVSBench-MS3",
    "AVSS": "AVSBench-Semantic",
}


def avsbench_dataset(tree: Tree) -> AVSDataset:
    """Return a published tree as a dataset.

    Raises InputError for an AVSS category that its label2idx.json lacks, for a label file that is
    no table of classes, and for a video without its first mask.
    """
    folder = tree.csv.parent
    semantic = tree.part == "AVSS"
    classes = read_labels(folder / LABELS) if semantic else (BACKGROUND, OBJECT)
    videos = {
        subset: tuple(_frames(video, tree, classes) for video in _of_subset(tree, subset))
        for subset in SUBSETS
    }
    return AVSDataset(
        name=NAMES[tree.part],
        folder=folder,
        classes=classes,
        mask_lookup=_semantic_lookup(len(classes)) if semantic else _binary_lookup(),
        sha256=hashlib.sha256(f"{tree.sha256} {classes}".encode()).hexdigest(),
        subsets={
            subset: tuple(frame for video in clips for frame in video if frame.mask)
            for subset, clips in videos.items()
        },
        family=FAMILIES[tree.part],
        videos=videos,
    )


def read_labels(path: Path) -> tuple[str, ...]:
    """Return AVSS's class names by index, background first, from its json of names to indices.

    One copy in the wild counts from 1, and is shifted; the masks count from 0 in any case.
    """
    try:
        table = msgspec.json.decode(read_regular(path).decode("utf-8-sig"), type=dict[str, int])
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}; expected AVSBench's table of class names"
        ) from None
    except BAD_JSON as error:
        raise InputError(f"{path}: no json of class names to indices: {error}") from None
    for name in table:
        if not LABEL_NAME.fullmatch(name):
            raise InputError(f"{path}: {name[:120]!r} is no name of a class")
    names = sorted(table, key=table.__getitem__)
    first = table[names[0]] if names else 0
    indices = [table[name] for name in names]
    whole = indices == list(range(first, first + len(names))) and first in (0, 1)
    if not whole or names[:1] != [BACKGROUND] or not 1 < len(names) <= MOST_CLASSES:
        raise InputError(
            f"{path}: indices {indices[:3]}… of {len(names)} names, the first {names[:1]}: "
            f"expected {BACKGROUND} and then each class, counted from 0 or 1 without a gap"
        )
    return tuple(names)


def _of_subset(tree: Tree, subset: Subset) -> Iterator[Video]:
    return (video for video in tree.videos if video.subset == subset)


def _frames(video: Video, tree: Tree, classes: tuple[str, ...]) -> Clip:
    """Return a video's frames in order; behind the annotated ones their masks are None."""
    if not video.masks[0].is_file():
        raise InputError(
            f"{video.masks[0]}: no such file, though {tree.csv.name} lists its video: {GET_AGAIN}"
        )
    width, height = read_size(video.images[0], GET_AGAIN)
    identity = f"{video.folder}_{video.name}" if video.folder else video.name
    heard = _classes_heard(video, tree, classes)
    number = str(len(video.categories))
    return tuple(
        Example(
            example_id=f"{identity}_{image.stem.rpartition('_')[2]}",
            image=image,
            mask=video.masks[frame] if frame < len(video.masks) else None,
            height=height,
            width=width,
            sources=tuple(SoundSource(video.audio, label, CENTRE, frame) for label in heard),
            groups={"part": video.folder, "sources": number} if video.folder else {},
            picture_id=identity,
            sound_kind=_kind(video, tree.part),
            mask_form=video.mask_form,
        )
        for frame, image in enumerate(video.images)
    )


def _classes_heard(video: Video, tree: Tree, classes: tuple[str, ...]) -> tuple[int, ...]:
    """Return the class indices that sound: in S4 and MS3 "an object".

    Where only what is not seen sounds, it is that of background: the recording is heard.
    """
    if tree.part != "AVSS":
        return (classes.index(OBJECT),)
    for category in video.categories:
        if category not in classes[1:]:
            raise InputError(
                f"{tree.csv}: video {video.name} sounds {category!r}, which {LABELS} lacks: "
                "give the two files of one copy of AVSBench"
            )
    return tuple(sorted({classes.index(category) for category in video.categories})) or (0,)


def _kind(video: Video, part: Part) -> str:
    """Say what sounds where the classes do not: S4's category; MS3 names none, so the video."""
    if part == "AVSS":
        return ""
    return video.categories[0] if video.categories else video.name


def _binary_lookup() -> Lookup:
    """0 and 1 as masks are read; white, for answers of other programs that are like the files."""
    lookup = np.zeros(256, dtype=np.uint8)
    lookup[1] = 1
    lookup[GREY:] = 1  # published: 255, in MS3 the index of a palette
    return lookup


def _semantic_lookup(classes: int) -> Lookup:
    """A value of labels_semantic is the class index."""
    lookup = np.full(256, UNKNOWN, dtype=np.uint8)
    lookup[:classes] = np.arange(classes)
    lookup[IGNORE] = IGNORE
    return lookup
