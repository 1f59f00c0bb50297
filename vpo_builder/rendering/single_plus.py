"""The layout of AVSBench-Single+ and how a video of S4 becomes its samples (protocol §3)."""

import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from vpo_builder.config import WindowSettings
from vpo_builder.dataset.avsbench_media import mask_values, read_recording
from vpo_builder.dataset.avsbench_trees import S4_CATEGORIES, Video
from vpo_builder.dataset.picture_hash import Hashes, difference_hash, picture_hash
from vpo_builder.dataset.schema import ClassRow, Sample, Source
from vpo_builder.records import Reason, Rejection
from vpo_builder.rendering.clip_sound import encode_wav
from vpo_builder.rendering.mask import Mask, encode_png
from vpo_builder.rendering.recording import Waveform
from vpo_builder.runtime.regular_files import UnusableFileError, read_regular
from vpo_builder.runtime.stateless_hash import text_key
from vpo_builder.runtime.whole_files import write_if_changed

CSV_NAME = "data.csv"
BACKGROUND = "background"
FRAMES, LABELS, SALIENT_LABELS, AUDIOS = "frames", "labels", "salient_labels", "audios"

CENTRE = 0.5  # mono: S4 says nothing of a place
SALIENT_PALETTE = (0,) * 3 + (255,) * 3 * 255  # value 1 looks white, as S4's own masks do
IMAGE_ID_BITS = 53  # what every reader of json keeps exactly


@dataclass(frozen=True)
class VideoTask:
    """A video of S4, the mask value of its class, and the dataset's folder to render it into."""

    video: Video
    mask_value: int
    folder: Path
    window: WindowSettings


@dataclass(frozen=True)
class RenderedVideo:
    """What a video became: its samples, what could not be used, and every file's sha256.

    `hashes` are the difference hashes of its frames.
    """

    samples: list[Sample] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    sha256: dict[Path, str] = field(default_factory=dict)
    hashes: dict[Path, Hashes] = field(default_factory=dict)


class _UnusableError(Exception):
    """A file that a sample needs and cannot have."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def single_plus_classes() -> tuple[ClassRow, ...]:
    """Return the 24 classes: background, then S4's categories; mask values are the indices."""
    named = [(BACKGROUND, BACKGROUND), *S4_CATEGORIES.items()]
    return tuple(ClassRow(n, name, n, group) for n, (name, group) in enumerate(named))


def encode_single_plus_csv(samples: Iterable[Sample]) -> bytes:
    """Return `data.csv`: one row a sample, its classes joined by a comma, background last."""
    rows = [
        (sample.sample_id, f"{sample.sources[0].category},{BACKGROUND}", sample.subset)
        for sample in sorted(samples, key=lambda sample: sample.sample_id)
    ]
    frame = pd.DataFrame(rows, columns=["name", "category", "split"])
    return frame.to_csv(index=False, lineterminator="\n").encode()


def frame_name(video: Video, number: int) -> str:
    """Return the name of a video's frame, which is also its sample's id."""
    return f"{video.name}_{number}"


def frame_files(name: str) -> tuple[str, str, str, str]:
    """Return the paths of a frame's files: itself, its label, its salient label and its sound."""
    return (
        f"{FRAMES}/{name}.png",
        f"{LABELS}/{name}.png",
        f"{SALIENT_LABELS}/{name}.png",
        f"{AUDIOS}/{name}.wav",
    )


def render_video(task: VideoTask) -> RenderedVideo:
    """Write the annotated frames of a video with their labels and sound.

    A frame that cannot be used is a rejection, and so is a video without sound, as a whole.
    """
    video, rendered = task.video, RenderedVideo()
    try:
        sound = _sound(video, task.window)
    except _UnusableError as error:
        rendered.rejections.append(Rejection("video", video.name, error.reason))
        return rendered
    for number in range(1, len(video.masks) + 1):
        try:
            sample, files, found = _render_frame(task, number, sound)
        except _UnusableError as error:
            name = frame_name(video, number)
            rendered.rejections.append(Rejection("frame", name, error.reason))
            continue
        for path, content in files.items():
            write_if_changed(path, content)
            rendered.sha256[path] = hashlib.sha256(content).hexdigest()
        rendered.hashes[task.folder / sample.image] = found
        rendered.samples.append(sample)
    return rendered


def cut_window(sound: Waveform, number: int, window: WindowSettings) -> Waveform | None:
    """Return the window of frame `number`, counted from 1; None if the recording lacks it.

    `sound` is mono at the window's rate. The window has its full length always: where it would
    leave the recording it is moved into it, by up to `max_shift_seconds`.
    """
    length = round(window.seconds * window.sample_rate)
    wanted = round((number - 1 + window.start_seconds) * window.sample_rate)
    start = min(max(wanted, 0), len(sound) - length)
    if start < 0 or abs(start - wanted) > window.max_shift_seconds * window.sample_rate:
        return None
    return sound[start : start + length]


def _sound(video: Video, window: WindowSettings) -> Waveform:
    """Return the whole recording in mono at the window's rate."""
    if not video.audio.is_file():
        seen = any(path.is_file() for path in video.images)
        raise _UnusableError(Reason.AUDIO_MISSING if seen else Reason.VIDEO_MISSING)
    try:
        sound = read_recording(video.audio, window.sample_rate)
    except (OSError, ValueError):
        raise _UnusableError(Reason.CLIP_UNDECODABLE) from None
    if len(sound) < round(window.seconds * window.sample_rate):
        raise _UnusableError(Reason.CLIP_TOO_SHORT)
    return sound


def _render_frame(
    task: VideoTask, number: int, sound: Waveform
) -> tuple[Sample, Mapping[Path, bytes], Hashes]:
    """Return a frame's sample, the bytes of its four files, and its difference hash.

    The frame is copied byte for byte. Published frames and masks are 224×224; in a copy with
    larger frames the mask is scaled to the frame, nearest, which also undoes their squeezing.
    """
    video, name = task.video, frame_name(task.video, number)
    photograph, frame = _read_image(
        video.images[number - 1], Reason.IMAGE_MISSING, Reason.IMAGE_CORRUPT
    )
    _, annotation = _read_image(video.masks[number - 1], Reason.MASK_MISSING, Reason.MASK_CORRUPT)
    try:
        values = Image.fromarray(mask_values(annotation, video.mask_form))
    except ValueError:
        raise _UnusableError(Reason.MASK_CORRUPT) from None
    foreground: Mask = np.asarray(values.resize(frame.size, Image.Resampling.NEAREST))
    if not foreground.any():
        raise _UnusableError(Reason.MASK_EMPTY)
    waveform = cut_window(sound, number, task.window)
    if waveform is None:
        raise _UnusableError(Reason.CLIP_TRUNCATED)
    image, label, salient, audio = frame_files(name)
    sample = Sample(
        sample_id=name,
        subset=video.subset,
        image_id=text_key(name) >> (64 - IMAGE_ID_BITS),
        image=image,
        mask=label,
        width=frame.width,
        height=frame.height,
        sources=(Source(video.categories[0], number, name, CENTRE),),
    )
    files = {
        task.folder / image: photograph,
        task.folder / label: encode_png(foreground * np.uint8(task.mask_value)),
        task.folder / salient: encode_png(foreground, SALIENT_PALETTE),
        task.folder / audio: encode_wav(waveform, task.window.sample_rate),
    }
    # The hash of a JPEG is that of its reduced pixels; published frames are PNG.
    found = picture_hash(photograph) if frame.format == "JPEG" else difference_hash(frame)
    return sample, files, found


def _read_image(path: Path, missing: Reason, corrupt: Reason) -> tuple[bytes, Image.Image]:
    try:
        data = read_regular(path)
    except FileNotFoundError:
        raise _UnusableError(missing) from None
    except UnusableFileError:
        raise _UnusableError(corrupt) from None
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise _UnusableError(corrupt) from None
    return data, image
