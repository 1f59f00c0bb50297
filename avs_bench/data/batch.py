"""From an `Example` to a `Batch`: read, view, mix and stack."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from avs_bench.config import AudioSettings, AugmentationSettings, ImageSettings
from avs_bench.data.audio import Waveform, mix
from avs_bench.data.augmentation import apply_view, draw_view
from avs_bench.data.clips import ClipLayout
from avs_bench.data.example import Example, SoundSource
from avs_bench.data.images import Picture, PictureReader, resized
from avs_bench.data.seeds import digest
from avs_bench.data.tensors import to_tensor

PictureChange = Callable[[NDArray[np.uint8], str], NDArray[np.uint8]]
"""From pixels [H, W, 3] and the id of an example to other pixels."""


@dataclass(frozen=True)
class Loaded:
    """An example in memory: uint8 image [3, H, W] and target [H', W'], its mix, its sources.

    The target has the image's size in training, and the picture's own size in evaluation.
    """

    example: Example
    image: Tensor
    target: Tensor
    waveform: Waveform
    sources: tuple[SoundSource, ...]


@dataclass(frozen=True)
class Batch:
    """Examples stacked.

    `images` [B, 3, H, W] uint8; `targets` [B, H', W'] uint8 class indices, 255 ignored;
    `waveforms` [B, channels, samples] float32 at 16 kHz; `sounding` [B, classes] bool, the
    classes heard; `seen` [B, classes] bool, those and the ones that are known to be in the whole
    picture and silent; `pans` [B] float32, the pan of an item with exactly one source, NaN
    otherwise; `kinds` [B] int64 differ where the examples' `sound_kind` does. `clips` says which
    items are frames of one video, for models that see them together; None: none are.
    """

    examples: tuple[Example, ...]
    images: Tensor
    targets: Tensor
    waveforms: Tensor
    sounding: Tensor
    seen: Tensor
    pans: Tensor
    kinds: Tensor
    clips: ClipLayout | None = None

    def pin_memory(self) -> "Batch":
        """Return the batch where a GPU can copy it from by itself, as DataLoader asks for."""
        return replace(
            self,
            images=self.images.pin_memory(),
            targets=self.targets.pin_memory(),
            waveforms=self.waveforms.pin_memory(),
        )


def load_for_training(
    example: Example,
    reader: PictureReader,
    image: ImageSettings,
    audio: AudioSettings,
    augmentation: AugmentationSettings,
    random: np.random.Generator,
) -> Loaded:
    """Read a random view of an example; flipping the picture flips the pan of what is heard.

    With `audio.mute_cropped_out`, a source whose class is not in the view is not in the mix,
    unless another one in the same recording is.
    """
    view = draw_view(augmentation, random)
    picture = apply_view(reader.read(example), view, image)
    sources = tuple(
        replace(source, pan=1 - source.pan) if view.flip else source for source in example.sources
    )
    if audio.mute_cropped_out:
        visible = set(np.unique(np.asarray(picture.target)).tolist())
        kept = {source.clip for source in sources if source.class_index in visible}
        sources = tuple(source for source in sources if source.clip in kept)
    return _loaded(example, picture, sources, audio)


def load_for_evaluation(
    example: Example,
    reader: PictureReader,
    image: ImageSettings,
    audio: AudioSettings,
    change: PictureChange | None = None,
) -> Loaded:
    """Read an example as it is: the image as `image` says, the target at its own size.

    A `change` is made to the image before it is resized.
    """
    picture = reader.read(example)
    if change is not None:
        pixels = change(np.asarray(picture.image), example.example_id)
        picture = replace(picture, image=Image.fromarray(pixels))
    seen = resized(picture.image, image.long_side, stretched=image.stretched)
    picture = replace(picture, image=seen)
    return _loaded(example, picture, example.sources, audio)


def collate(items: Sequence[Loaded], classes: int, clips: ClipLayout | None = None) -> Batch:
    """Stack examples of equal sizes; `classes` is their number with background."""
    sounding = torch.zeros(len(items), classes, dtype=torch.bool)
    for row, item in zip(sounding, items, strict=True):
        row[sorted({source.class_index for source in item.sources} - {0})] = True
    kinds = [digest(item.example.sound_kind) for item in items]
    seen = sounding.clone()
    for row, item in zip(seen, items, strict=True):
        row[list(item.example.silent)] = True
    pans = [item.sources[0].pan if len(item.sources) == 1 else np.nan for item in items]
    return Batch(
        examples=tuple(item.example for item in items),
        images=torch.stack([item.image for item in items]),
        targets=torch.stack([item.target for item in items]),
        waveforms=torch.from_numpy(np.stack([item.waveform for item in items])),
        sounding=sounding,
        seen=seen,
        pans=torch.tensor(pans, dtype=torch.float32),
        kinds=torch.tensor(kinds),
        clips=clips,
    )


def reheard(batch: Batch, examples: Sequence[Example], audio: AudioSettings) -> Batch:
    """Return the same pictures with the sounds of `examples`, which differ in sources alone.

    Raises InputError for a recording that cannot be read.
    """

    def sound(row: int) -> Waveform:
        sources = examples[row].sources
        if sources == batch.examples[row].sources:
            return batch.waveforms[row].numpy()
        return mix(sources, audio.seconds, audio.channels, audio.frame_step)

    items = [
        Loaded(example, batch.images[row], batch.targets[row], sound(row), example.sources)
        for row, example in enumerate(examples)
    ]
    return collate(items, batch.sounding.shape[1], batch.clips)


def _loaded(
    example: Example, picture: Picture, sources: tuple[SoundSource, ...], audio: AudioSettings
) -> Loaded:
    return Loaded(
        example=example,
        image=to_tensor(picture.image),
        target=to_tensor(picture.target),
        waveform=mix(sources, audio.seconds, audio.channels, audio.frame_step),
        sources=sources,
    )
