"""Reads AVSBench-Single+ as a stranger would who knows the published layout alone (protocol §3).

It imports nothing of the builder: names, class order and formats are written down here again.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

CLASSES = (
    *("background", "ambulance_siren", "baby_laughter", "cap_gun_shooting", "cat_meowing"),
    *("chainsawing_trees", "coyote_howling", "dog_barking", "driving_buses", "female_singing"),
    *("helicopter", "horse_clip-clop", "lawn_mowing", "lions_roaring", "male_speech"),
    *("mynah_bird_singing", "playing_acoustic_guitar", "playing_glockenspiel", "playing_piano"),
    *("playing_tabla", "playing_ukulele", "playing_violin", "race_car"),
    "typing_on_computer_keyboard",
)


@dataclass(frozen=True)
class Loaded:
    """A sample: frame [H, W, 3], label and salient [H, W], sound [16000] in 16-bit levels."""

    name: str
    classes: tuple[str, ...]
    subset: str
    frame: np.ndarray
    label: np.ndarray
    salient: np.ndarray
    sound: np.ndarray


def load(out: Path) -> list[Loaded]:
    """Return every sample below the output folder."""
    root = out / "avsbench_data_single_plus"
    with (root / "data.csv").open(newline="") as file:
        return [_sample(root, row) for row in csv.DictReader(file)]


def _sample(root: Path, row: dict[str, str]) -> Loaded:
    name = row["name"]
    sound, rate = soundfile.read(root / "audios" / f"{name}.wav", dtype="int16")
    info = soundfile.info(root / "audios" / f"{name}.wav")
    assert (rate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    label = Image.open(root / "labels" / f"{name}.png")
    assert label.mode == "P"
    return Loaded(
        name,
        tuple(row["category"].split(",")),
        row["split"],
        np.asarray(Image.open(root / "frames" / f"{name}.png").convert("RGB")),
        np.asarray(label),
        np.asarray(Image.open(root / "salient_labels" / f"{name}.png")),
        sound,
    )
