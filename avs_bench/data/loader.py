"""Batches for training and for evaluation, read here or by worker processes."""

import signal
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Protocol

import torch
from torch.utils.data import DataLoader, Dataset

from avs_bench.config import Settings
from avs_bench.data.batch import (
    Batch,
    Loaded,
    PictureChange,
    collate,
    load_for_evaluation,
    load_for_training,
)
from avs_bench.data.clips import evaluation_clips, layout_of, training_clips
from avs_bench.data.example import AVSDataset, Clip, Example
from avs_bench.data.images import PictureReader
from avs_bench.data.order import Draw, TrainingOrder, evaluation_batches
from avs_bench.data.seeds import numpy_generator
from vpo_builder.runtime.errors import InputError, as_input_error

Item = list[Loaded] | InputError
"""The frames of a clip, or why they cannot be read."""

STOPS = (signal.SIGTERM, signal.SIGINT)
"""Signals that end a run between two steps."""


class Closable(Protocol):
    """What reads and, once closed, has no workers."""

    def close(self) -> None:
        """End the workers."""


def training_order(dataset: AVSDataset, settings: Settings) -> TrainingOrder:
    """Return the order in which a run sees the train subset; raise InputError if it is empty."""
    clips = training_clips(dataset, "train", settings.image.item_frames)
    if not clips:
        raise InputError(
            f"{dataset.folder}: its train subset is empty: build a dataset from more sources"
        )
    return TrainingOrder(len(clips), settings.train.batch_size, settings.train.seed)


def training_batches(
    dataset: AVSDataset,
    settings: Settings,
    order: TrainingOrder,
    first_step: int,
    steps: int,
    rows: slice = slice(None),
    *,
    pinned: bool = False,
) -> Generator[Batch]:
    """Yield the batches of the optimisation steps from `first_step` up to `steps`.

    Of each only `rows` are read, a process's share. Whoever leaves off early closes it, which ends
    the workers: an error that is kept would keep them. A GPU copies `pinned` batches by itself.

    Raises InputError for a file that cannot be read.
    """
    views = _TrainingViews(dataset, settings)
    drawn, held = order.batches(first_step, steps, rows), settings.image.item_frames
    return _batches([_loader(views, drawn, dataset, settings, held, pinned=pinned)])


class PlainReading:
    """Reads examples of a dataset unchanged, in batches of one picture size.

    As often as wished, by the same workers; whoever asked for it closes it, which ends them. Where
    frames of a video are seen together, frames without annotation are among them. A `change` is
    made to every picture. `pinned` as in `training_batches`.
    """

    def __init__(
        self,
        dataset: AVSDataset,
        examples: Sequence[Example],
        settings: Settings,
        change: PictureChange | None = None,
        *,
        pinned: bool = False,
    ) -> None:
        self.examples = examples
        clips = evaluation_clips(dataset, examples, settings.image.frames)
        views = _PlainViews(dataset, clips, settings, change)
        order = list(evaluation_batches(clips, settings.evaluation.batch_size))
        held = settings.image.frames
        self._loaders = [_loader(views, order, dataset, settings, held, pinned=pinned, stay=True)]

    def batches(self) -> Generator[Batch]:
        """Yield the batches, each example once; a loop that leaves off early closes them."""
        return _batches(self._loaders)

    def close(self) -> None:
        """End the workers."""
        self._loaders.clear()


def plain_batches(
    dataset: AVSDataset,
    examples: Sequence[Example],
    settings: Settings,
    change: PictureChange | None = None,
) -> Generator[Batch]:
    """Yield each of the dataset's examples once, as `PlainReading` does."""
    with closing(PlainReading(dataset, examples, settings, change)) as reading:
        yield from reading.batches()


class _TrainingViews(Dataset[Item]):
    """Random views of the train subset, the same one for every frame of a clip.

    A view depends on (seed, pass, example id) alone: not on the worker, nor on where a resumed
    run began. A user error is returned as a value, because DataLoader would wrap its line into a
    worker's traceback.
    """

    def __init__(self, dataset: AVSDataset, settings: Settings) -> None:
        self._clips = training_clips(dataset, "train", settings.image.item_frames)
        self._settings = settings
        self._reader = PictureReader(dataset.mask_lookup, settings.loader.cache_mib)

    def __getitem__(self, draw: Draw) -> Item:
        clip = self._clips[draw.index]
        try:
            return [self._view(frame, draw.epoch, clip[0].example_id) for frame in clip]
        except Exception as error:
            return _told(error)

    def _view(self, example: Example, epoch: int, drawn_for: str) -> Loaded:
        settings = self._settings
        return load_for_training(
            example,
            self._reader,
            settings.image,
            settings.audio,
            settings.augmentation,
            numpy_generator("view", settings.train.seed, epoch, drawn_for),
        )


class _PlainViews(Dataset[Item]):
    """Examples as they are; errors as in `_TrainingViews`."""

    def __init__(
        self,
        dataset: AVSDataset,
        clips: Sequence[Clip],
        settings: Settings,
        change: PictureChange | None,
    ) -> None:
        self._clips, self._settings, self._change = clips, settings, change
        self._reader = PictureReader(dataset.mask_lookup, settings.loader.cache_mib)

    def __getitem__(self, index: int) -> Item:
        image, audio = self._settings.image, self._settings.audio
        try:
            return [
                load_for_evaluation(frame, self._reader, image, audio, self._change)
                for frame in self._clips[index]
            ]
        except Exception as error:
            return _told(error)


def _loader(
    views: Dataset[Item],
    order: Iterable[list[Draw]] | Iterable[list[int]],
    dataset: AVSDataset,
    settings: Settings,
    held: int,
    *,
    pinned: bool,
    stay: bool = False,
) -> Iterable[Batch | InputError]:
    """Return what reads items of which each may hold `held` frames; its workers may `stay`."""
    frames = settings.image.frames if dataset.videos else 1
    return DataLoader(
        views,
        batch_sampler=order,
        num_workers=settings.loader.workers,
        collate_fn=partial(_collate, classes=len(dataset.classes), frames=frames, held=held),
        worker_init_fn=_leave_signals_to_the_run,
        pin_memory=pinned,
        persistent_workers=stay and settings.loader.workers > 0,
        generator=torch.Generator(),  # its own: reading draws nothing from the run's
    )


def _batches(loaders: Sequence[Iterable[Batch | InputError]]) -> Generator[Batch]:
    """Yield what the one loader reads; raise InputError for what cannot be.

    The loader is no variable here: an error that is kept would keep it, and its workers.
    """
    with reading():
        for batch in _started(loaders[0]):
            if isinstance(batch, InputError):
                raise batch
            yield batch


def _started(loader: Iterable[Batch | InputError]) -> Iterator[Batch | InputError]:
    """Return what reads. What stops a run waits until its workers, new ones, know to ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        return iter(loader)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def reading(*readers: Closable) -> Iterator[None]:
    """Close them in the end; raise InputError when the system ends a worker of theirs.

    torch says so at once, whatever is being done.
    """
    try:
        with ExitStack() as stack:
            for one in readers:
                stack.enter_context(closing(one))
            yield
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise InputError(
            "a process that reads examples was killed, perhaps for want of memory: end other "
            "programs and run the command again"
        ) from None


def _told(error: Exception) -> InputError:
    """Return what a worker hands to the run for an error that is no bug; raise one that is."""
    known = as_input_error(error)
    if known is None:
        raise error
    return known


def _leave_signals_to_the_run(_worker: int) -> None:
    """Let a worker read on when a batch system, or Ctrl-C, tells every process of a run to stop.

    The run stops between two steps and ends its workers; they also end when it is gone.
    """
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _collate(items: Sequence[Item], classes: int, frames: int, held: int) -> Batch | InputError:
    clips = []
    for item in items:
        if isinstance(item, InputError):
            return item
        clips.append(item)
    layout = layout_of([len(clip) for clip in clips], frames, held) if frames > 1 else None
    return collate([frame for clip in clips for frame in clip], classes, layout)
