"""Batches for training and for evaluation, read here or by worker processes."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import torch
from torch.utils.data import DataLoader, Dataset

from avs_bench.config import Settings
from avs_bench.data.batch import Batch, Loaded, collate, load_for_evaluation, load_for_training
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.images import PictureReader
from avs_bench.data.order import Draw, TrainingOrder, evaluation_batches
from avs_bench.data.seeds import numpy_generator
from vpo_builder.errors import InputError


def training_order(dataset: AVSDataset, settings: Settings) -> TrainingOrder:
    """Return the order in which a run sees the train subset; raise InputError if it is empty."""
    examples = dataset.subsets["train"]
    if not examples:
        raise InputError(
            f"{dataset.folder}: its train subset is empty: build a dataset from more sources"
        )
    return TrainingOrder(len(examples), settings.train.batch_size, settings.train.seed)


def training_batches(
    dataset: AVSDataset, settings: Settings, order: TrainingOrder, first_step: int, steps: int
) -> Iterator[Batch]:
    """Yield the batches of the optimisation steps from `first_step` up to `steps`.

    Raises InputError for a file that cannot be read.
    """
    views = _TrainingViews(dataset, settings)
    return _batches(views, order.batches(first_step, steps), len(dataset.classes), settings)


def plain_batches(
    dataset: AVSDataset, examples: Sequence[Example], settings: Settings
) -> Iterator[Batch]:
    """Yield each of the dataset's examples once, unchanged, in batches of one picture size."""
    views = _PlainViews(dataset, examples, settings)
    order = evaluation_batches(examples, settings.evaluation.batch_size)
    return _batches(views, order, len(dataset.classes), settings)


class _TrainingViews(Dataset[Loaded | InputError]):
    """Random views of the train subset.

    A view depends on (seed, pass, example id) alone: not on the worker, nor on where a resumed
    run began. A user error is returned as a value, because DataLoader would wrap its line into a
    worker's traceback.
    """

    def __init__(self, dataset: AVSDataset, settings: Settings) -> None:
        self._examples = dataset.subsets["train"]
        self._settings = settings
        self._reader = PictureReader(dataset.mask_lookup, settings.loader.cache_mib)

    def __getitem__(self, draw: Draw) -> Loaded | InputError:
        example, settings = self._examples[draw.index], self._settings
        random = numpy_generator("view", settings.train.seed, draw.epoch, example.example_id)
        try:
            return load_for_training(
                example,
                self._reader,
                settings.image,
                settings.audio,
                settings.augmentation,
                random,
            )
        except InputError as error:
            return error


class _PlainViews(Dataset[Loaded | InputError]):
    """Examples as they are; errors as in `_TrainingViews`."""

    def __init__(
        self, dataset: AVSDataset, examples: Sequence[Example], settings: Settings
    ) -> None:
        self._examples = examples
        self._settings = settings
        self._reader = PictureReader(dataset.mask_lookup, settings.loader.cache_mib)

    def __getitem__(self, index: int) -> Loaded | InputError:
        settings = self._settings
        try:
            return load_for_evaluation(
                self._examples[index], self._reader, settings.image, settings.audio
            )
        except InputError as error:
            return error


def _batches(
    views: Dataset[Loaded | InputError],
    order: Iterable[list[Draw]] | Iterable[list[int]],
    classes: int,
    settings: Settings,
) -> Iterator[Batch]:
    loader = DataLoader(
        views,
        batch_sampler=order,
        num_workers=settings.loader.workers,
        collate_fn=partial(_collate, classes=classes),
        generator=torch.Generator(),  # its own: reading draws nothing from the run's
    )
    for batch in loader:
        if isinstance(batch, InputError):
            raise batch
        yield batch


def _collate(items: Sequence[Loaded | InputError], classes: int) -> Batch | InputError:
    for item in items:
        if isinstance(item, InputError):
            return item
    return collate([item for item in items if isinstance(item, Loaded)], classes)
