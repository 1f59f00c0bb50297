"""The best and the worst answers of an evaluation, kept with all that is needed to show them.

Needs no torch: an evaluation writes them beside the scores, a report reads them.
"""

import io
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from avs_bench.data.audio import SAMPLE_RATE, Waveform
from avs_bench.metrics import Confusion, iou_per_class_dataset
from avs_bench.painting import Pixels, jpeg, mask_png
from vpo_builder.dataset.class_colours import class_colours
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.whole_files import write_atomically

LONG_SIDE = 480
"""Pixels of the copies that are shown."""
INDEX = "index.json"
MP3_COMPRESSION = 0.7  # about 40 kbit/s for a mono recording at 16 kHz

Side = Literal["best", "worst"]


@dataclass(frozen=True)
class ShownExample:
    """An example to look at and to listen to; its files lie beside the index.

    `score` is the mean IoU over the classes that are labelled or predicted, background left out
    (1 if there are none). `heard` and `predicted` are class names.
    """

    side: Side
    example_id: str
    score: float
    heard: tuple[str, ...]
    predicted: tuple[str, ...]
    picture: str
    target: str
    pred: str
    sound: str


@dataclass(frozen=True)
class Candidate:
    """What there is to show: RGB [H, W, 3], masks [H', W'], and the sound [channels, samples]."""

    picture: Pixels
    target: Pixels
    pred: Pixels
    sound: Waveform
    heard: tuple[str, ...]


@dataclass(frozen=True)
class _Kept:
    score: float
    example_id: str
    unit: str
    candidate: Candidate


class Showcase:
    """Keeps the `each` best and worst examples, no more than one of a picture or video on a side.

    Which they are does not depend on the order in which they are offered.
    """

    def __init__(self, each: int) -> None:
        self._each = each
        self._best: list[_Kept] = []
        self._worst: list[_Kept] = []

    def offer(
        self, example_id: str, unit: str, confusion: Confusion, make: Callable[[], Candidate]
    ) -> None:
        """Consider an example; `make` is called only if it is kept for now."""
        score = example_score(confusion)
        for kept, sign in ((self._best, -1), (self._worst, 1)):
            full = len(kept) >= self._each
            if full and (sign * score, example_id) > (sign * kept[-1].score, kept[-1].example_id):
                continue
            kept.append(_Kept(score, example_id, unit, make()))
            kept.sort(key=lambda one: (sign * one.score, one.example_id))
            first = {one.unit: one for one in reversed(kept)}
            kept[:] = [one for one in kept if first[one.unit] is one][: self._each]

    def write(self, folder: Path, classes: Sequence[str]) -> tuple[ShownExample, ...]:
        """Write the examples and their index into `folder`, replacing what an older one held.

        `classes` are names by index, background first.
        """
        shutil.rmtree(folder, ignore_errors=True)
        best, worst = self._sides()
        chosen: list[tuple[Side, _Kept]] = [("best", one) for one in best]
        chosen += [("worst", one) for one in worst]
        shown = tuple(
            _write(folder, number, side, one, classes) for number, (side, one) in enumerate(chosen)
        )
        write_atomically(folder / INDEX, msgspec.json.encode(shown) + b"\n")
        return shown

    def _sides(self) -> tuple[list[_Kept], list[_Kept]]:
        """Return the best and the worst; of a small set, its better and its worse half."""
        best, worst = _by_id(self._best), _by_id(self._worst)
        if not best.keys() & worst.keys():
            return self._best, self._worst
        every = sorted((best | worst).values(), key=lambda one: (-one.score, one.example_id))
        half = (len(every) + 1) // 2
        return every[:half], every[half:][::-1]


def _by_id(kept: Iterable[_Kept]) -> dict[str, _Kept]:
    return {one.example_id: one for one in kept}


def read_showcase(folder: Path) -> tuple[ShownExample, ...]:
    """Return what `Showcase.write` left in a folder, nothing if there is none."""
    path = folder / INDEX
    if not path.exists():
        return ()
    try:
        shown = msgspec.json.decode(path.read_bytes(), type=tuple[ShownExample, ...])
    except (OSError, *BAD_JSON) as error:
        raise InputError(f"{path}: not the index of examples: {error}; evaluate again") from None
    for example in shown:
        for name in (example.picture, example.target, example.pred, example.sound):
            if Path(name).name != name or not (folder / name).is_file():
                raise InputError(f"{path}: names {name!r}, which is not beside it: evaluate again")
    return shown


def example_score(confusion: Confusion) -> float:
    """Return the mean IoU over the objects' classes labelled or predicted, 1 without any."""
    _, predicted, labelled = confusion.areas
    present = np.flatnonzero((predicted + labelled)[1:]) + 1
    return float(iou_per_class_dataset(confusion)[present].mean()) if present.size else 1.0


def sound_mp3(sound: Waveform) -> bytes:
    """Return a sound [channels, samples] at 16 kHz as MP3, which every browser plays."""
    buffer = io.BytesIO()
    loud = np.clip(sound.T, -1, 1)
    soundfile.write(buffer, loud, SAMPLE_RATE, format="MP3", compression_level=MP3_COMPRESSION)
    return buffer.getvalue()


def thumbnail(pixels: Pixels, long_side: int = LONG_SIDE) -> Pixels:
    """Return RGB [H, W, 3] or a mask [H, W] with its longer side at most `long_side`."""
    image = Image.fromarray(pixels)
    method = Image.Resampling.NEAREST if pixels.ndim == 2 else Image.Resampling.LANCZOS
    image.thumbnail((long_side, long_side), method)
    return np.asarray(image)


def _write(
    folder: Path, number: int, side: Side, kept: _Kept, classes: Sequence[str]
) -> ShownExample:
    candidate, colours = kept.candidate, class_colours(len(classes))
    names = [
        f"{number:02d}-{what}" for what in ("picture.jpg", "target.png", "pred.png", "heard.mp3")
    ]
    contents = (
        jpeg(thumbnail(candidate.picture)),
        mask_png(thumbnail(candidate.target), colours),
        mask_png(thumbnail(candidate.pred), colours),
        sound_mp3(candidate.sound),
    )
    for name, content in zip(names, contents, strict=True):
        write_atomically(folder / name, content)
    found: NDArray[np.integer] = np.unique(candidate.pred)
    predicted = tuple(classes[index] for index in found if index)
    return ShownExample(side, kept.example_id, kept.score, candidate.heard, predicted, *names)
