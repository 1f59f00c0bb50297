"""The one form that every dataset, whatever its published layout, is read into."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from avs_bench.data.seeds import digest
from avs_bench.names import OwnFamily
from vpo_builder.dataset.avsbench_trees import MaskForm
from vpo_builder.dataset.schema import SUBSETS, Subset

if TYPE_CHECKING:
    from avs_bench.data.torch_dataset import TorchDataset

Lookup = NDArray[np.uint8]

UNKNOWN = 254
"""Entry of `AVSDataset.mask_lookup` for a mask value that is no class (255 stays "ignore")."""


@dataclass(frozen=True, slots=True)
class SoundSource:
    """A sounding object: its clip, class index and pan in [0, 1], 0 left.

    The index is 0, background's, for a sound of no class of the table, such as one off the screen.
    `frame` counts the frames of a video from 0 and says which moment of its recording is meant, in
    any format; None is the centre of the clip, a 16 kHz wav of a dataset of ours. Classes that
    sound in one recording share its clip.
    """

    clip: Path
    class_index: int
    pan: float
    frame: int | None = None


@dataclass(frozen=True, slots=True)
class SeenObject:
    """An object of a picture whose pixels are known, sounding or silent beside one of its class.

    `counts` is COCO's compressed run-length code of the picture's size, `pan` the centre of its
    columns over the width.
    """

    class_index: int
    counts: str
    pan: float
    sounds: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One picture with what is heard in it; files are named here and read later.

    `example_id` is unique in the dataset and seeds the example's augmentation; `height` and
    `width` are the picture's pixels; `mask` is None for a frame that nobody annotated, and of a
    dataset of ours unless `mask_form` says how AVSBench stores it, maybe in another size. `groups`
    maps a kind to the example's part of it, such as "listening" to "some-silent", or to several,
    and scores are reported for each part as well. `silent` are the class indices of what is seen
    and could sound but does not, where the dataset says so. Examples of one picture share a
    `picture_id`; None means that the picture is in no other. `sound_kind` tells sounds apart where
    the classes are too few to: two sounds match only if it is the same as well. `objects` are those
    whose pixels are known one by one, which MSMI has.
    """

    example_id: str
    image: Path
    mask: Path | None
    height: int
    width: int
    sources: tuple[SoundSource, ...]
    groups: Mapping[str, str | tuple[str, ...]]
    silent: tuple[int, ...] = ()
    picture_id: str | None = None
    sound_kind: str = ""
    mask_form: MaskForm | None = None
    objects: tuple[SeenObject, ...] = ()

    @property
    def questions(self) -> Mapping[int, tuple[SeenObject, tuple[SeenObject, ...]]]:
        """The one object of a class that sounds, and its silent twins, by class index.

        Nothing but the side of the sound tells which of them is heard.
        """
        found = {}
        for index in sorted({one.class_index for one in self.objects}):
            alike = [one for one in self.objects if one.class_index == index]
            sounding = [one for one in alike if one.sounds]
            if len(sounding) == 1 < len(alike):
                found[index] = sounding[0], tuple(one for one in alike if not one.sounds)
        return found

    @property
    def heard(self) -> frozenset[int]:
        """The class indices of what sounds; a sound of no class has none."""
        return frozenset(source.class_index for source in self.sources) - {0}

    @property
    def unit(self) -> str:
        """What scores are resampled by: samples of one picture are not independent."""
        return self.picture_id or self.example_id


Clip = tuple[Example, ...]
"""Frames of a video that are seen together, in their order."""


@dataclass(frozen=True)
class AVSDataset:
    """The examples of a dataset by subset, in a fixed order.

    `classes[i]` is the name of class index i, background first; `mask_lookup` [256] maps a
    mask's pixel value to its class index; `sha256` is the fingerprint of everything listed;
    `family` is how its papers score it: "dataset" for VPO and Single+, "video" for S4 and MS3,
    whose videos are the examples' units, "frame" for AVSS (protocol §4). A `synthetic` one is drawn
    and not photographed. `videos` are the frames of each video in their order, the ones without
    annotation included, which `subsets` leaves out; it is empty where there are only pictures.

    It is a sequence of all its examples, train, then val, then test; `torch` reads a subset.
    """

    name: str
    folder: Path
    classes: tuple[str, ...]
    mask_lookup: Lookup
    sha256: str
    subsets: dict[Subset, tuple[Example, ...]]
    family: OwnFamily = "dataset"
    synthetic: bool = False
    videos: Mapping[Subset, tuple[Clip, ...]] = field(default_factory=dict)

    def with_examples(self, change: Callable[[Example], Example | None]) -> "AVSDataset":
        """Return the dataset with every example changed, those left out for which it is None."""

        def changed(examples: Clip) -> Clip:
            return tuple(new for example in examples if (new := change(example)) is not None)

        subsets = {name: changed(examples) for name, examples in self.subsets.items()}
        videos = {
            name: tuple(filter(None, map(changed, clips))) for name, clips in self.videos.items()
        }
        return replace(self, subsets=subsets, videos=videos)

    def with_pictures(self, subset: Subset, count: int) -> "AVSDataset":
        """Return so many pictures, or videos, of a subset and nothing else, by a hash of their ids.

        A smaller count gives a part of a larger one; all samples of a picture stay together.
        """
        units = {example.unit for example in self.subsets[subset]}
        kept = set(sorted(units, key=lambda unit: digest("part", unit))[:count])
        return self.with_examples(lambda example: example if example.unit in kept else None)

    @cached_property
    def examples(self) -> tuple[Example, ...]:
        """Every example: train, then val, then test."""
        return tuple(example for subset in SUBSETS for example in self.subsets[subset])

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[Example]:
        return iter(self.examples)

    def __getitem__(self, index: int) -> Example:
        """Return what is known of an example without reading its files."""
        return self.examples[index]

    def torch(
        self,
        subset: Subset = "train",
        *,
        side: int = 0,
        stretched: bool = False,
        seconds: Literal[1, 3] = 3,
        channels: Literal[1, 2] = 1,
        frame_step: float = 1.0,
    ) -> "TorchDataset":
        """Return a subset as a plain `torch.utils.data.Dataset`, with a `collate` for DataLoader.

        Pictures and masks have their longer side, or both if `stretched`, at `side` pixels (0:
        their own size); sounds have so many `seconds` and `channels`. No other library's transforms
        are needed or in the way: items are dictionaries of tensors, see `Item`. Frames of a video
        sound `frame_step` seconds apart.

        >>> train = open_dataset("data/VPO/VPO-SS").torch("train", side=48, stretched=True)
        >>> len(train), list(train[0]["image"].shape), list(train[0]["waveform"].shape)
        (4, [3, 48, 48], [1, 48000])
        """
        from avs_bench.data.torch_dataset import TorchDataset

        return TorchDataset(
            self,
            subset,
            side=side,
            stretched=stretched,
            seconds=seconds,
            channels=channels,
            frame_step=frame_step,
        )
