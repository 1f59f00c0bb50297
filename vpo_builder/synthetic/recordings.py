"""The VGGSound half: clips synthesised, and written as people download them.

Awkward on purpose, two or more of each, beside the usable clips of every class: rows whose clip
has vanished, a silent clip, a clip of 0.4 s, a wav and a flac cut short, a clip of 25 s.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.whole_files import write_atomically
from vpo_builder.synthetic.ogg import with_serial
from vpo_builder.synthetic.sounds import Take
from vpo_builder.synthetic.voices import VOICES, record

Fault = Literal["vanished", "silent", "short", "cut", "long"]

_ROWS, _WAVES, _OTHER_ROWS = 5, 6, 7
"""Streams of random numbers, one for each use of a number."""

CLIP_SECONDS = 10.0
_TEST_TAKES = (0, 3, 6)
"""Which of every ten clips of a class are of the test split."""
_FIRST_AWKWARD = 1_000_000_000
"""Numbers of the awkward clips: beyond those of the usable ones, which they must not shift."""

LABELS: dict[str, tuple[str, ...]] = {
    "airplane": ("airplane", "airplane flyby"),
    "baby": ("baby crying", "baby babbling"),
    "bird": ("bird chirping, tweeting", "bird squawking"),
    "bus": ("driving buses",),
    "car": ("race car, auto racing", "car engine starting", "car passing by"),
    "cat": ("cat meowing", "cat caterwauling"),
    "cell phone": ("telephone bell ringing", "cell phone buzzing"),
    "cow": ("cow lowing",),
    "dog": ("dog barking", "dog bow-wow"),
    "elephant": ("elephant trumpeting",),
    "female": ("female speech, woman speaking",),
    "horse": ("horse clip-clop", "horse neighing"),
    "keyboard": ("typing on computer keyboard",),
    "male": ("male speech, man speaking",),
    "motorcycle": ("driving motorcycle",),
    "mouse": ("mouse clicking",),
    "sheep": ("sheep bleating",),
    "skateboard": ("skateboarding",),
    "sports ball": ("basketball bounce", "shot football"),
    "tennis racket": ("playing tennis",),
    "zebra": ("zebra braying",),
}
"""VGGSound's labels that each class's clips carry in turn (protocol §1)."""

_ELSEWHERE = ("waterfall burbling", "playing piano", "people whistling", "chainsawing trees")
"""Labels outside the class table: VGGSound is mostly made of them."""

ALPHABET = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))


@dataclass(frozen=True)
class Form:
    """How a clip lies on disk; `stamped` names it by milliseconds instead of the second."""

    suffix: Literal["wav", "flac", "ogg"] = "wav"
    rate: int = 16_000
    channels: int = 1
    stamped: bool = False


_FORMS = {
    3: Form("flac"), 9: Form("ogg", 22_050), 14: Form(rate=44_100, channels=2),
    19: Form(rate=8_000), 24: Form("flac", 48_000), 29: Form(stamped=True),
    34: Form(rate=22_050, channels=2), 38: Form("ogg", 16_000, 2),
}  # fmt: skip
"""The forms of every 40 clips; the others are 16 kHz mono wav, fast to read and small."""


@dataclass(frozen=True)
class Recording:
    """A row of the csv and the clip that it promises."""

    youtube_id: str
    start_second: int
    label: str
    split: Literal["train", "test"]
    sound: str
    number: int
    form: Form
    fault: Fault | None = None

    @property
    def file_name(self) -> str:
        """Return the clip's file name."""
        start = self.start_second
        span = f"{start * 1000}_{start * 1000 + 10_000}" if self.form.stamped else f"{start:06d}"
        return f"{self.youtube_id}_{span}.{self.form.suffix}"


def plan_recordings(clips_per_class: int, seed: int, *, awkward: bool) -> list[Recording]:
    """Return the rows of the csv: the usable clips in rounds of all classes, then the awkward."""
    names = sorted(VOICES)
    rows = [
        _recording(name, take, take * len(names) + place, seed)
        for take in range(clips_per_class)
        for place, name in enumerate(names)
    ]
    return [*rows, *_awkward(names, seed)] if awkward else rows


def write_recordings(folder: Path, *, clips_per_class: int, seed: int, awkward: bool) -> None:
    """Write `vggsound.csv` (no header) and `audios/` into `folder`."""
    rows = plan_recordings(clips_per_class, seed, awkward=awkward)
    for row in progress(rows, len(rows), "making the synthetic recordings"):
        if row.fault != "vanished":
            write_atomically(folder / "audios" / row.file_name, render(row, seed))
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerows((r.youtube_id, r.start_second, r.label, r.split) for r in rows)
    if awkward:
        lines.writerows(_elsewhere(seed))
    write_atomically(folder / "vggsound.csv", text.getvalue().encode())


def render(row: Recording, seed: int) -> bytes:
    """Return the bytes of a clip's file."""
    rng = np.random.default_rng([seed, row.number, _WAVES])
    seconds = {"short": 0.4, "long": 25.0}.get(row.fault or "", CLIP_SECONDS)
    pitch, tempo = np.exp(rng.normal(0.0, 0.07)), np.exp(rng.uniform(-0.22, 0.22))
    take = Take(rng, row.form.rate, seconds, float(pitch), float(tempo))
    wave = record(take, row.sound)
    if row.fault == "silent":
        wave = rng.integers(-1, 2, len(wave)) / 32_768
    data = _encoded(_placed(wave, row.form.channels, rng), row.form)
    return data[: len(data) // 4] if row.fault == "cut" else data


def _recording(name: str, take: int, number: int, seed: int) -> Recording:
    rng = np.random.default_rng([seed, number, _ROWS])
    letters = rng.choice(ALPHABET, size=11)
    if number % 12 == 5:
        letters[0] = "-"
    labels = LABELS[name]
    return Recording(
        youtube_id="".join(letters),
        start_second=int(rng.integers(0, 300)),
        label=labels[take % len(labels)],
        split="test" if take % 10 in _TEST_TAKES else "train",
        sound=name,
        number=number,
        form=_FORMS.get(number % 40, Form()),
    )


def _awkward(names: list[str], seed: int) -> Iterator[Recording]:
    """Yield the clips that cannot be used, each kind in both splits, and the vanished ones."""
    faults: list[tuple[Fault, Form]] = [
        ("silent", Form()), ("short", Form()), ("cut", Form()), ("cut", Form("flac")),
        ("long", Form()), ("vanished", Form()), ("vanished", Form()),
    ]  # fmt: skip
    splits: tuple[Literal["train", "test"], ...] = ("train", "test")
    cases = [(split, *fault) for split in splits for fault in faults]
    for place, (split, fault, form) in enumerate(cases):
        row = _recording(names[place % len(names)], place, _FIRST_AWKWARD + place, seed)
        yield replace(row, split=split, fault=fault, form=form)


def _elsewhere(seed: int) -> Iterator[tuple[str, int, str, str]]:
    for number, label in enumerate(_ELSEWHERE):
        rng = np.random.default_rng([seed, number, _OTHER_ROWS])
        letters = "".join(rng.choice(ALPHABET, size=11))
        yield letters, int(rng.integers(0, 300)), label, "train" if number % 2 else "test"


def _placed(
    wave: npt.NDArray[np.float64], channels: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the wave in its channels [n, channels], louder on one side."""
    return wave[:, None] * rng.uniform(0.5, 1.0, size=channels)


def _encoded(wave: npt.NDArray[np.float64], form: Form) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, form.rate, format=form.suffix.upper())
    data = buffer.getvalue()
    return with_serial(data, 1) if form.suffix == "ogg" else data
