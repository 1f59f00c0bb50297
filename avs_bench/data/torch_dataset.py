"""A subset as a plain `torch.utils.data.Dataset`, for anybody's loop."""

from collections.abc import Sequence
from typing import Literal, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from avs_bench.data.audio import mix
from avs_bench.data.example import AVSDataset
from avs_bench.data.images import PictureReader, resized
from avs_bench.data.tensors import to_tensor
from vpo_builder.dataset.schema import IGNORE, SUBSETS, Subset
from vpo_builder.runtime.errors import InputError


class Item(TypedDict):
    """One example, or of a batch the same stacked, with `id` as a list.

    `image` [3, H, W] uint8 RGB; `target` [H, W] int64 class indices, 255 ignored; `waveform`
    [channels, samples] float32 at 16 kHz, full scale 1; `sounding` [classes] bool, the classes
    heard.
    """

    id: str | list[str]
    image: Tensor
    target: Tensor
    waveform: Tensor
    sounding: Tensor


class TorchDataset(Dataset[Item]):
    """The examples of a subset, read when they are asked for; see `AVSDataset.torch`.

    It can be pickled, so workers may be forked or spawned.
    """

    def __init__(
        self,
        dataset: AVSDataset,
        subset: Subset,
        *,
        side: int,
        stretched: bool,
        seconds: Literal[1, 3],
        channels: Literal[1, 2],
        frame_step: float,
    ) -> None:
        if subset not in SUBSETS:
            raise InputError(f"no subset {subset!r}: choose one of {', '.join(SUBSETS)}")
        self.examples = dataset.subsets[subset]
        self.classes = dataset.classes
        self._side, self._stretched = side, stretched
        self._sound = (seconds, channels, frame_step)
        self._reader = PictureReader(dataset.mask_lookup, cache_mib=0)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Item:
        """Read an example; raise InputError for a file that cannot be."""
        example = self.examples[index]
        picture = self._reader.read(example)
        image, target = (
            to_tensor(resized(one, self._side, stretched=self._stretched))
            for one in (picture.image, picture.target)
        )
        sounding = torch.zeros(len(self.classes), dtype=torch.bool)
        sounding[[source.class_index for source in example.sources]] = True
        return {
            "id": example.example_id,
            "image": image,
            "target": target.long(),
            "waveform": torch.from_numpy(mix(example.sources, *self._sound)),
            "sounding": sounding,
        }

    @staticmethod
    def collate(items: Sequence[Item]) -> Item:
        """Stack items; pictures of several sizes are padded, right and below, targets with 255."""
        height, width = (max(item["target"].shape[side] for item in items) for side in (0, 1))

        def padded(one: Tensor, value: int) -> Tensor:
            right, below = width - one.shape[-1], height - one.shape[-2]
            return F.pad(one, (0, right, 0, below), value=value)

        return {
            "id": [str(item["id"]) for item in items],
            "image": torch.stack([padded(item["image"], 0) for item in items]),
            "target": torch.stack([padded(item["target"], IGNORE) for item in items]),
            "waveform": torch.stack([item["waveform"] for item in items]),
            "sounding": torch.stack([item["sounding"] for item in items]),
        }
