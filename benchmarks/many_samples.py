"""A finished dataset of many samples, and results on as many pictures, made of little.

VPO-MS of two sources a sample. The files of a sample are hard links to a few pictures, masks and
sounds of `media.py`'s kind, those of each subset its own, so that nothing crosses; what stands
beside them is what a build publishes. A run's results are counts with the pictures' labels, of
which each run finds a share of its own.
"""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
from full_size import benchmark_folder
from media import HEIGHT, WIDTH, file_name, media_sources, play

from avs_bench.metrics import Confusion
from avs_bench.results.files import write_result
from avs_bench.results.records import ProbedSet, Result, ScoredSet, scored_item, scored_set
from vpo_builder.classes import CLASS_TABLE, class_rows, read_class_table
from vpo_builder.config import load_config
from vpo_builder.dataset.places import AUDIO_FOLDER, audio_folder, dataset_folder, vpo_files
from vpo_builder.dataset.schema import SUBSETS, Sample, Source
from vpo_builder.documents.documents import Attribution
from vpo_builder.layout import csv_name, encode_csv
from vpo_builder.publishing.build_identity import BuildIdentity
from vpo_builder.publishing.publication import Publication
from vpo_builder.publishing.publish import publish
from vpo_builder.rendering.mask import encode_png
from vpo_builder.runtime.settings import to_tree
from vpo_builder.runtime.whole_folders import atomic_folder
from vpo_builder.sources.vggsound import known_labels

POOL = 40
"""Different pictures and sounds of each subset."""
RATE = 16_000
SUBSET_OF = (*("train",) * 8, "val", "test")
FOUND, NAMED_RIGHT = (0.75, 0.7, 0.65), (0.9, 0.85, 0.8)  # of an object's pixels; of the objects
PIXELS = WIDTH * HEIGHT


def many_samples(samples: int) -> Path:
    """Return the folder of such a dataset, written unless it was before."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    out = benchmark_folder() / f"many-{version}-{samples}"
    if not out.exists():
        with atomic_folder(out) as fresh:
            _write_dataset(fresh, samples)
    return out / dataset_folder("ms")


def _write_dataset(out: Path, count: int) -> None:
    table = read_class_table(CLASS_TABLE, "captions", sorted(known_labels()))
    classes = class_rows(table)
    names = [row.name for row in classes if row.index]
    values = {row.name: row.mask_value for row in classes}
    folder, pools = out / dataset_folder("ms"), out / "pools"
    for place in (pools, folder / "data", folder / "mask", out / AUDIO_FOLDER):
        place.mkdir(parents=True)
    digests: dict[Path, str] = {}

    def link(kind: str, target: Path) -> None:
        pooled = pools / kind
        os.link(pooled, target)
        if pooled not in digests:
            digests[pooled] = hashlib.sha256(pooled.read_bytes()).hexdigest()
        digests[target] = digests[pooled]

    pictures = media_sources(POOL * len(SUBSETS)).coco / "train2017"
    for number in range(POOL * len(SUBSETS)):
        shutil.copy(pictures / file_name(number), pools / f"{number}.jpg")
        play(pools / f"{number}.wav", number, RATE, channels=1)
    for number in range(len(names)):
        pair = [values[name] for name in _pair(names, number)]
        (pools / f"{number}.png").write_bytes(_mask(number, pair))
    kept = [_sample(names, number) for number in range(count)]
    for number, sample in enumerate(kept):
        pooled = number % POOL + POOL * SUBSETS.index(sample.subset)
        link(f"{pooled}.jpg", folder / sample.image)
        link(f"{number % len(names)}.png", folder / sample.mask)
        link(f"{pooled}.wav", out / AUDIO_FOLDER / f"{sample.sources[0].clip_id}.wav")
    licence = ("CC BY 2.0", "https://creativecommons.org/licenses/by/2.0/")
    publication = Publication(
        samples=kept,
        classes=classes,
        audio=audio_folder("ms"),
        media_sha256={folder / path: digests[folder / path] for s in kept for path in _files(s)},
        texts={csv_name("ms"): encode_csv(kept, values, "ms")},
        rejections=[],
        synthetic=False,
        attributions=[Attribution(s.image_id, *licence, "", "") for s in kept],
    )
    publish(folder, publication, BuildIdentity("ms", 0, to_tree(load_config("default")), {}))


def _files(sample: Sample) -> tuple[str, str]:
    return sample.image, sample.mask


def _pair(names: list[str], number: int) -> tuple[str, str]:
    return names[number % len(names)], names[(number + 7) % len(names)]


def _sample(names: list[str], number: int) -> Sample:
    """Return a sample whose second source plays the clip of one before it in its subset."""
    image, first = number + 1, names[number % len(names)]
    clips = [f"many{n:07d}_000010" for n in (number, max(number - len(SUBSET_OF), number % 10))]
    sources = tuple(
        Source(name, 10 * image + place, clip, (0.25, 0.75)[place])
        for place, (name, clip) in enumerate(zip(_pair(names, number), clips, strict=True))
    )
    place = vpo_files("ms", image, first, sources[0].ann_id)
    silent = (names[(number + 3) % len(names)],) * (number % 3 == 0)
    subset = SUBSET_OF[number % len(SUBSET_OF)]
    return Sample(
        place.sample_id, subset, image, place.image, place.mask, WIDTH, HEIGHT, sources, silent
    )


def _mask(number: int, values: list[int]) -> bytes:
    """Return a mask of two objects with uneven outlines."""
    random = np.random.default_rng([2024, number])
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
    for place, value in enumerate(values):
        angle = np.arctan2(y - HEIGHT / 2, x - WIDTH * (0.25 + 0.5 * place))
        away = np.hypot(y - HEIGHT / 2, x - WIDTH * (0.25 + 0.5 * place))
        waves = sum(random.uniform(2, 9) * np.sin(k * angle) for k in range(2, 9))
        pixels[away < random.uniform(70, 110) + waves] = value
    return encode_png(pixels)


def many_results(pictures: int, runs: int) -> list[Path]:
    """Return folders of runs of different models, scored on so many pictures; see many_samples."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    out = benchmark_folder() / f"results-{version}-{pictures}"
    if not out.exists():
        with atomic_folder(out) as fresh:
            for number in range(len(FOUND)):
                (fresh / f"run-{number}").mkdir()
                write_result(fresh / f"run-{number}", _result(pictures, number))
    return [out / f"run-{number}" for number in range(runs)]


def _result(pictures: int, number: int) -> Result:
    table = read_class_table(CLASS_TABLE, "captions", sorted(known_labels()))
    classes = tuple(row.name for row in class_rows(table))
    heard, deaf = (_scored(pictures, len(classes), number, heard) for heard in (True, False))
    return Result(
        model=f"model-{number}",
        settings={"model": {"name": f"model-{number}"}, "train": {"seed": 0}},
        checkpoint="best",
        epochs=60,
        checkpoint_sha256=f"{number:064x}",
        trained_on="VPO-MS",
        trained_on_sha256="a" * 64,
        dataset="VPO-MS",
        dataset_sha256="b" * 64,
        synthetic=False,
        subset="test",
        classes=classes,
        command="avs-bench eval",
        versions={},
        sets=(heard,),
        probes=(ProbedSet("silence", "Is silence heard?", "a benchmark", 0, deaf, deaf),),
    )


def _scored(pictures: int, classes: int, run: int, heard: bool) -> ScoredSet:
    """Return counts [target, predicted] of two objects a picture; without sound few are found."""
    labels, answers = np.random.default_rng(2025), np.random.default_rng([2026, run, heard])
    items = []
    for number in range(pictures):
        matrix = np.zeros((classes, classes), np.int64)
        shown = labels.choice(np.arange(1, classes), 2, replace=False)
        areas = (labels.beta(1.2, 8, 2) * PIXELS / 2).astype(np.int64) + 1
        for true, area in zip(shown, areas, strict=True):
            share = FOUND[run] if heard else 0.3
            found = int(area * answers.beta(8 * share, 8 * (1 - share)))
            right = answers.random() < NAMED_RIGHT[run]
            matrix[true, true if right else answers.integers(1, classes)] += found
            matrix[true, 0] += area - found
        rest = PIXELS - int(areas.sum())
        matrix[0, 0], matrix[0, shown[0]] = rest - rest // 20, rest // 20
        groups = {
            "listening": ("some-silent", "all-sound")[number % 3 > 0],
            "size": ("small", "medium", "large")[int(areas.max() > PIXELS / 33) + (number % 2)],
            "sources": "2",
        }
        name = f"{number:012d}"
        items.append(scored_item(name, name, groups, Confusion(classes, matrix)))
    return scored_set("dataset", classes, items)
