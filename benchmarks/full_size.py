"""Sources of full size for the benchmarks: COCO 2017's annotations and VGGSound's list.

`python benchmarks/full_size.py` writes them once, below the system's temporary folder or
`$AVS_BENCHMARKS`, and prints where. As many images, annotations and captions as train2017 and
val2017 have, with about COCO's number of annotations and of images for each category
(`coco_frequencies.csv`: to scale, not counted in the json), outlines about as long as COCO's, and
a VGGSound csv of 199,467 rows. What the json says is invented; the same bytes every time.
"""

import csv
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vpo_builder.classes import CLASS_TABLE, read_class_table
from vpo_builder.runtime.whole_folders import atomic_folder
from vpo_builder.sources.vggsound import known_labels

FREQUENCIES = Path(__file__).with_name("coco_frequencies.csv")
PARTS = {"train2017": (118_287, 1.0), "val2017": (5_000, 36_781 / 860_001)}
"""Images, and annotations as a share of train2017's."""

SIZES = [(640, 480), (480, 640), (640, 427), (427, 640), (500, 375), (640, 640), (612, 612)]
SIZE_SHARES = [0.34, 0.18, 0.22, 0.09, 0.07, 0.06, 0.04]
OUTLINES_PER_SIZE = 2_000
CROWDS_PER_SIZE = 100
CROWD_SHARE = 10_000 / 860_001  # about as many as train2017 has
POINTS_MEDIAN, POINTS_SPREAD = 18.5, 0.7  # log-normal; with it the json is as long as COCO's
LOG_SIDE_MEAN, LOG_SIDE_SPREAD = np.log(55.0), 1.0  # of an object, in pixels
CROWD_RUNS = 600

PERSON = 1
TOGETHER = {  # what a category is often seen with, and how much more often than without
    **dict.fromkeys((2, 4, 18, 19, 27, 28, 31, 32, 33, 47, 77), ({PERSON}, 4)),
    **dict.fromkeys(range(34, 44), ({PERSON}, 25)),
    43: ({37}, 40),  # tennis racket and ball
    73: ({72}, 10),
    **dict.fromkeys((74, 76), ({72, 73}, 60)),  # mouse and keyboard beside a screen
    **dict.fromkeys((6, 8, 10), ({3}, 8)),  # street
}
REPEATS_SPREAD = 2.0  # log-normal; with it about half of the images with a person have one

CSV_ROWS, TEST_SHARE = 199_467, 15_446 / 199_467
ID_CHARACTERS = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"))

PERSONS = ["a man", "a woman", "a man and a woman", "a boy", "a group of people", "a little girl"]
PERSON_SHARES = [0.35, 0.25, 0.12, 0.08, 0.12, 0.08]
DOINGS = [
    "{} stands beside a {} on a quiet street in the afternoon.",
    "There is {} looking at a {} near the window of a room.",
    "{} and a {} can be seen in front of an old brick building.",
    "A photograph of {} with a {} in the middle of it.",
    "In the background {} waits while a {} is in the foreground.",
]


@dataclass(frozen=True)
class Sources:
    """Folders of the kind that `vpo-build --coco --vggsound` reads."""

    coco: Path
    vggsound: Path

    def instances(self, part: str = "train2017") -> Path:
        """The file that `pycocotools.coco.COCO` reads."""
        return self.coco / "annotations" / f"instances_{part}.json"


def full_size_sources() -> Sources:
    """Return the sources, written now unless this very program wrote them before."""
    version = hashlib.sha256(Path(__file__).read_bytes() + FREQUENCIES.read_bytes()).hexdigest()
    folder = benchmark_folder() / f"full-size-{version[:12]}"
    sources = Sources(folder / "coco", folder / "vggsound")
    if not folder.exists():
        with atomic_folder(folder) as fresh:
            _write_coco(fresh / "coco")
            _write_vggsound(fresh / "vggsound")
    return sources


def benchmark_folder() -> Path:
    """Return where benchmarks keep what they made: outside the repository."""
    root = os.environ.get("AVS_BENCHMARKS")
    return Path(root) if root else Path(tempfile.gettempdir()) / "avs-benchmarks"


def _write_coco(folder: Path) -> None:
    (folder / "annotations").mkdir(parents=True)
    polygons = {size: list(outlines(size)) for size in SIZES}
    crowds = {size: list(_crowds(size)) for size in SIZES}
    for number, (part, (images, share)) in enumerate(PARTS.items()):
        (folder / part).mkdir()
        random = np.random.default_rng([2017, number])
        ids = np.sort(random.choice(581_921, images, replace=False) + 9)
        ids = ids * len(PARTS) + number  # no image is in two parts
        sizes = [SIZES[place] for place in random.choice(len(SIZES), images, p=SIZE_SHARES)]
        rows = _annotation_rows(random, images, share)
        annotations = _annotations(random, rows, ids, sizes, polygons, crowds, number)
        photos = _photos(random, ids, sizes, part)
        head = {"info": {"description": "benchmark"}, "licenses": licenses()}
        write_json(folder, f"instances_{part}", head, photos, annotations, categories())
        write_json(folder, f"captions_{part}", head, photos, _captions(random, rows, ids))


def write_json(
    folder: Path, name: str, head: dict[str, object], *lists: Iterator[str] | list[str]
) -> None:
    """Write COCO's top-level object; `lists` are images, annotations and categories."""
    names = ("images", "annotations", "categories")
    with (folder / "annotations" / f"{name}.json").open("w", encoding="ascii") as file:
        file.write(json.dumps(head)[:-1])
        for key, rows in zip(names, lists, strict=False):
            file.write(f', "{key}": [')
            for place, row in enumerate(rows):
                file.write(f", {row}" if place else row)
            file.write("]")
        file.write("}")


def _frequencies() -> list[dict[str, str]]:
    with FREQUENCIES.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def categories() -> list[str]:
    """Return COCO's categories, each as the json of its record."""
    rows = _frequencies()
    return [
        json.dumps({"supercategory": "thing", "id": int(r["category_id"]), "name": r["name"]})
        for r in rows
    ]


def licenses() -> list[dict[str, object]]:
    """Return the eight licences of COCO's photos as its records."""
    url = "http://creativecommons.org/licenses/by/2.0/"
    return [{"url": url, "id": number, "name": f"License {number}"} for number in range(1, 9)]


def _photos(
    random: np.random.Generator, ids: NDArray[np.int64], sizes: list[tuple[int, int]], part: str
) -> list[str]:
    farms = random.integers(1, 10, len(ids))
    flickr = random.integers(10**9, 10**10, len(ids))
    secrets = random.integers(16**9, 16**10, len(ids))
    return [
        f'{{"license": {farm % 8 + 1},"file_name": "{image:012d}.jpg","coco_url": '
        f'"http://images.cocodataset.org/{part}/{image:012d}.jpg","height": {size[1]},'
        f'"width": {size[0]},"date_captured": "2013-11-14 16:28:13","flickr_url": '
        f'"http://farm{farm}.staticflickr.com/{farm}153/{number}_{secret:010x}_z.jpg",'
        f'"id": {image}}}'
        for image, size, farm, number, secret in zip(
            ids.tolist(), sizes, farms.tolist(), flickr.tolist(), secrets.tolist(), strict=True
        )
    ]


def _annotation_rows(random: np.random.Generator, images: int, share: float) -> NDArray[np.int64]:
    """Return [annotations, 2] of image places and category ids.

    Each category is in as many images as in COCO, once in each, rather where something is that
    it goes with; what is left over is dealt among them, some getting many: sheep come in flocks.
    """
    rows = []
    has: dict[int, NDArray[np.bool_]] = {}
    for row in _frequencies():
        category, count = int(row["category_id"]), round(int(row["annotations"]) * share)
        present = min(max(1, round(int(row["images"]) * share)), count)
        near = np.ones(images)
        others, factor = TOGETHER.get(category, (frozenset(), 1))
        for other in others:
            near[has[other]] = factor
        chosen = random.choice(images, present, replace=False, p=near / near.sum())
        weights = random.lognormal(0.0, REPEATS_SPREAD, present)
        more = random.choice(chosen, count - present, p=weights / weights.sum())
        places = np.concatenate([chosen, more])
        has[category] = np.isin(np.arange(images), chosen)
        rows.append(np.stack([places, np.full(count, category)], axis=1))
    together = np.concatenate(rows)
    return together[random.permutation(len(together))]


def _annotations(
    random: np.random.Generator,
    rows: NDArray[np.int64],
    ids: NDArray[np.int64],
    sizes: list[tuple[int, int]],
    polygons: dict[tuple[int, int], list[str]],
    crowds: dict[tuple[int, int], list[str]],
    part: int,
) -> Iterator[str]:
    """Yield the json of each annotation; outlines are drawn from those of the image's size."""
    crowded = random.random(len(rows)) < CROWD_SHARE
    draws = random.integers(0, 2**31, len(rows)).tolist()
    numbers = (random.permutation(2 * len(rows)) + 1)[: len(rows)] * len(PARTS) + part
    images = ids[rows[:, 0]].tolist()
    for (place, category), image, number, draw, crowd in zip(
        rows.tolist(), images, numbers.tolist(), draws, crowded.tolist(), strict=True
    ):
        drawn = (crowds if crowd else polygons)[sizes[place]]
        segmentation, area, box = drawn[draw % len(drawn)]
        yield (
            f'{{"segmentation": {segmentation},"area": {area},"iscrowd": {int(crowd)},"image_id": '
            f'{image},"bbox": {box},"category_id": {category},"id": {number}}}'
        )


def outlines(size: tuple[int, int]) -> Iterator[tuple[str, str, str]]:
    """Yield segmentation, area and box of objects in an image of (width, height)."""
    random = np.random.default_rng([2018, *size])
    width, height = size
    for _ in range(OUTLINES_PER_SIZE):
        side = min(random.lognormal(LOG_SIDE_MEAN, LOG_SIDE_SPREAD), 0.9 * min(size))
        centre = random.uniform(side / 2, np.array(size) - side / 2)
        pieces = 1 + (random.random() < 0.08)
        polygons = [_polygon(random, centre, side / 2, size) for _ in range(pieces)]
        points = np.concatenate(polygons)
        low, extent = points.min(axis=0), np.ptp(points, axis=0)
        area = min(sum(map(_area, polygons)), width * height)
        yield (
            "[" + ",".join(_numbers(polygon.ravel()) for polygon in polygons) + "]",
            f"{area:.4f}",
            _numbers(np.concatenate([low, extent])),
        )


def _polygon(
    random: np.random.Generator, centre: NDArray[np.float64], radius: float, size: tuple[int, int]
) -> NDArray[np.float64]:
    count = max(4, round(random.lognormal(np.log(POINTS_MEDIAN), POINTS_SPREAD)))
    angles = np.sort(random.uniform(0, 2 * np.pi, count))
    radii = radius * random.uniform(0.6, 1.0, count)
    points = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.clip(points, 0, size).round(2)


def _area(points: NDArray[np.float64]) -> float:
    x, y = points.T
    return 0.5 * abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1)))


def _crowds(size: tuple[int, int]) -> Iterator[tuple[str, str, str]]:
    """Yield uncompressed run-length codes, which COCO gives for crowds."""
    random = np.random.default_rng([2019, *size])
    width, height = size
    for _ in range(CROWDS_PER_SIZE):
        ends = np.sort(random.choice(width * height, CROWD_RUNS, replace=False))
        counts = np.diff(ends, prepend=0, append=width * height)
        area = int(counts[1::2].sum())
        runs = ",".join(map(str, counts.tolist()))
        code = f'{{"counts": [{runs}],"size": [{height},{width}]}}'
        yield code, str(area), f"[0,0,{width},{height}]"


def _numbers(values: NDArray[np.float64]) -> str:
    return "[" + ",".join(map(repr, values.round(2).tolist())) + "]"


def _captions(
    random: np.random.Generator, rows: NDArray[np.int64], ids: NDArray[np.int64]
) -> Iterator[str]:
    """Yield five captions an image, which name something in it and mostly agree on its persons."""
    names = {int(row["category_id"]): row["name"] for row in _frequencies()}
    things = dict(rows[rows[:, 1] != 1].tolist())
    persons = random.choice(len(PERSONS), len(ids), p=PERSON_SHARES).tolist()
    other = (random.random((len(ids), len(DOINGS))) < 0.3).tolist()
    number = 0
    for place, image in enumerate(ids.tolist()):
        thing = names[things.get(place, 62)]
        for doing, vague in zip(DOINGS, other[place], strict=True):
            number += 1
            who = "someone" if vague else PERSONS[persons[place]]
            yield (
                f'{{"image_id": {image},"id": {number},'
                f'"caption": "{doing.format(who, thing).capitalize()}"}}'
            )


def _write_vggsound(folder: Path) -> None:
    """Write the csv, and an empty file for each clip of a class: planning reads none of them."""
    random = np.random.default_rng(2020)
    audios = folder / "audios"
    audios.mkdir(parents=True)
    labels = sorted(known_labels())
    table = read_class_table(CLASS_TABLE, "captions", labels)
    sounding = {label for row in table for label in row.labels}
    weights = random.lognormal(0.0, 0.4, len(labels))
    drawn = random.choice(len(labels), CSV_ROWS, p=weights / weights.sum()).tolist()
    youtube = ["".join(row) for row in random.choice(ID_CHARACTERS, (CSV_ROWS, 11))]
    starts = random.integers(0, 600, CSV_ROWS).tolist()
    tests = (random.random(CSV_ROWS) < TEST_SHARE).tolist()
    with (folder / "vggsound.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        for name, start, label, test in zip(youtube, starts, drawn, tests, strict=True):
            writer.writerow([name, start, labels[label], "test" if test else "train"])
            if labels[label] in sounding:
                (audios / f"{name}_{start:06d}.wav").touch()


if __name__ == "__main__":
    found = full_size_sources()
    print(f"{found.coco}\n{found.vggsound}")
