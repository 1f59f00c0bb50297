"""Preparing clips, 16 kHz mono wavs of whole recordings, against one ffmpeg process a clip.

Recordings of ten seconds in the formats that are read without ffmpeg: stereo at 44.1 kHz, as
videos have it, and mono at 16 kHz, as copies of VGGSound made for audio models have it. Ours also
checks each clip (whole, long enough, not silent, not clipped); the baseline (`plain_rendering.py`)
is a process of ffmpeg for each clip, as the scripts of the field do it, with the system's ffmpeg.
Both on one core, in turns, and with them the two parts of ours that are libraries' work: decoding
(libsndfile) and resampling (soxr) alone. What bounds a row is said from these, in the same run.

Checked: both wavs have the same length and rate, and differ by at most 1 % of the sound's power
(the two resamplers end their pass band differently; Vorbis decoders may round differently).
"""

import argparse
import itertools
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr
from full_size import benchmark_folder
from measuring import Rows, at_least, medians_in_turns, on_one_core, refuse_difference, seconds
from media import play
from plain_rendering import SAMPLE_RATE as RATE
from plain_rendering import convert_plainly

from vpo_builder.config import BuildConfig, load_config
from vpo_builder.rendering.clip_place import ClipPlace
from vpo_builder.rendering.clip_sound import ClipTask, prepare_clip

GOAL = 12
MOST_NOISE = 0.01  # of the power
SUFFIXES = ("wav", "flac", "ogg")
FORMS = {"44.1 kHz stereo": (44_100, 2), "16 kHz mono": (16_000, 1)}


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
    """Ours: every clip into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in paths:
        task = ClipTask(path, ClipPlace(folder / f"{path.stem}.wav"), config.clips, config.audio)
        refuse_difference(f"{path}: reason against it", prepare_clip(task), None)


def decode_only(paths: list[Path]) -> None:
    """The part of ours that libsndfile does: read everything, in the type that is fastest."""
    for path in paths:
        with soundfile.SoundFile(path) as file:
            file.read(dtype="int16" if file.subtype == "PCM_16" else "float32")


def resample_only(path: Path, times: int) -> None:
    """The part of ours that soxr does, so many times; of 16 kHz there is nothing to do."""
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = np.ascontiguousarray(wave[:, 0])
    for _ in range(times if rate != RATE else 0):
        soxr.resample(mono, rate, RATE, quality="HQ")


def bound(times: dict[str, float]) -> str:
    """Say how much of our time the libraries take, and what ratio they alone would allow."""
    decoding, resampling = (times[part] / times["ours"] for part in ("decoding", "resampling"))
    best = times["theirs"] / (times["decoding"] + times["resampling"])
    return (
        f"libsndfile's decoding alone takes {decoding:.0%} of our time and soxr's resampling "
        f"{resampling:.0%}, both measured in this run: the two by themselves would be {best:.1f}x"
    )


def convert(paths: list[Path], folder: Path) -> None:
    """The baseline: every clip into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in paths:
        convert_plainly(path, folder / f"{path.stem}.wav")


def refuse_other_sound(ours: Path, theirs: Path) -> None:
    """End the program unless two wavs hold the same sound."""
    (here, rate), (there, other) = (soundfile.read(p, dtype="float32") for p in (ours, theirs))
    refuse_difference(f"{ours.name}: samples and rate", (here.shape, rate), (there.shape, other))
    noise = float(np.square(here - there).mean() / np.square(there).mean())
    refuse_difference(f"{ours.name}: differs by more than {MOST_NOISE}", noise > MOST_NOISE, False)


def main() -> None:
    """Measure each format."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    config = load_config("default")
    rows = Rows("audio preparation, clips of 10 s, one core", "one ffmpeg process a clip")
    with tempfile.TemporaryDirectory(dir=benchmark_folder()) as made, on_one_core():
        ours, theirs = Path(made, "ours"), Path(made, "theirs")
        for (form, (rate, channels)), suffix in itertools.product(FORMS.items(), SUFFIXES):
            paths = recordings(suffix, rate, channels, options.clips)
            programs = {
                "ours": partial(seconds, partial(prepare, paths, ours, config)),
                "theirs": partial(seconds, partial(convert, paths, theirs)),
                "decoding": partial(seconds, partial(decode_only, paths)),
                "resampling": partial(seconds, partial(resample_only, paths[0], len(paths))),
            }
            times = medians_in_turns(programs, options.repeats)
            for path in paths:
                refuse_other_sound(ours / f"{path.stem}.wav", theirs / f"{path.stem}.wav")
            here, there = (options.clips / times[side] for side in ("ours", "theirs"))
            rows.add(f"{suffix}, {form}", here, there, "/s", at_least(GOAL), bound=bound(times))


if __name__ == "__main__":
    main()
