"""Videos: what they are, their frames at an even rate, and overlays with the original sound."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from avs_bench.painting import Pixels
from avs_bench.prediction.ffmpeg_streams import STALL_SECONDS, Pipe, reading, writing
from avs_bench.prediction.given_files import open_given
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.ffmpeg_program import FfmpegError, run_ffmpeg, source
from vpo_builder.runtime.whole_files import atomic_path

LONG_SIDE = 1280
"""Pixels of an overlay's longer side at most; masks have the overlay's size."""
MAX_RATE = 60
"""Frames a second at most: some files announce the ticks of their clock instead."""
MISSING_SECONDS, COMPLAINT_SECONDS = 2.0, 0.5
"""How much shorter than announced a video may be: quietly, and where ffmpeg complains."""
FRAME_BYTES = 2**28
"""More than a frame of 16,384 × 8,192 pixels takes."""
COPIED_CODECS = ("aac", "mp3", "ac3")
"""Sound that an mp4 holds and browsers or players know is copied, bit by bit."""

_HEADER = re.compile(rb"YUV4MPEG2 W(\d+) H(\d+) F(\d+):(\d+)(?:.* A(\d+):(\d+))?")
_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+\.\d+)")
_SOUND = re.compile(r"Stream #\d+:\d+.*: Audio: (\w+)")


@dataclass(frozen=True)
class Video:
    """A video as it is shown: upright, with square pixels, at an even `rate` a second.

    `seconds` is the length that the file announces, `sound` the codec of its first sound, of which
    `sound_seconds` were heard.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    seconds: float | None
    sound: str | None
    sound_seconds: float = 0.0

    @property
    def frames(self) -> int | None:
        """About how many frames there are, None if the file does not announce its length."""
        return round(self.seconds * self.rate) if self.seconds else None


def read_video(path: Path) -> Video:
    """Look at a video's first frame; raise InputError for a file that is none."""
    open_given(path, "a video").close()
    first = ["-map", "0:V:0", "-frames:v", "1", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-"]
    try:
        looked = run_ffmpeg([*source(path), *first], seconds=STALL_SECONDS, most_bytes=FRAME_BYTES)
    except FfmpegError as error:
        raise InputError(f"{path}: no video that ffmpeg can read: {error}") from None
    header = _HEADER.match(looked.output)
    if header is None:
        raise InputError(f"{path}: no frame in it: expected a video")
    width, height, frames, ticks, across, down = (int(part or 0) for part in header.groups())
    shape = across / down if across and down else 1.0
    factor = min(1.0, LONG_SIDE / max(width * shape, height))
    announced, sound = _DURATION.search(looked.said), _SOUND.search(looked.said)
    hours, minutes, seconds = map(float, announced.groups()) if announced else (0.0, 0.0, 0.0)
    return Video(
        path,
        width=_even(width * shape * factor),
        height=_even(height * factor),
        rate=min(Fraction(frames, ticks or 1), Fraction(MAX_RATE)),
        seconds=3600 * hours + 60 * minutes + seconds if announced else None,
        sound=sound.group(1) if sound else None,
    )


def frames_of(video: Video) -> Iterator[Pixels]:
    """Yield every frame, RGB [height, width, 3]; the n-th is shown from n / rate seconds on.

    Raises InputError for a file that is corrupt or cut short, after the frames before the damage.
    """
    size = f"scale={video.width}:{video.height},setsar=1"
    even = f"fps={video.rate}:start_time=0"
    form = ["-map", "0:V:0", "-vf", f"{even},{size}", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    bytes_a_frame = 3 * video.width * video.height
    count = 0
    try:
        with reading([*source(video.path), *form]) as pipe:
            while (data := pipe.read(bytes_a_frame)) is not None:
                yield np.frombuffer(data, np.uint8).reshape(video.height, video.width, 3)
                count += 1
            complaint = pipe.complaint()
    except FfmpegError as error:
        raise InputError(
            f"{video.path}: damaged after {float(count / video.rate):.2f} s: {error}: "
            "copy or download it again"
        ) from None
    _refuse_cut_short(video, float(count / video.rate), complaint)


@contextmanager
def overlay_writer(path: Path, video: Video, sound: Path | None) -> Iterator["FrameWriter"]:
    """Yield a writer of an mp4 like `video`, with the sound of the file `sound`.

    The file appears when it is complete. H.264 in 4:2:0, which everything plays.
    """
    shape = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{video.width}x{video.height}"]
    pictures = [*shape, "-framerate", str(video.rate), "-i", "pipe:0"]
    coded = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]
    heard: list[str] = []
    if sound is not None:
        codec = "copy" if video.path == sound and video.sound in COPIED_CODECS else "aac"
        heard = ["-map", "1:a:0", "-c:a", codec, *([] if codec == "copy" else ["-b:a", "192k"])]
    inputs = [*pictures, *(source(sound) if sound else [])]
    with atomic_path(path) as temporary:
        place = ["-movflags", "+faststart", "-y", f"file:{temporary.resolve()}"]
        try:
            with writing([*inputs, "-map", "0:v", *coded, *heard, *place]) as pipe:
                yield FrameWriter(pipe)
        except FfmpegError as error:
            raise InputError(f"{path}: ffmpeg could not write the overlay: {error}") from None


class FrameWriter:
    """Takes the frames of an overlay, RGB [height, width, 3], one after the other."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe

    def write(self, frame: Pixels) -> None:
        """Append a frame."""
        self._pipe.write(np.ascontiguousarray(frame).tobytes())


def _refuse_cut_short(video: Video, found: float, complaint: str) -> None:
    """Raise InputError for a video that ends long before its time, or early with a complaint.

    Sound may outlast the pictures: a container announces the longer of the two, and where all of
    the sound is there the file is whole.
    """
    missing = (video.seconds or 0) - found
    if not complaint and video.sound_seconds > (video.seconds or 0) - COMPLAINT_SECONDS:
        missing = 0.0
    if not found or missing > (COMPLAINT_SECONDS if complaint else found / 4 + MISSING_SECONDS):
        raise InputError(
            f"{video.path}: {found:.2f} s of frames where {video.seconds or 0:.2f} s are announced"
            f"{': ' if complaint else ''}{complaint}: cut short or damaged: copy it again"
        )


def _even(side: float) -> int:
    """4:2:0 needs even sides."""
    return max(2, 2 * round(side / 2))
