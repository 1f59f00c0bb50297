"""Decodes the sound of videos and other containers in process, by ffmpeg's own libraries (PyAV).

A process of ffmpeg takes eight times as long over a clip of ten seconds as its sound does. Only
what is whole and plain is read here; of everything else (a damaged packet, sound that changes its
form, an end before the announced one) `decoding` asks the program, which has ways with it.
"""

import math
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from vpo_builder.rendering.announced_length import announced_by_container
from vpo_builder.rendering.recording import (
    MOST_SAMPLES,
    Recording,
    UndecodableError,
    Waveform,
    checked_recording,
    mean_of_channels,
)

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,ogg,aac,mp3,flac,wav"
"""The formats that are opened in process: a play list, which opens other files, is none of them."""
PROBED = "aac,opus,vorbis,mp3,mp2,flac,alac,ac3,eac3"
"""The decoders that opening may try: else it decodes pictures, for half of the time it takes."""
FORMS = {
    "flt": (np.float32, 1.0),
    "fltp": (np.float32, 1.0),
    "s16": (np.int16, 2**-15),
    "s16p": (np.int16, 2**-15),
}
"""The forms of samples that are read here: their type, and what makes full scale of them."""
READ_SECONDS = 30.0  # of a read that gives nothing, on a disk that has gone away
END_SECONDS = 0.1  # a frame, and rounding
BLOCK_SAMPLES = 2**13
"""So many of a channel are made mono at once.

A quarter of it takes more calls, a whole clip leaves the cache: either is a tenth slower.
"""


def decode_by_libav(path: Path, most_seconds: float | None) -> Recording | None:
    """Return the sound of a file's first audio stream, at most `most_seconds` of it.

    None for what a process of ffmpeg must judge. Raises UndecodableError for more than
    MOST_SAMPLES, OSError for a file that cannot be read.
    """
    import av  # here, since the commands' help must not wait for it

    try:
        with av.open(
            f"file:{path.resolve()}",
            options={
                "protocol_whitelist": "file",
                "format_whitelist": CONTAINERS,
                "codec_whitelist": PROBED,
            },
            timeout=READ_SECONDS,
        ) as container:
            if not container.streams.audio:
                return None
            samples, rate = _first_stream(container, most_seconds)
            container_seconds = None if container.duration is None else container.duration / 1e6
    except (av.FFmpegError, _NotPlainError):
        return None
    announced = announced_by_container(path, container_seconds)
    read_whole = most_seconds is None or len(samples) < math.ceil(most_seconds * rate)
    if read_whole and announced is not None and len(samples) / rate < announced - END_SECONDS:
        return None
    return checked_recording(samples, rate, announced)


class _NotPlainError(Exception):
    """Sound of a kind that is left to ffmpeg."""


def _first_stream(container: Any, most_seconds: float | None) -> tuple[Waveform, int]:
    """Return the mean of the channels in full scale [samples], and the rate."""
    stream = container.streams.audio[0]
    stream.codec_context.thread_count = 1
    for other in container.streams:
        if other.index != stream.index:
            other.discard = type(other.discard)["all"]
    mono, read, rate = bytearray(), 0, 0  # bytes grow where they lie
    with closing(_blocks(container, stream)) as blocks:
        for block in blocks:
            rate = block.sample_rate
            read += block.samples
            if read * block.layout.nb_channels > MOST_SAMPLES:
                raise UndecodableError(f"more than {MOST_SAMPLES} samples")
            mono += _mono(block).data
            if most_seconds is not None and read >= most_seconds * rate:
                read = math.ceil(most_seconds * rate)
                break
    if not rate:
        raise _NotPlainError
    return np.frombuffer(mono, np.float32, read), rate


def _blocks(container: Any, stream: Any) -> Generator[Any]:
    """Yield a stream's frames, put together into frames of BLOCK_SAMPLES and a last one."""
    import av

    queue = av.AudioFifo()
    forms: set[tuple[str, int, int]] = set()
    for packet in container.demux(stream):
        if packet.is_corrupt:
            raise _NotPlainError
        for frame in packet.decode():
            forms.add(_form(frame))
            if len(forms) > 1:  # the queue would read beyond the frame
                raise _NotPlainError
            frame.pts = None  # rounded by some containers: the queue takes that for a gap
            queue.write(frame)
        if queue.samples >= BLOCK_SAMPLES:
            yield queue.read()
    if queue.samples:
        yield queue.read()


def _form(frame: Any) -> tuple[str, int, int]:
    """Return what must stay the same: the kind of samples, the rate, the number of channels."""
    return frame.format.name, frame.sample_rate, frame.layout.nb_channels


def _mono(block: Any) -> Waveform:
    """Return the mean of a frame's channels."""
    if block.format.name not in FORMS:
        raise _NotPlainError
    sample_type, scale = FORMS[block.format.name]
    channels = block.layout.nb_channels
    count = block.samples * (1 if block.format.is_planar else channels)
    # PyAV's own `to_ndarray` takes three times as long: it stacks them.
    planes = [np.frombuffer(plane, sample_type, count) for plane in block.planes]
    samples = [plane.astype(np.float32, copy=False) for plane in planes]
    return mean_of_channels(
        samples if block.format.is_planar else samples[0].reshape(-1, channels).T, scale
    )
