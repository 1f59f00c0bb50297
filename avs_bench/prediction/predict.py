"""Predicts everything that is asked for into one folder, with a page to look at."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec

from avs_bench.prediction.images import ImageTask, predict_image
from avs_bench.prediction.inputs import Task
from avs_bench.prediction.page import render_page
from avs_bench.prediction.predictions import PredictedItem, Predictions
from avs_bench.prediction.segmenter import Segmenter
from avs_bench.prediction.videos import predict_video
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.whole_files import write_atomically

INDEX, PAGE = "predictions.json", "index.html"


def predict_all(
    tasks: Sequence[Task],
    segmenter: Segmenter,
    out: Path,
    *,
    command: str = "",
    note: Callable[[str], None] = print,
) -> Predictions:
    """Predict each task into its folder, then write predictions.json and index.html into `out`.

    A folder appears when everything in it is complete. Of several tasks, one that cannot be done
    is noted and the others are; raises InputError at the end if any could not.
    """
    items, failures = [], []
    for task in progress(tasks, len(tasks), "inputs") if len(tasks) > 1 else tasks:
        try:
            items.append(_predict(task, segmenter, note))
        except InputError as error:
            if len(tasks) == 1:
                raise
            failures.append(str(error))
            note(f"left out: {error}")
    opened = segmenter.opened
    made = Predictions(opened.name, opened.classes, command, tuple(items))
    if items:
        write_atomically(out / INDEX, msgspec.json.encode(made) + b"\n")
        write_atomically(out / PAGE, render_page(made).encode())
    if failures:
        raise InputError(
            f"{len(failures)} of {len(tasks)} inputs could not be predicted, the others are in "
            f"{out}: {failures[0]}"
        )
    return made


def _predict(task: Task, segmenter: Segmenter, note: Callable[[str], None]) -> PredictedItem:
    with _replaced(task.folder) as fresh:
        building = replace(task, folder=fresh)
        if isinstance(building, ImageTask):
            item = predict_image(building, segmenter)
        else:
            item = predict_video(building, segmenter, note)
    return replace(item, folder=task.folder.name)


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """Yield a new folder that takes the place of `folder` when the block succeeds."""
    if folder.exists() and not _is_ours(folder):
        raise InputError(
            f"{folder}: holds something that is no prediction: give another folder with --out"
        )
    fresh = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _is_ours(folder: Path) -> bool:
    """Whether a folder is empty or holds an earlier prediction, which may be replaced."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
    return not names or bool(names & {"overlay.mp4", "overlay.png"})
