"""A finished dataset and a run of two epochs that takes a second."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from avs_bench.config import Settings, read_preset
from avs_bench.data.example import AVSDataset
from avs_bench.data.vpo import read_vpo
from avs_bench.metrics import model_comparison
from avs_bench.metrics.model_comparison import model_comparisons_of
from avs_bench.metrics.uncertainty import bootstrap, comparisons_of, intervals_of
from avs_bench.report import comparison_tables
from tests.bench.training.forked import Forked
from tests.builder.dataset_by_hand import write_dataset

SMALL = (
    "image.long_side=48",
    "image.crop=32",
    "train.epochs=3",
    "train.batch_size=2",
    "train.validate_epochs=1",
    "train.deterministic=true",
    "optim.lr=0.01",
    "loader.cache_mib=1",
)
"""The preset `tiny` with two steps an epoch, on pictures of a few places."""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let SIGINT interrupt: a shell starts what runs in the background without that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@contextmanager
def few_resamples() -> Iterator[None]:
    """Let intervals and p-values be of four resamples: for tests of everything else."""
    with pytest.MonkeyPatch.context() as patch:
        for one_or_all in (bootstrap, intervals_of, comparisons_of, model_comparisons_of):
            patch.setattr(one_or_all, "__defaults__", (4, *(one_or_all.__defaults__ or ())[1:]))
        for module in (model_comparison, comparison_tables):
            patch.setattr(module, "RESAMPLES", 4)
        yield


@pytest.fixture(scope="module")
def quick_intervals() -> Iterator[None]:
    with few_resamples():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A VPO-SS with 4 train, 1 val and 3 test samples of 96×64 pixels."""
    return write_dataset(tmp_path / "data")


@pytest.fixture
def dataset(folder: Path) -> AVSDataset:
    return read_vpo(folder)


@pytest.fixture
def settings() -> Settings:
    return read_preset("tiny", SMALL)


@pytest.fixture
def begin() -> Iterator[Callable[..., Forked]]:
    """Begins commands of `avs-bench`, each in a process that ends with the test at the latest."""
    begun: list[Forked] = []

    def begin(*given: Any, **how: Any) -> Forked:
        begun.append(Forked(*given, **how))
        return begun[-1]

    yield begin
    for process in begun:
        process.kill()
        process.communicate()
