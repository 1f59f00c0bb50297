"""Predicts a video: masks at an even rate, and overlays that play with the original sound."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from avs_bench.data.audio import SAMPLE_RATE, Waveform
from avs_bench.painting import Pixels, Tint, heat_tint, mask_png, mask_tint
from avs_bench.prediction.predictions import Moment, PredictedItem, moment_of
from avs_bench.prediction.segmenter import Prediction, Segmenter
from avs_bench.prediction.sound_files import lasting, read_sound, window
from avs_bench.prediction.video_files import Video, frames_of, overlay_writer, read_video
from vpo_builder.dataset.class_colours import class_colours
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.whole_files import write_atomically

BATCH = 8
GREYS = tuple((level, level, level) for level in range(256))


@dataclass(frozen=True)
class VideoTask:
    """A video, the file with its sound (mostly the same), and the folder of what is made of it.

    `rate` is how many masks a second are predicted, None for every frame.
    """

    video: Path
    sound: Path
    folder: Path
    rate: Fraction | None


def predict_video(
    task: VideoTask, segmenter: Segmenter, note: Callable[[str], None]
) -> PredictedItem:
    """Write masks/*.png and overlay.mp4; attention.mp4 too if it is asked for.

    The overlay has every frame of the video; between two predictions it shows the nearer one.
    Raises InputError for what is no video, is damaged, or has no sound.
    """
    video = read_video(task.video)
    sound = read_sound(task.sound, segmenter.opened.settings.audio.channels)
    if task.sound == task.video:
        video = replace(video, sound_seconds=sound.shape[1] / SAMPLE_RATE)
    spans = Spans(video.rate, task.rate)
    note(f"{task.video}: {video.width}×{video.height}, {float(video.rate):.2f} frames a second")
    masks = spans.of(video.frames - 1) + 1 if video.frames else None
    predicted = _predict(task, video, sound, spans, segmenter)
    moments = tuple(progress(predicted, masks, f"{task.video.name}: masks"))
    made = _paint(task, video, spans, segmenter, len(moments))
    return PredictedItem(
        name=task.video.name,
        kind="video",
        folder=task.folder.name,
        width=video.width,
        height=video.height,
        seconds=float(made / video.rate),
        moments=moments,
        attention=segmenter.attention,
    )


@dataclass(frozen=True)
class Spans:
    """The frames of a video in spans that share a mask, predicted from the middle frame.

    `frames` and `masks` are rates a second; spans are counted from 0, as frames are.
    """

    frames: Fraction
    masks: Fraction | None

    def of(self, frame: int) -> int:
        """Return the span of a frame."""
        if self.masks is None or self.masks >= self.frames:
            return frame
        return math.floor(frame * self.masks / self.frames)

    def middle(self, span: int) -> int:
        """Return the frame that a span's mask is predicted from."""
        if self.masks is None or self.masks >= self.frames:
            return span
        first = math.ceil(span * self.frames / self.masks)
        last = math.ceil((span + 1) * self.frames / self.masks) - 1
        return (first + last) // 2

    def seconds(self, frame: int) -> float:
        """Return the middle of the time in which a frame is shown."""
        return float((frame + Fraction(1, 2)) / self.frames)


@dataclass(frozen=True)
class _Chosen:
    frame: int
    picture: Pixels


def _predict(
    task: VideoTask,
    video: Video,
    sound: Waveform,
    spans: Spans,
    segmenter: Segmenter,
) -> Iterator[Moment]:
    """Write mask (and attention) of every span, and yield what is in it."""
    opened = segmenter.opened
    colours = class_colours(len(opened.classes))
    heard = lasting(sound, video.seconds or 0)
    frames, seconds = opened.settings.image.frames, opened.settings.audio.seconds
    size = frames if frames > 1 else BATCH
    number = 0
    for batch in _batches(_chosen(video, spans), size):
        times = [spans.seconds(one.frame) for one in batch]
        sounds = [window(heard, time, seconds) for time in times]
        predictions = segmenter.predict([one.picture for one in batch], sounds)
        for one, time, prediction in zip(batch, times, predictions, strict=True):
            write_atomically(_mask_path(task, number), mask_png(prediction.mask, colours))
            if segmenter.attention:
                write_atomically(_heat_path(task, number), _heat_png(prediction))
            yield moment_of(prediction, opened.classes, one.frame, time)
            number += 1


def _chosen(video: Video, spans: Spans) -> Iterator[_Chosen]:
    """Yield the middle frame of each span; of a last span that ends before it, its last frame."""
    latest, done = None, -1
    for number, picture in enumerate(frames_of(video)):
        latest = _Chosen(number, picture)
        if spans.middle(spans.of(number)) == number:
            done = spans.of(number)
            yield latest
    if latest is not None and spans.of(latest.frame) > done:
        yield latest


def _paint(task: VideoTask, video: Video, spans: Spans, segmenter: Segmenter, masks: int) -> int:
    """Write the overlays in a second pass over the video; return the number of frames."""
    colours = class_colours(len(segmenter.opened.classes))

    def tints(span: int) -> tuple[Tint, ...]:
        found = mask_tint(_read(_mask_path(task, span)), colours)
        if not segmenter.attention:
            return (found,)
        return found, heat_tint(_read(_heat_path(task, span)) / np.float32(255))

    names = ("overlay.mp4", "attention.mp4")[: 1 + segmenter.attention]
    count, shown, current = 0, -1, tuple[Tint, ...]()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(overlay_writer(task.folder / name, video, task.sound))
            for name in names
        ]
        pictures = progress(frames_of(video), video.frames, f"{task.video.name}: overlay")
        for count, picture in enumerate(pictures, start=1):
            span = min(spans.of(count - 1), masks - 1)
            if span != shown:
                shown, current = span, tints(span)
            for writer, tint in zip(writers, current, strict=True):
                writer.write(tint.over(picture))
    return count


def _batches(chosen: Iterator[_Chosen], size: int) -> Iterator[Sequence[_Chosen]]:
    batch: list[_Chosen] = []
    for one in chosen:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _mask_path(task: VideoTask, number: int) -> Path:
    return task.folder / "masks" / f"{number:06d}.png"


def _heat_path(task: VideoTask, number: int) -> Path:
    return task.folder / "attention" / f"{number:06d}.png"


def _heat_png(prediction: Prediction) -> bytes:
    assert prediction.attention is not None
    return mask_png(np.rint(255 * prediction.attention).astype(np.uint8), GREYS)


def _read(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image)
