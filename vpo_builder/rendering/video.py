"""Cuts published frames and sound out of a video: the last frame of each second, 16 kHz mono."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from vpo_builder.records import Reason
from vpo_builder.rendering.clip_sound import encode_wav, resample_to_mono
from vpo_builder.rendering.decoding import (
    Excerpt,
    decode,
    ffmpeg_input,
    ffmpeg_run,
    output_arguments,
)
from vpo_builder.rendering.recording import UndecodableError
from vpo_builder.runtime.whole_files import write_atomically

SAMPLE_RATE = 16_000  # preprocess_s4.py: write_audiofile(..., fps=16000)
JPEG_QUALITY = 95
MISSING_SECONDS = 0.25
"""So much less sound than asked for is a broken transfer or a video that has been cut since."""


@dataclass(frozen=True)
class VideoPart:
    """A part of a video to publish: `images[k]` is the last frame of second k.

    Of fewer seconds than images, the last frame stands for the rest, as in the published script.
    """

    start: int
    seconds: int
    images: tuple[Path, ...]
    audio: Path


@dataclass(frozen=True)
class VideoTask:
    """A video and what to publish of it; `side` makes frames square, in pixels, 0 leaves them."""

    path: Path
    parts: tuple[VideoPart, ...]
    side: int


def publish_video(task: VideoTask) -> Reason | None:
    """Write frames and sound of a video's parts, or return why it cannot be used."""
    for part in task.parts:
        try:
            reason = _publish_part(task.path, part, task.side)
        except UndecodableError:
            reason = Reason.CLIP_UNDECODABLE
        if reason is not None:
            return reason
    return None


def _publish_part(path: Path, part: VideoPart, side: int) -> Reason | None:
    sound = decode(path, Excerpt(part.start, part.seconds))
    if sound.seconds < part.seconds - MISSING_SECONDS:
        announced = sound.announced_seconds
        short = announced is not None and announced < part.seconds - MISSING_SECONDS
        return Reason.CLIP_TOO_SHORT if short else Reason.CLIP_TRUNCATED
    frames = [_last_frame(path, part.start + second) for second in range(part.seconds)]
    frames += frames[-1:] * (len(part.images) - len(frames))
    for target, frame in zip(part.images, frames, strict=True):
        write_atomically(target, _encode(frame, target.suffix, side), durable=True)
    wav = encode_wav(resample_to_mono(sound, SAMPLE_RATE), SAMPLE_RATE)
    write_atomically(part.audio, wav, durable=True)  # last: where it is whole, the frames are too
    return None


def _last_frame(path: Path, second: int) -> Image.Image:
    """Return the last frame that begins within a second of a video."""
    source = ffmpeg_input(path, ss=second, t=1)
    # Reversed, the last frame is the first one; a second of frames is held for that.
    output = source.video.filter("reverse").output(
        "pipe:", format="image2pipe", vcodec="png", vframes=1
    )
    try:
        run = ffmpeg_run(output_arguments(output))
        frame = Image.open(io.BytesIO(run.output))
        frame.load()
    except (UndecodableError, OSError, SyntaxError) as error:
        raise UndecodableError(f"no frame in second {second}: {error}") from None
    return frame.convert("RGB")


def _encode(frame: Image.Image, suffix: str, side: int) -> bytes:
    if side:
        frame = frame.resize((side, side), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    if suffix == ".jpg":
        frame.save(buffer, "JPEG", quality=JPEG_QUALITY)
    else:
        frame.save(buffer, "PNG")
    return buffer.getvalue()
