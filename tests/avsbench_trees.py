"""Writes small S4, MS3 and AVSS trees exactly as AVSBench is published, quirks included.

Sizes and lengths of the real ones: frames and masks of 224×224 in S4 and MS3, native in AVSS;
recordings of 5 s, 10 s in AVSS's v2, at 16 kHz in two channels. Each `write_*` returns the folder
that a user would give.
"""

import csv
import hashlib
import json
import pickle
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

SAMPLE_RATE = 16_000
FOREGROUND = 255
AVSS_CLASSES = (
    *("background", "cat", "dog", "emergency-car", "guitar", "man"),
    *(f"class-{number:02d}" for number in range(65)),
)
"""71 names as `label2idx.json` lists them; all but the first six are made up."""
VOC = np.array(
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128], [128, 0, 128]], np.uint8
)
"""PASCAL VOC's colours of the first six classes, which `labels_rgb` has."""


@dataclass(frozen=True)
class MadeVideo:
    """A video to make up; `seconds` is its recording's length, `folder` AVSS's."""

    name: str
    subset: str
    categories: tuple[str, ...] = ()
    seconds: float = 5.0
    folder: str = ""


S4_VIDEOS = (
    MadeVideo("-0aBcDeFgHi", "train", ("cat_meowing",)),
    MadeVideo("1rAcEcAr_cE", "train", ("race_car",)),
    MadeVideo("2dOgTrAiN-d", "train", ("dog_barking",), seconds=4.96),
    MadeVideo("3vAlCaTvAl3", "val", ("cat_meowing",)),
    MadeVideo("4tEsTdOg_t4", "test", ("dog_barking",), seconds=5.03),
    MadeVideo("5tEsTpIaNo5", "test", ("playing_piano",)),
)
MS3_VIDEOS = (
    MadeVideo("-mS3TrAiN-1", "train"),
    MadeVideo("mS3VaL_aaa2", "val"),
    MadeVideo("mS3TeSt_aa3", "test"),
)
AVSS_VIDEOS = (
    MadeVideo("-avss_s1_0_5000", "train", ("cat",), folder="v1s"),
    MadeVideo("avss_s2_1000_6000", "val", ("dog",), folder="v1s"),
    MadeVideo("avss_m1_0_5000", "train", ("dog", "man"), folder="v1m"),
    MadeVideo("avss_m2_0_5000", "test", ("guitar", "man"), folder="v1m"),
    MadeVideo("avss_w1_0_10000", "train", ("emergency-car",), seconds=10.0, folder="v2"),
    MadeVideo("avss_w2_5000_15000", "test", ("cat", "dog"), seconds=10.0, folder="v2"),
)


def write_s4(
    folder: Path,
    videos: Sequence[MadeVideo] = S4_VIDEOS,
    size: tuple[int, int] = (32, 32),
    frame_size: tuple[int, int] | None = None,
) -> Path:
    """Write `Single-source/` below `folder`; masks have `size`, frames `frame_size` or that."""
    root = folder / "Single-source" / "s4_data"
    rows = [(v.name, place % 6, v.categories[0], v.subset) for place, v in enumerate(videos)]
    _write_csv(root.parent / "s4_meta_data.csv", ("name", "start", "category", "split"), rows)
    for video in videos:
        place = Path(video.subset, video.categories[0])
        _write_sound(root / "audio_wav" / place / f"{video.name}.wav", video)
        _write_pickle(root / "audio_log_mel" / place / f"{video.name}.pkl", folder)
        for number in range(1, 6):
            file = Path(place, video.name, f"{video.name}_{number}.png")
            _save(photograph(video.name, number, frame_size or size), root / "visual_frames" / file)
            if number == 1 or video.subset != "train":
                mask = Image.fromarray(outline(video.name, number, size) * np.uint8(FOREGROUND))
                _save(mask, root / "gt_masks" / file)
    return folder


def write_ms3(
    folder: Path, videos: Sequence[MadeVideo] = MS3_VIDEOS, size: tuple[int, int] = (32, 32)
) -> Path:
    """Write `Multi-sources/`: frames lie in no subset's folder and have ".mp4" in their names."""
    root = folder / "Multi-sources" / "ms3_data"
    rows = [(video.name, 0, video.subset) for video in videos]
    _write_csv(root.parent / "ms3_meta_data.csv", ("video_id", "start", "split"), rows)
    for video in videos:
        _write_sound(root / "audio_wav" / video.subset / f"{video.name}.wav", video)
        _write_pickle(root / "audio_log_mel" / video.subset / f"{video.name}.pkl", folder)
        for number in range(1, 6):
            frame = root / "visual_frames" / video.name / f"{video.name}.mp4_{number}.png"
            _save(photograph(video.name, number, size), frame)
            mask = _palette_image(outline(video.name, number, size) * np.uint8(FOREGROUND))
            mask_name = f"{video.name}_{number}.png"
            _save(mask, root / "gt_masks" / video.subset / video.name / mask_name)
    return folder


def write_avss(
    folder: Path,
    videos: Sequence[MadeVideo] = AVSS_VIDEOS,
    size: tuple[int, int] = (40, 24),
    one_based: bool = False,
) -> Path:
    """Write `AVSBench_semantic/`; `one_based` writes the label2idx.json that counts from 1."""
    root = folder / "AVSBench_semantic"
    columns = ("vid", "uid", "s_min", "s_sec", "a_obj", "split", "label")
    rows = [(v.name[:11], v.name, 0, 0, "_".join(v.categories), v.subset, v.folder) for v in videos]
    _write_csv(root / "metadata.csv", columns, rows)
    labels = {name: index + one_based for index, name in enumerate(AVSS_CLASSES)}
    (root / "label2idx.json").write_text(json.dumps(labels))
    for video in videos:
        home = root / video.folder / video.name
        _write_sound(home / "audio.wav", video)
        number_of_frames = 10 if video.folder == "v2" else 5
        for number in range(number_of_frames):
            _save(photograph(video.name, number, size), home / "frames" / f"{number}.jpg")
            if number and (video.folder, video.subset) == ("v1s", "train"):
                continue
            label = semantic_mask(video, number, size)
            _save(_palette_image(label), home / "labels_semantic" / f"{number}.png")
            rgb = Image.fromarray(VOC[label])
            _save(rgb, home / "labels_rgb" / f"{number}.png")
    return folder


def photograph(name: str, number: int, size: tuple[int, int]) -> Image.Image:
    """Return the frame of a video: smooth random colour, unlike any other."""
    coarse = _generator(name, number).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def outline(name: str, number: int, size: tuple[int, int]) -> np.ndarray:
    """Return [H, W] of 0 and 1: the box that sounds in a frame, a quarter of its area."""
    width, height = size
    generator = _generator(name, number)
    left, top = int(generator.integers(width // 2)), int(generator.integers(height // 2))
    mask = np.zeros((height, width), np.uint8)
    mask[top : top + height // 2, left : left + width // 2] = 1
    return mask


def semantic_mask(video: MadeVideo, number: int, size: tuple[int, int]) -> np.ndarray:
    """Return [H, W] of AVSS's class indices: a box for each category, side by side."""
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    for place, category in enumerate(video.categories):
        left = place * width // 2 + number % 3
        mask[2 : height // 2, left : left + width // 3] = AVSS_CLASSES.index(category)
    return mask


def waveform(video: MadeVideo) -> np.ndarray:
    """Return [samples, 2], 16-bit: noise that tells every moment and both channels apart."""
    generator = _generator(video.name, 0)
    length = round(video.seconds * SAMPLE_RATE)
    return generator.integers(-8000, 8000, (length, 2)).astype(np.int16)


class _Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.mark,)


def unpickled_mark(folder: Path) -> Path:
    """Return the file that exists once somebody has unpickled a spectrogram of the tree."""
    return folder / "unpickled"


def _write_pickle(path: Path, folder: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(_Bomb(unpickled_mark(folder))))


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


def _write_sound(path: Path, video: MadeVideo) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform(video), SAMPLE_RATE, subtype="PCM_16")


def _save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def _palette_image(values: np.ndarray) -> Image.Image:
    image = Image.fromarray(values, "P")
    image.putpalette([channel for n in range(256) for channel in (n * 37 % 256, n, 255 - n)])
    return image


def _generator(name: str, number: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{name} {number}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
