"""Pictures, masks and recordings that are not COCO's and VGGSound's, in small."""

from pathlib import Path

import numpy as np
from PIL import Image

from tests.builder.small_corpus import SmallCorpus

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


def write_clips(folder: Path) -> None:
    """Write clips of dogs and cats in VGGSound's layout."""
    corpus = SmallCorpus(folder)
    for kind, label in (("dog", "dog barking"), ("cat", "cat meowing")):
        for number in range(12):
            split = "test" if number % 4 == 0 else "train"
            corpus.clip(f"{kind}-clip-{number:02d}", label, split)
    corpus.write()
