"""Leaves classes out of training: the papers' test on objects that were never seen."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from avs_bench.data.example import AVSDataset, Example
from vpo_builder.runtime.errors import InputError

HOLDOUTS: Mapping[str, tuple[str, ...]] = {
    "ease-ood": (
        *("mouse", "tennis racket", "zebra", "sports ball", "cow", "skateboard", "cell phone"),
    )
}
"""Classes that papers leave out together, by a name that stands for them wherever classes do.

`ease-ood`: the seven classes of VPO that are out of distribution in EASE.
"""


def hold_out(dataset: AVSDataset, names: Sequence[str]) -> AVSDataset:
    """Return the dataset without the train and val examples in which a class of `names` sounds.

    A mask holds nothing but what sounds, so these are the examples with such a class in their
    mask, too. Where it is seen but silent the example stays, and the class is background in it,
    as it is for any model that never heard of it. Test is left whole: it is where seen and unseen
    classes are compared. Raises InputError for a name that is no class of the dataset.
    """
    held = class_indices(dataset, names)

    def is_kept(example: Example) -> bool:
        return not held & example.heard

    kept, videos = dict(dataset.subsets), dict(dataset.videos)
    for subset in ("train", "val"):
        kept[subset] = tuple(filter(is_kept, kept[subset]))
        if videos:
            videos[subset] = tuple(video for video in videos[subset] if all(map(is_kept, video)))
    return replace(dataset, subsets=kept, videos=videos)


def class_indices(
    dataset: AVSDataset, names: Sequence[str], *, known_alone: bool = False
) -> frozenset[int]:
    """Return the indices of classes by name, background excepted; raise InputError.

    A name of `HOLDOUTS` stands for all of its classes. With `known_alone` names that the dataset
    lacks are passed over.
    """
    every = [one for name in names for one in HOLDOUTS.get(name, (name,))]
    if known_alone:
        every = [name for name in every if name in dataset.classes[1:]]
    for name in every:
        if name not in dataset.classes[1:]:
            choices = ", ".join((*dataset.classes[1:], *HOLDOUTS))
            raise InputError(f"no class {name!r} in {dataset.name}: choose of {choices}")
    return frozenset(dataset.classes.index(name) for name in every)


def with_unseen_groups(dataset: AVSDataset, unseen: Collection[int]) -> AVSDataset:
    """Return the dataset with its examples in groups "classes": "seen", "unseen", or both.

    They say whether a class that is heard is one of the `unseen` indices, which training left out.
    Without any the dataset is returned as it is.
    """
    if not unseen:
        return dataset

    def grouped(example: Example) -> Example:
        heard = {"unseen" if index in unseen else "seen" for index in example.heard}
        return replace(example, groups={**example.groups, "classes": tuple(sorted(heard))})

    return dataset.with_examples(grouped)


def holdout_line(whole: AVSDataset, kept: AVSDataset, names: Sequence[str]) -> str:
    """Say how many examples of train and val were left out, and for which classes."""
    counts = ", ".join(
        f"{len(whole.subsets[subset]) - len(kept.subsets[subset])} of "
        f"{len(whole.subsets[subset])} {subset}"
        for subset in ("train", "val")
    )
    return f"held out {', '.join(names)}: left out {counts} examples in which they sound"
