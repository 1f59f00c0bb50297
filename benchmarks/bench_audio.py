"""Preparing clips, 16 kHz mono wavs of whole recordings, against ffmpeg's libraries at their best.

Recordings of ten seconds: stereo at 44.1 kHz, as videos have it, in the formats of sound and as
AAC (mp4, beside moving pictures, and m4a); and mono at 16 kHz, as copies of VGGSound made for
audio models have it. Ours also checks each clip (whole, long enough, not silent, not clipped) and
hashes it. The baselines (`plain_rendering.py`) are PyAV's decoder and resampler in one process,
and a process a clip of the static ffmpeg that imageio-ffmpeg brings. All on one core, in turns,
equally often, by the time that it works for them, and with them the two parts of ours that are
libraries' work: decoding (libsndfile, ffmpeg's of AAC) and resampling (soxr) alone. What bounds a
row is said from these, in the same run.

Checked: all wavs have the same length and rate, and differ by at most 1 % of the sound's power
(the two resamplers end their pass band differently; Vorbis decoders may round differently).
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr
from full_size import benchmark_folder
from measuring import (
    Rows,
    at_least,
    medians_in_turns,
    on_one_core,
    processor_time,
    refuse_difference,
)
from media import AAC, play
from plain_rendering import SAMPLE_RATE as RATE
from plain_rendering import (
    convert_in_process,
    convert_plainly,
    library_version,
    program_version,
)

from vpo_builder.config import BuildConfig, load_config
from vpo_builder.rendering.clip_place import ClipPlace
from vpo_builder.rendering.clip_sound import ClipTask, prepare_clip
from vpo_builder.rendering.decoding import decode
from vpo_builder.rendering.libav import decode_by_libav
from vpo_builder.rendering.recording import Recording
from vpo_builder.runtime.executors import SerialExecutor

MOST_NOISE = 0.01  # of the power
GOALS = {False: {"library": 1.2, "program": 2.0}, True: {"library": 1.0, "program": 1.2}}
"""What to reach against PyAV and the program, by whether the recording is AAC."""
REST = (
    "the rest, profiled, is of stereo a third its mean, a quarter writing and noting the clip, and "
    "a tenth to a fifth each judging, hashing, encoding and opening; tried and no faster: reading, "
    "averaging, judging and encoding by blocks, libsndfile without soundfile, PyAV's decoder (of "
    "ogg it is faster, with other last bits)"
)
FORMS = (
    ("44.1 kHz stereo", 44_100, 2, ("wav", "flac", "ogg", "mp4", "m4a")),
    ("16 kHz mono", 16_000, 1, ("wav", "flac", "ogg")),
)


def recordings(suffix: str, rate: int, channels: int, count: int) -> list[Path]:
    """Return so many recordings of a format, written unless they are there."""
    folder = benchmark_folder() / f"recordings-{rate}-{channels}"
    paths = [folder / f"{number}.{suffix}" for number in range(count)]
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        if not path.exists():
            part = path.with_name(f"part-{path.name}")
            play(part, number, rate, channels)
            part.rename(path)
    return paths


def prepare(paths: list[Path], folder: Path, config: BuildConfig) -> None:
    """Ours: every clip into a new folder, as a build with one worker does it."""
    shutil.rmtree(folder, ignore_errors=True)
    places = [ClipPlace(folder / f"{path.stem}.wav") for path in paths]
    tasks = [
        ClipTask(path, place, config.clips, config.audio)
        for path, place in zip(paths, places, strict=True)
    ]
    reasons = list(SerialExecutor().stream(prepare_clip, tasks))
    refuse_difference("reasons against clips", reasons, [None] * len(tasks))


def decode_only(paths: list[Path]) -> None:
    """The part of ours that a library does: read everything, in the type that is fastest."""
    for path in paths:
        if path.suffix in AAC:
            decode_by_libav(path, None)
            continue
        with soundfile.SoundFile(path) as file:
            file.read(dtype="int16" if file.subtype == "PCM_16" else "float32")


def resample_only(recording: Recording, times: int) -> None:
    """The part of ours that soxr does, so many times; of 16 kHz there is nothing to do."""
    for _ in range(times if recording.sample_rate != RATE else 0):
        soxr.resample(recording.mono, recording.sample_rate, RATE, quality="HQ")


def bound(times: dict[str, float], side: str) -> str:
    """Say how much of our time the libraries take, and what ratio they alone would allow."""
    decoding, resampling = (times[part] / times["ours"] for part in ("decoding", "resampling"))
    best = times[side] / (times["decoding"] + times["resampling"])
    return (
        f"the library's decoding alone takes {decoding:.0%} of our time and soxr's resampling "
        f"{resampling:.0%}, both measured in this run: the two by themselves would be {best:.1f}x; "
        + REST
    )


def convert(paths: list[Path], folder: Path, program: Callable[[Path, Path], None]) -> None:
    """A baseline: every clip into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in paths:
        program(path, folder / f"{path.stem}.wav")


def refuse_other_sound(ours: Path, theirs: Path) -> None:
    """End the program unless two wavs hold the same sound."""
    (here, rate), (there, other) = (soundfile.read(p, dtype="float32") for p in (ours, theirs))
    refuse_difference(f"{ours.name}: samples and rate", (here.shape, rate), (there.shape, other))
    noise = float(np.square(here - there).mean() / np.square(there).mean())
    refuse_difference(f"{ours.name}: differs by more than {MOST_NOISE}", noise > MOST_NOISE, False)


def measure(paths: list[Path], repeats: int, config: BuildConfig) -> dict[str, float]:
    """Return the processor's seconds of both baselines, ours and its parts over all paths."""
    with tempfile.TemporaryDirectory(dir=benchmark_folder()) as made, on_one_core():
        ours, library, program = (Path(made, side) for side in ("ours", "library", "program"))
        programs = {
            "ours": partial(prepare, paths, ours, config),
            "library": partial(convert, paths, library, convert_in_process),
            "program": partial(convert, paths, program, convert_plainly),
            "decoding": partial(decode_only, paths),
            "resampling": partial(resample_only, decode(paths[0]), len(paths)),
        }
        timed = {name: partial(processor_time, side) for name, side in programs.items()}
        times = medians_in_turns(timed, repeats)
        for path in paths:
            for other in (library, program):
                refuse_other_sound(ours / f"{path.stem}.wav", other / f"{path.stem}.wav")
    return times


def main() -> None:
    """Measure each format, then print it against each baseline."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    config = load_config("default")
    found = {}
    for form, rate, channels, suffixes in FORMS:
        for suffix in suffixes:
            paths = recordings(suffix, rate, channels, options.clips)
            found[f"{suffix}, {form}"] = measure(paths, options.repeats, config)
    for side, against in (("library", library_version()), ("program", program_version())):
        rows = Rows("audio preparation, clips of 10 s, one core", against)
        for name, times in found.items():
            here, there = (options.clips / times[one] for one in ("ours", side))
            goal = GOALS[f".{name.partition(',')[0]}" in AAC][side]
            rows.add(name, here, there, "/s", at_least(goal), bound=bound(times, side))


if __name__ == "__main__":
    main()
