"""Leaves classes out of training: the papers' test on objects that were never seen."""

from collections.abc import Sequence
from dataclasses import replace

from avs_bench.data.example import AVSDataset, Example
from vpo_builder.runtime.errors import InputError


def hold_out(dataset: AVSDataset, names: Sequence[str]) -> AVSDataset:
    """Return the dataset without the train and val examples in which a class of `names` sounds.

    A mask holds nothing but what sounds, so these are the examples with such a class in their
    mask, too. Where it is seen but silent the example stays, and the class is background in it,
    as it is for any model that never heard of it. Test is left whole: it is where seen and unseen
    classes are compared. Raises InputError for a name that is no class of the dataset.
    """
    held = class_indices(dataset, names)

    def is_kept(example: Example) -> bool:
        return not held & {source.class_index for source in example.sources}

    kept, videos = dict(dataset.subsets), dict(dataset.videos)
    for subset in ("train", "val"):
        kept[subset] = tuple(filter(is_kept, kept[subset]))
        if videos:
            videos[subset] = tuple(video for video in videos[subset] if all(map(is_kept, video)))
    return replace(dataset, subsets=kept, videos=videos)


def class_indices(dataset: AVSDataset, names: Sequence[str]) -> frozenset[int]:
    """Return the indices of classes by name, background excepted; raise InputError."""
    for name in names:
        if name not in dataset.classes[1:]:
            raise InputError(
                f"no class {name!r} in {dataset.name}: choose of {', '.join(dataset.classes[1:])}"
            )
    return frozenset(dataset.classes.index(name) for name in names)


def holdout_line(whole: AVSDataset, kept: AVSDataset, names: Sequence[str]) -> str:
    """Say how many examples of train and val were left out, and for which classes."""
    counts = ", ".join(
        f"{len(whole.subsets[subset]) - len(kept.subsets[subset])} of "
        f"{len(whole.subsets[subset])} {subset}"
        for subset in ("train", "val")
    )
    return f"held out {', '.join(names)}: left out {counts} examples in which they sound"
