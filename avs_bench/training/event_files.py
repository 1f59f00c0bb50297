"""TensorBoard's view of a run: its scalars, and overlays on the same few examples every time.

A second copy of what history.jsonl says, for looking at; nothing reads it back.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from avs_bench.data.batch import Batch
from avs_bench.painting import Pixels, mask_tint
from avs_bench.results.showcase import thumbnail
from avs_bench.runtime.optional_packages import require
from avs_bench.training.progress import Progress
from vpo_builder.dataset.class_colours import class_colours

FOLDER = "tensorboard"
EXAMPLES = 4
"""Overlays of each scoring: the first ones that this process scores, which stay the same."""


def require_tensorboard() -> None:
    """Raise InputError if tensorboard is not installed."""
    require(("tensorboard",), "--tensorboard", "pip install .[tensorboard], or leave it out")


class EventFiles:
    """Writes the event files of a run, for `tensorboard --logdir` on its folder or those above.

    Everything stands at the number of steps done. What an earlier, killed program wrote of steps
    after `done` is marked as void: they are done again.
    """

    def __init__(self, folder: Path, done: int, classes: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # 1 s: only where it is asked for

        self._writer = SummaryWriter(str(folder / FOLDER), purge_step=done + 1)
        self._classes = classes
        self._overlays: dict[str, Pixels] = {}

    def step(self, progress: Progress, terms: Mapping[str, float]) -> None:
        """Add the loss terms of the step just done."""
        scalars = {"loss": sum(terms.values()), **terms}
        for name, value in scalars.items():
            self._writer.add_scalar(f"step/{name}", value, progress.step)

    def epoch(self, progress: Progress) -> None:
        """Add the record of the epoch just ended, as history.jsonl has it, and the overlays."""
        for name, value in progress.history[-1].items():
            named = value if isinstance(value, dict) else {name: value}
            group = name if isinstance(value, dict) else "epoch"
            for inner, number in named.items():
                if inner not in ("epoch", "step") and isinstance(number, int | float):
                    self._writer.add_scalar(f"{group}/{inner}", number, progress.step)
        for example_id, picture in self._overlays.items():
            self._writer.add_image(
                f"examples/{example_id}", picture, progress.step, dataformats="HWC"
            )
        self._overlays = {}

    def watch(self, batch: Batch, row: int, pred: Tensor) -> None:
        """Draw a scored example, if it is one of the first; `pred` [H', W'] are class indices."""
        example_id = batch.examples[row].example_id
        if len(self._overlays) < EXAMPLES:
            picture = thumbnail(batch.images[row].permute(1, 2, 0).numpy())
            target = batch.targets[row].numpy()
            self._overlays[example_id] = side_by_side(
                picture, (target, pred.numpy()), self._classes
            )

    def flush(self) -> None:
        """Have everything on the disk, which a checkpoint is about to count as done."""
        self._writer.flush()

    def close(self) -> None:
        """Have everything on the disk and add no more."""
        self._writer.close()


def side_by_side(picture: Pixels, masks: tuple[Pixels, ...], classes: int) -> Pixels:
    """Return an RGB picture [H, W, 3] and then, beside it, one under each mask of class indices."""
    height, width = picture.shape[:2]
    colours = class_colours(classes)
    panels = [picture]
    for mask in masks:
        fitting = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
        panels.append(mask_tint(np.asarray(fitting), colours).over(picture))
    return np.concatenate(panels, axis=1)
