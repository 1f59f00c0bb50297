"""Photographs and recordings of real size for the benchmarks that decode them.

Pictures of 640 × 480 with as many bytes a pixel as COCO's (0.58), made of shades, edges and grain;
three large objects of different sounding classes in each, with outlines as long as COCO's.
Recordings of ten seconds, stereo, 44.1 kHz, as VGGSound's are; as mp4 beside moving pictures of
VGGSound's usual height. What is in them is invented; the
same bytes every time, written once below `full_size.benchmark_folder`.
"""

import csv
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soundfile
from full_size import Sources, benchmark_folder, categories, licenses, outlines, write_json
from numpy.typing import NDArray
from PIL import Image

from vpo_builder.classes import CLASS_TABLE, PERSON, SoundingClass, read_class_table
from vpo_builder.runtime.whole_folders import atomic_folder
from vpo_builder.sources.vggsound import known_labels

WIDTH, HEIGHT = 640, 480
TEST_EVERY = 10  # every tenth picture is val2017's, every tenth clip VGGSound's test
OBJECTS = 3
LEAST_AREA = 0.01  # of the picture: all are eligible
JPEG_QUALITY, GRAIN = 90, 22.0
RATE, SECONDS = 44_100, 10
HIGHEST_HERTZ = 5_000  # far below 8 kHz, where resamplers differ in how they end their pass band
PICTURES, RECORDINGS = "pictures", "audios"
AAC = (".mp4", ".m4a")
MOVING_PICTURES = "testsrc2=size=454x256:rate=25"


def media_sources(images: int, suffix: str = ".flac") -> Sources:
    """Return sources of so many pictures and as many clips; a small one begins a large one."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    root = benchmark_folder() / f"media-{version}"
    folder = root / f"of-{images}-{suffix[1:]}"
    sources = Sources(folder / "coco", folder / "vggsound")
    if not sources.coco.parent.exists():
        for number in range(images):
            _once(root / PICTURES / file_name(number), partial(_paint, number))
            _once(root / RECORDINGS / f"{clip_id(number)}{suffix}", partial(play, number=number))
        with atomic_folder(sources.coco.parent) as fresh:
            _write_coco(fresh / "coco", images)
            _write_vggsound(fresh / "vggsound", images, suffix)
    return sources


def file_name(number: int) -> str:
    """The name of a picture's file."""
    return f"{number + 1:012d}.jpg"


def clip_id(number: int) -> str:
    """The name of a clip: YouTube id and start second."""
    return f"bench{number:06d}_{number % 100:06d}"


def play(path: Path, number: int, rate: int = RATE, channels: int = 2) -> None:
    """Write the recording of a clip, in the format that the file's suffix says."""
    if path.suffix in AAC:
        _encode(path, number, rate, channels)
        return
    subtype = "VORBIS" if path.suffix == ".ogg" else "PCM_16"
    soundfile.write(path, sound(number, rate)[:, :channels], rate, subtype=subtype)


def _encode(path: Path, number: int, rate: int, channels: int) -> None:
    """Write a recording as AAC, of an mp4 beside pictures that are encoded once for all."""
    with tempfile.TemporaryDirectory() as made:
        wav = Path(made, "sound.wav")
        play(wav, number, rate, channels)
        inputs = ["-i", str(wav)]
        if path.suffix == ".mp4":
            pictures = benchmark_folder() / f"moving-pictures-{SECONDS}.mp4"
            drawn = ["-f", "lavfi", "-i", MOVING_PICTURES, "-t", str(SECONDS), "-c:v", "libx264"]
            _once(pictures, lambda part: _ffmpeg(*drawn, "-pix_fmt", "yuv420p", str(part)))
            inputs += ["-i", str(pictures), "-map", "0", "-map", "1", "-c:v", "copy"]
        _ffmpeg(*inputs, "-c:a", "aac", "-b:a", "128k", str(path))


def _ffmpeg(*arguments: str) -> None:
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-v", "error", "-y"]
    subprocess.run([*program, *arguments], check=True)


def sound(number: int, rate: int) -> NDArray[np.float32]:
    """Ten seconds of tones over low-passed noise, [samples, 2]."""
    random = np.random.default_rng([2021, number])
    noisy = HIGHEST_HERTZ * SECONDS
    spectrum = np.zeros(rate * SECONDS // 2 + 1, np.complex64)
    spectrum[:noisy] = random.normal(size=(noisy, 2)).astype(np.float32).view(np.complex64)[:, 0]
    spectrum[random.integers(1_000, noisy, 8)] *= 300
    wave = np.fft.irfft(spectrum)
    wave *= 0.5 / np.abs(wave).max()
    return np.stack([wave, 0.8 * wave], axis=1).astype(np.float32)


def _once(path: Path, write: Callable[[Path], None]) -> None:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"part-{path.name}")
        write(part)
        part.rename(path)


def _paint(number: int, path: Path) -> None:
    random = np.random.default_rng([2022, number])
    shades = random.integers(0, 256, (8, 10, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(shades).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    patches = random.integers(0, 40, (HEIGHT // 16, WIDTH // 16, 1), dtype=np.uint8)
    patches = patches.repeat(16, axis=0).repeat(16, axis=1)
    grain = random.normal(0, GRAIN, (HEIGHT, WIDTH, 1))
    pixels = np.clip(picture * 0.8 + patches + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path, "JPEG", quality=JPEG_QUALITY)


def _write_coco(folder: Path, images: int) -> None:
    sounding = sorted({row.category for row in _table()} - {PERSON})
    number_of = {row["name"]: row["id"] for row in map(json.loads, categories())}
    large = [
        drawn
        for drawn in outlines((WIDTH, HEIGHT))
        if float(drawn[1]) > LEAST_AREA * WIDTH * HEIGHT
    ]
    head = {"info": {"description": "benchmark"}, "licenses": licenses()}
    for part in ("train2017", "val2017"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).symlink_to(Path("..", "..", PICTURES))
        (folder / "annotations").mkdir(exist_ok=True)
        photos, rows = [], []
        for number in range(images):
            if (number % TEST_EVERY == 0) != (part == "val2017"):
                continue
            photos.append(json.dumps(_photo(number)))
            random = np.random.default_rng([2023, number])
            for place, name in enumerate(random.choice(sounding, OBJECTS, replace=False)):
                segmentation, area, box = large[random.integers(len(large))]
                rows.append(
                    f'{{"segmentation": {segmentation},"area": {area},"iscrowd": 0,"image_id": '
                    f'{number + 1},"bbox": {box},"category_id": {number_of[name]},"id": '
                    f"{OBJECTS * number + place + 1}}}"
                )
        write_json(folder, f"instances_{part}", head, photos, rows, categories())
        write_json(folder, f"captions_{part}", head, photos, [])


def _photo(number: int) -> dict[str, object]:
    name = file_name(number)
    address = f"http://example.org/{name}"
    return {
        "id": number + 1, "file_name": name, "width": WIDTH, "height": HEIGHT, "license": 1,
        "coco_url": address, "flickr_url": address,
    }  # fmt: skip


def _write_vggsound(folder: Path, clips: int, suffix: str) -> None:
    labels = [row.labels[0] for row in _table() if row.category != PERSON]
    folder.mkdir(parents=True)
    (folder / RECORDINGS).mkdir()
    with (folder / "vggsound.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for number in range(clips):
            youtube_id, start = clip_id(number).rsplit("_", 1)
            split = "test" if (number // len(labels)) % TEST_EVERY == 0 else "train"
            writer.writerow([youtube_id, int(start), labels[number % len(labels)], split])
            path = folder / RECORDINGS / f"{clip_id(number)}{suffix}"
            os.link(folder.parents[1] / RECORDINGS / path.name, path)


def _table() -> tuple[SoundingClass, ...]:
    return read_class_table(CLASS_TABLE, "captions", sorted(known_labels()))
