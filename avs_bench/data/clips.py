"""Clips: frames of a video that a model sees together, padded to one length (protocol §3)."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from avs_bench.data.example import AVSDataset, Clip, Example
from avs_bench.runtime.device import on_device
from vpo_builder.dataset.schema import Subset


@dataclass(frozen=True)
class ClipLayout:
    """How N stacked frames make B clips of T = `frames`: clip b holds `lengths[b]` of them.

    A shorter clip is padded with zeros behind its last frame, and one of length 0 is padding alone.
    Every `per_item` clips are of one item of the batch.
    """

    lengths: tuple[int, ...]
    frames: int
    per_item: int = 1

    def pack(self, stacked: Tensor) -> Tensor:
        """Return frames [N, ...] as clips [B, T, ...]."""
        clips = stacked.new_zeros(len(self.lengths) * self.frames, *stacked.shape[1:])
        clips[self.places(stacked.device)] = stacked
        return clips.view(len(self.lengths), self.frames, *stacked.shape[1:])

    def unpack(self, scored: Tensor) -> Tensor:
        """Return the frames [N, ...] of what a model gave for clips, [B·T, ...]."""
        return scored if self.is_full else scored[self.places(scored.device)]

    def valid(self, device: torch.device) -> Tensor | None:
        """Return [B, T] of 1 for a frame and 0 for padding; None if nothing is padded."""
        if self.is_full:
            return None
        return self.pack(torch.ones(sum(self.lengths), device=device))

    def parts(self, items: int) -> Iterator[tuple[slice, "ClipLayout"]]:
        """Yield every so many items (0: all): their rows among the N frames and their layout."""
        first, size = 0, items * self.per_item or len(self.lengths)
        for start in range(0, len(self.lengths), size):
            part = replace(self, lengths=self.lengths[start : start + size])
            yield slice(first, first + sum(part.lengths)), part
            first += sum(part.lengths)

    @property
    def is_full(self) -> bool:
        """Whether no clip is padded."""
        return all(length == self.frames for length in self.lengths)

    def places(self, device: torch.device) -> Tensor:
        """Return the place [N] of each frame among the B·T."""
        places = [
            clip * self.frames + frame
            for clip, length in enumerate(self.lengths)
            for frame in range(length)
        ]
        return on_device(torch.tensor(places, dtype=torch.long), device)


def layout_of(items: Sequence[int], frames: int, held: int) -> ClipLayout:
    """Return how items of so many frames make clips, each item as many as `held` frames fill.

    AVSS pads its videos of five frames to ten (Zhou et al. 2023, color_dataloader.py), and its
    model sees five at a time: such a video is a clip and one of padding (models.md, TPAVI).
    """
    starts = range(0, max(held, frames), frames)
    lengths = (min(frames, max(0, item - start)) for item in items for start in starts)
    return ClipLayout(tuple(lengths), frames, len(starts))


def training_clips(dataset: AVSDataset, subset: Subset, frames: int) -> tuple[Clip, ...]:
    """Return what a run draws from: videos cut to `frames` frames, or single pictures.

    Pictures that belong to no video are clips of one frame whatever `frames` is. A clip none of
    whose frames is annotated teaches nothing and is left out.
    """
    if frames == 1 or not dataset.videos:
        return tuple((example,) for example in dataset.subsets[subset])
    clips = (clip for video in dataset.videos[subset] for clip in _cut(video, frames))
    return tuple(clip for clip in clips if any(frame.mask for frame in clip))


def evaluation_clips(
    dataset: AVSDataset, examples: Sequence[Example], frames: int
) -> tuple[Clip, ...]:
    """Return each of `examples` once, by itself or with the frames that are seen beside it.

    `examples` may be the dataset's with other sources. Frames without annotation fill a video up,
    since a model that sees five frames was trained on five.
    """
    if frames == 1 or not dataset.videos:
        return tuple((example,) for example in examples)
    asked = {example.example_id: example for example in examples}
    videos = (video for subset in dataset.videos.values() for video in subset)
    shown = (
        tuple(asked.get(f.example_id, f) for f in video if f.example_id in asked or not f.mask)
        for video in videos
        if any(frame.example_id in asked for frame in video)
    )
    return tuple(clip for video in shown for clip in _cut(video, frames))


def _cut(video: Clip, frames: int) -> Iterable[Clip]:
    return (video[first : first + frames] for first in range(0, len(video), frames))
