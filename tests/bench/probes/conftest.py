"""A dataset in which every class has its colour and its tone, so that models can be planted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from avs_bench.config import AudioSettings, Settings
from avs_bench.data.batch import Batch
from avs_bench.data.example import AVSDataset, Example, SoundSource

CLASSES = ("background", "cat", "dog", "male", "zebra")
SIDE, RATE = 24, 16_000
LEFT, RIGHT = np.s_[2:14, 1:11], np.s_[6:22, 13:23]

# (sounding, silent) objects as (class, place); the last two pictures show twins
SCENES = (
    (((1, LEFT),), ((2, RIGHT),)),
    (((2, RIGHT),), ((1, LEFT),)),
    (((3, RIGHT),), ()),
    (((4, LEFT),), ()),
    (((1, LEFT), (2, RIGHT)), ()),
    (((3, LEFT), (4, RIGHT)), ()),
    (((2, LEFT), (3, RIGHT)), ()),
    (((1, LEFT),), ((1, RIGHT),)),
    (((2, RIGHT),), ((2, LEFT),)),
)


def _tone(folder: Path, class_index: int) -> Path:
    path = folder / f"{class_index}.wav"
    time = np.arange(RATE) / RATE
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * 500 * class_index * time), RATE)
    return path


def _painted(objects: tuple[tuple[int, tuple[slice, slice]], ...]) -> np.ndarray:
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    for class_index, place in objects:
        pixels[place] = class_index
    return pixels


def _example(folder: Path, number: int, tones: dict[int, Path]) -> Example:
    sounding, silent = SCENES[number]
    image, mask = folder / f"{number}.png", folder / f"{number}-mask.png"
    Image.fromarray(np.repeat(_painted(sounding + silent)[..., None] * 50, 3, 2)).save(image)
    labels = _painted(sounding)
    labels[0] = 255
    Image.fromarray(labels).save(mask)
    return Example(
        example_id=f"example-{number}",
        image=image,
        mask=mask,
        height=SIDE,
        width=SIDE,
        sources=tuple(
            SoundSource(tones[index], index, pan=0.25 if place is LEFT else 0.75)
            for index, place in sounding
        ),
        groups={},
        silent=tuple(index for index, _ in silent),
        # two counterfactuals: one picture, two sounds
        picture_id="both" if number < 2 else None,
    )


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> AVSDataset:
    folder = tmp_path_factory.mktemp("toy")
    tones = {index: _tone(folder, index) for index in range(1, len(CLASSES))}
    examples = tuple(_example(folder, number, tones) for number in range(len(SCENES)))
    lookup = np.arange(256, dtype=np.uint8)
    subsets = {"train": (), "val": (), "test": examples}
    return AVSDataset("toy", folder, CLASSES, lookup, "", subsets)


@pytest.fixture
def mono(settings: Settings) -> Settings:
    image = replace(settings.image, long_side=0)
    return replace(settings, image=image, audio=AudioSettings(1, 1, 1.0, mute_cropped_out=False))


@pytest.fixture
def stereo(mono: Settings) -> Settings:
    return replace(mono, audio=replace(mono.audio, channels=2))


def seen(batch: Batch) -> torch.Tensor:
    """[B, H, W]: everything in the picture, by its colour."""
    return (batch.images[:, 0] / 50).round().long()


def loudness(batch: Batch) -> torch.Tensor:
    """[B, channels, classes]: how loud the tone of each class is; 0.1 is full for one channel."""
    spectrum = torch.fft.rfft(batch.waveforms).abs() / RATE
    return torch.stack([spectrum[..., 500 * i] for i in range(len(CLASSES))], dim=-1)


def ignores_audio(batch: Batch) -> torch.Tensor:
    return seen(batch)


def obeys_audio(batch: Batch) -> torch.Tensor:
    """Everything of a class that is heard."""
    objects, heard = seen(batch), loudness(batch).amax(dim=1) > 0.02
    rows = torch.arange(len(objects))[:, None, None]
    return torch.where(heard[rows, objects], objects, 0)


def obeys_sides(batch: Batch) -> torch.Tensor:
    """Of a class that is heard, what is on the side where it is louder."""
    objects, heard = obeys_audio(batch), loudness(batch)
    left_is_louder = heard[:, 0] > heard[:, 1]
    rows = torch.arange(len(objects))[:, None, None]
    on_left = torch.arange(SIDE) < SIDE // 2
    return torch.where(left_is_louder[rows, objects] == on_left, objects, 0)
