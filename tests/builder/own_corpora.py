"""Pictures, masks and recordings that are not COCO's and VGGSound's, in small."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from tests.builder.small_corpus import SmallCorpus, tone

Box = tuple[int, int, int, int]
WIDTH, HEIGHT = 64, 48
LEFT: Box = (2, 4, 20, 30)
RIGHT: Box = (40, 4, 20, 30)


def pixels(*objects: tuple[int, Box]) -> np.ndarray:
    """Return a mask with a rectangle of each value."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for value, (x, y, width, height) in objects:
        mask[y : y + height, x : x + width] = value
    return mask


def photograph(number: int) -> Image.Image:
    """Return a picture that no other is like."""
    rng = np.random.default_rng(number)
    return Image.fromarray(rng.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8))


def save(path: Path, image: np.ndarray | Image.Image) -> None:
    """Write a picture, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(path)


def write_own_folder(folder: Path) -> Path:
    """Write 24 pictures, a dog and a cat in each: by an index mask, or by one PNG for each."""
    for number in range(24):
        name = f"Bild {number} (ä)"
        save(folder / "pictures" / f"{name}.jpg", photograph(number))
        if number % 2:
            ignored = (255, (0, 0, 1, 9))
            save(folder / "masks" / f"{name}.png", pixels((18, LEFT), (17, RIGHT), ignored))
        else:
            save(folder / "masks" / name / "dog.png", pixels((255, LEFT)))
            save(folder / "masks" / name / "cat_1.png", pixels((1, RIGHT)))
    return folder


def write_own_recordings(folder: Path) -> Path:
    """Write 24 recordings of dogs and cats by twelve people, and a csv of them."""
    folder.mkdir()
    rows = ["file,label,licence,page,group"]
    for number in range(24):
        kind, person = ("dog", "cat")[number % 2], number // 2
        soundfile.write(folder / f"{number} {kind}.wav", tone(3.0, 200.0 + 10 * number), 16_000)
        rows.append(f"{number} {kind}.wav,{kind},CC0 1.0,https://example.org/{person},{person}")
    (folder / "recordings.csv").write_text("\n".join(rows))
    return folder / "recordings.csv"


def write_clips(folder: Path) -> None:
    """Write clips of dogs and cats in VGGSound's layout."""
    corpus = SmallCorpus(folder)
    for kind, label in (("dog", "dog barking"), ("cat", "cat meowing")):
        for number in range(12):
            split = "test" if number % 4 == 0 else "train"
            corpus.clip(f"{kind}-clip-{number:02d}", label, split)
    corpus.write()


LICENCES = "http://creativecommons.org/licenses"
LVIS_CATEGORIES = {"cat": 225, "dog": 378, "guitar": 521, "drum_(musical_instrument)": 399}
"""Ids and names of LVIS v1."""


def write_lvis(folder: Path) -> Path:
    """Write LVIS v1's two lists over 40 pictures in COCO's folders, and a list of both."""
    pairs = [("dog", "guitar"), ("cat", "drum_(musical_instrument)"), ("dog", "cat")]
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "val": []}
    objects: dict[str, list[dict[str, Any]]] = {"train": [], "val": []}
    for number in range(40):
        # LVIS's val has pictures of COCO's train2017, too.
        home = "val" if number % 4 == 0 else "train"
        part = "val2017" if number % 8 == 0 else "train2017"
        image = {
            "id": 1000 + number,
            "width": WIDTH,
            "height": HEIGHT,
            "license": 1 + number % 2,
            "coco_url": f"http://images.cocodataset.org/{part}/{1000 + number:012d}.jpg",
            "flickr_url": f"http://farm1.staticflickr.com/2/{1000 + number}_0.jpg",
            "date_captured": "2013-11-14 17:02:52",
            "neg_category_ids": [1],
            "not_exhaustive_category_ids": [225] if number == 5 else [],
        }
        rows[home].append(image)
        save(folder / "coco" / part / f"{1000 + number:012d}.jpg", photograph(number))
        for name, (x, y, width, height) in zip(pairs[number % 3], (LEFT, RIGHT), strict=True):
            right, below = x + width, y + height
            objects[home].append(
                {
                    "id": len(objects[home]) + 1,  # as LVIS does, in each of its files
                    "image_id": image["id"],
                    "category_id": LVIS_CATEGORIES[name],
                    "area": float(width * height),
                    "bbox": [x, y, width, height],
                    "segmentation": [[x, y, right, y, right, below, x, below]],
                }
            )
    categories = [
        {"id": 1, "name": "aerosol_can", "frequency": "c", "synset": "aerosol.n.02"},
        *({"id": n, "name": name, "frequency": "f"} for name, n in LVIS_CATEGORIES.items()),
    ]
    licences = [
        {"id": 1, "name": "Attribution License", "url": f"{LICENCES}/by/2.0/"},
        {"id": 2, "name": "Attribution-ShareAlike License", "url": f"{LICENCES}/by-sa/2.0/"},
    ]
    text = ""
    for home, subset in (("train", "train"), ("val", "test")):
        tables = {"images": rows[home], "annotations": objects[home], "categories": categories}
        (folder / f"lvis_v1_{home}.json").write_text(json.dumps(tables | {"licenses": licences}))
        text += f'[[images]]\nmasks = "lvis_v1_{home}.json"\npictures = "coco"\n'
        text += f'subset = "{subset}"\nadd_to_annotation_ids = {10_000_000 * (home == "val")}\n'
    (folder / "sources.toml").write_text(text)
    return folder


SMEARED = {
    "Bark": "Bark,Dog,Domestic_animals_and_pets,Animal",
    "Meow": "Meow,Cat,Domestic_animals_and_pets,Animal",
    "Acoustic_guitar": "Acoustic_guitar,Guitar,Plucked_string_instrument,Musical_instrument,Music",
    "Snare_drum": "Snare_drum,Drum,Percussion,Musical_instrument,Music",
}
"""Labels of FSD50K with all that stand above them, as its lists have them."""


def write_fsd50k(folder: Path, vocabulary: Iterable[str]) -> Path:
    """Write FSD50K as unpacked: recordings of SMEARED, and of the vocabulary rows alone."""
    terms = ("licenses/by/4.0", "licenses/by-nc/3.0", "licenses/by/3.0", "publicdomain/zero/1.0")
    number = 1000
    for name, columns in (("dev", "fname,labels,mids,split"), ("eval", "fname,labels,mids")):
        lines, about = [columns], {}
        audio = folder / f"FSD50K.{name}_audio"
        audio.mkdir(parents=True)
        for place, label in enumerate([*SMEARED] * 6 + sorted(vocabulary)):
            number += 1
            split = f",{('train', 'val')[place % 4 == 1]}" * (name == "dev")
            lines.append(f'{number},"{SMEARED.get(label, label)}","/m/0"{split}')
            about[str(number)] = {
                "title": f"{label}.wav",
                "description": "heard once",
                "tags": ["field-recording"],
                "license": f"http://creativecommons.org/{terms[place % len(terms)]}/",
                "uploader": f"{name}{place % 5}",
            }
            if place < 6 * len(SMEARED):
                sound = tone(0.5 + place / 4, 200.0 + number, 44_100)
                soundfile.write(audio / f"{number}.wav", sound, 44_100, "PCM_16")
        for home, text, kind in (
            ("FSD50K.ground_truth", "\n".join([*lines, ""]), f"{name}.csv"),
            ("FSD50K.metadata", json.dumps(about), f"{name}_clips_info_FSD50K.json"),
        ):
            (folder / home).mkdir(exist_ok=True)
            (folder / home / kind).write_text(text)
    return folder
