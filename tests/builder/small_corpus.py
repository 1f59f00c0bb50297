"""Writes a few images and clips in COCO's and VGGSound's formats, each test's own."""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

CATEGORIES = {
    "person": 1,
    "car": 3,
    "motorcycle": 4,
    "airplane": 5,
    "bus": 6,
    "bird": 16,
    "cat": 17,
    "dog": 18,
    "horse": 19,
    "sheep": 20,
    "cow": 21,
    "elephant": 22,
    "zebra": 24,
    "sports ball": 37,
    "skateboard": 41,
    "tennis racket": 43,
    "chair": 62,
    "mouse": 74,
    "keyboard": 76,
    "cell phone": 77,
}
WIDTH, HEIGHT = 64, 48
Box = tuple[int, int, int, int]


@dataclass
class SmallCorpus:
    """Images of 64×48 with rectangular objects, and one-tone clips; `write` makes the files."""

    folder: Path
    images: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"train2017": [], "val2017": []}
    )
    annotations: list[dict[str, Any]] = field(default_factory=list)
    captions: list[dict[str, Any]] = field(default_factory=list)
    clips: list[tuple[str, int, str, str]] = field(default_factory=list)

    def image(
        self,
        number: int,
        *objects: tuple[str, Box],
        part: str = "train2017",
        captions: tuple[str, ...] = (),
    ) -> None:
        """Add an image with an object for each (category, (x, y, width, height))."""
        name = f"{number:012d}.jpg"
        row = {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT, "license": 1}
        self.images[part].append(row)
        for category, box in objects:
            self.object(number, category, box)
        for text in captions:
            self.captions.append(
                {"id": len(self.captions) + 1, "image_id": number, "caption": text}
            )

    def object(self, image: int, category: str, box: Box, **changes: Any) -> None:
        """Add an object to an image; `changes` replace fields of the annotation."""
        x, y, w, h = box
        outline = [x, y, x + w, y, x + w, y + h, x, y + h]
        row = {
            "id": len(self.annotations) + 1,
            "image_id": image,
            "category_id": CATEGORIES[category],
            "area": w * h,
            "bbox": [x, y, w, h],
            "iscrowd": 0,
            "segmentation": [outline],
        }
        self.annotations.append(row | changes)

    def clip(self, youtube_id: str, label: str, split: str = "train", start: int = 0) -> Path:
        """List a clip and return where its recording should lie."""
        self.clips.append((youtube_id, start, label, split))
        return self.folder / "vggsound" / "audios" / f"{youtube_id}_{start:06d}.wav"

    def write(self) -> None:
        """Write both sources; a recording that a test has already written is kept."""
        coco = self.folder / "coco"
        (coco / "annotations").mkdir(parents=True, exist_ok=True)
        for part, rows in self.images.items():
            self._write_part(coco, part, rows)
        audios = self.folder / "vggsound" / "audios"
        audios.mkdir(parents=True, exist_ok=True)
        with (audios.parent / "vggsound.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(self.clips)
        for number, (youtube_id, start, _, _) in enumerate(self.clips):
            path = audios / f"{youtube_id}_{start:06d}.wav"
            if not path.exists():
                soundfile.write(path, tone(2.0, 200.0 + 10 * number), 16_000)

    def _write_part(self, coco: Path, part: str, rows: list[dict[str, Any]]) -> None:
        ids = {row["id"] for row in rows}
        instances = {
            "images": rows,
            "annotations": [row for row in self.annotations if row["image_id"] in ids],
            "categories": [{"id": i, "name": name} for name, i in CATEGORIES.items()],
            "licenses": [{"id": 1, "name": "Attribution License", "url": "http://example.org/by"}],
        }
        captions = [row for row in self.captions if row["image_id"] in ids]
        annotations = coco / "annotations"
        (annotations / f"instances_{part}.json").write_text(json.dumps(instances))
        (annotations / f"captions_{part}.json").write_text(json.dumps({"annotations": captions}))
        (coco / part).mkdir(exist_ok=True)
        for row in rows:
            rng = np.random.default_rng(row["id"])
            pixels = rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(coco / part / row["file_name"])


def tone(
    seconds: float, hertz: float = 440.0, rate: int = 16_000, level: float = 0.3
) -> np.ndarray:
    """Return a sine as float32."""
    times = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


LEFT: Box = (2, 4, 20, 30)
RIGHT: Box = (40, 4, 20, 30)
MIDDLE: Box = (24, 4, 12, 30)
TINY: Box = (60, 44, 2, 2)


def farm(folder: Path, clips_per_class: int = 40) -> SmallCorpus:
    """A corpus on which every split has samples: dogs, cats, cows and cars, and clips of each."""
    corpus = SmallCorpus(folder)
    kinds = ["dog", "cat", "cow", "car"]
    for number in range(1, 41):
        part = "train2017" if number <= 28 else "val2017"
        first, second = kinds[number % 4], kinds[(number + 1) % 4]
        objects = [(first, LEFT), (second, RIGHT)]
        if number % 5 == 0:
            objects.append((first, MIDDLE))
        elif number % 3 == 0:
            objects.append((kinds[(number + 2) % 4], MIDDLE))
        corpus.image(number, *objects, part=part)
    labels = ["dog barking", "cat meowing", "cow lowing", "car passing by"]
    for kind, label in enumerate(labels):
        for number in range(clips_per_class):
            corpus.clip(
                f"{kinds[kind]}-clip-{number:02d}", label, "test" if number % 4 == 0 else "train"
            )
    corpus.write()
    return corpus
