"""A made-up S4 tree in AVSBench's layout: a figure moves through a picture and sounds.

Ten of S4's 23 categories have a figure and a voice here; the others stay empty.
"""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from vpo_builder.dataset.avsbench_trees import FRAMES
from vpo_builder.dataset.schema import Subset
from vpo_builder.rendering.clip_sound import encode_wav
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.whole_files import write_atomically
from vpo_builder.synthetic.backdrops import PLACES, backdrop
from vpo_builder.synthetic.corpus import claim_corpus, finish_corpus
from vpo_builder.synthetic.figures import SOUNDING
from vpo_builder.synthetic.layout import Standing, Wish, set_down
from vpo_builder.synthetic.painting import paint
from vpo_builder.synthetic.recordings import ALPHABET
from vpo_builder.synthetic.sounds import Take
from vpo_builder.synthetic.voices import record

FIGURES = {
    "baby_laughter": "baby", "cat_meowing": "cat", "dog_barking": "dog", "driving_buses": "bus",
    "female_singing": "female", "horse_clip-clop": "horse", "male_speech": "male",
    "mynah_bird_singing": "bird", "race_car": "car", "typing_on_computer_keyboard": "keyboard",
}  # fmt: skip
"""The figure, and the voice, of each category that is drawn."""

_VERSION = 1
"""Raised whenever the same options give other bytes."""
_SIZE = (224, 224)  # as published
_RATE = 16_000  # as published
_SECONDS = 5.0
_SHORT_SECONDS = 4.96  # real recordings end some milliseconds early or late
_SUBSETS: tuple[Subset, ...] = (
    *("train", "val", "test", "train", "train", "train"),
    *("train", "val", "test", "train", "train", "train"),
)
"""The subset of a category's videos in turn: two thirds train, so that three videos have all."""
_ROWS, _PIXELS, _WAVES = 20, 21, 22
"""Streams of random numbers; `scenes`, `pictures` and `recordings` have those below."""
_VANISHED = 5
"""The number of the video that is listed and not there."""


@dataclass(frozen=True)
class _Video:
    number: int
    name: str
    category: str
    subset: Subset
    start: int

    @property
    def place(self) -> Path:
        return Path(self.subset, self.category)


def write_synthetic_s4(folder: Path, *, videos_per_category: int = 12, seed: int = 0) -> Path:
    """Write `s4_meta_data.csv` and `s4_data/` into `folder` and return it.

    The bytes depend on the options alone, and a video's on the seed and its number. One video is
    listed and absent; every eighth recording ends early. A folder that already holds this tree is
    left as it is. Raises InputError for a number below 1 and for a folder that holds anything else.
    """
    if videos_per_category < 1 or seed < 0:
        raise InputError(
            "synthetic S4: expected videos_per_category >= 1 and seed >= 0, got "
            f"{videos_per_category} and {seed}"
        )
    options = {"version": _VERSION, "videos_per_category": videos_per_category, "seed": seed}
    stamp = msgspec.json.encode({"s4": options}) + b"\n"
    if claim_corpus(folder, stamp):
        return folder
    count = videos_per_category * len(FIGURES)
    videos = [_plan(number, seed) for number in range(count)]
    for video in progress(videos, len(videos), "drawing the synthetic videos"):
        if video.number != _VANISHED:
            _write_video(folder / "s4_data", video, seed)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("name", "start", "category", "split"))
    rows.writerows((v.name, v.start, v.category, v.subset) for v in videos)
    write_atomically(folder / "s4_meta_data.csv", text.getvalue().encode())
    finish_corpus(folder)
    return folder


def _plan(number: int, seed: int) -> _Video:
    turn, place = divmod(number, len(FIGURES))
    rng = np.random.default_rng([seed, number, _ROWS])
    letters = rng.choice(ALPHABET, size=11)
    if number % 12 == 5:
        letters[0] = "-"
    name, start = "".join(letters), int(rng.integers(0, 6))
    return _Video(number, name, list(FIGURES)[place], _SUBSETS[turn % len(_SUBSETS)], start)


def _write_video(root: Path, video: _Video, seed: int) -> None:
    wav = encode_wav(_sound(video, seed), _RATE)
    write_atomically(root / "audio_wav" / video.place / f"{video.name}.wav", wav)
    for number in range(1, FRAMES + 1):
        frame, mask = _draw(video, number, seed)
        file = video.place / video.name / f"{video.name}_{number}.png"
        write_atomically(root / "visual_frames" / file, _png(frame))
        if number == 1 or video.subset != "train":
            write_atomically(root / "gt_masks" / file, _png(mask))


def _sound(video: _Video, seed: int) -> npt.NDArray[np.float32]:
    """Return the recording [samples, 2] in full scale."""
    rng = np.random.default_rng([seed, video.number, _WAVES])
    seconds = _SHORT_SECONDS if video.number % 8 == 3 else _SECONDS
    pitch, tempo = np.exp(rng.normal(0.0, 0.07)), np.exp(rng.uniform(-0.22, 0.22))
    take = Take(rng, _RATE, seconds, float(pitch), float(tempo))
    wave = record(take, FIGURES[video.category])
    return (wave[:, None] * rng.uniform(0.7, 1.0, size=2)).astype(np.float32)


def _draw(video: _Video, number: int, seed: int) -> tuple[Image.Image, Image.Image]:
    """Return a frame and its mask.

    The frames of a video begin the same stream anew, so that figure and backdrop stay what they
    are and only the figure's place differs.
    """
    rng = np.random.default_rng([seed, video.number, _PIXELS])
    behind = backdrop(str(rng.choice(PLACES)), _SIZE, rng)
    first, last = rng.uniform(0.0, 1.0, size=2)
    column = first + (last - first) * (number - 1) / (FRAMES - 1)
    wish = Wish(float(rng.uniform(0.35, 0.6)), column=float(column))
    standing = set_down(SOUNDING[FIGURES[video.category]], wish, _SIZE, [], rng)
    return Image.fromarray(paint([standing], behind, rng)), _outline(standing)


def _outline(standing: Standing) -> Image.Image:
    mask = Image.new("L", _SIZE)
    pencil = ImageDraw.Draw(mask)
    for part in standing.parts:
        if not part.inside:
            pencil.polygon(part.points.ravel().tolist(), fill=255)
    return mask


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
