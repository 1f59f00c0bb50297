import doctest
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.distributed as dist

import avs_bench.metrics.meter as module
from avs_bench.metrics import (
    Confusion,
    Figure,
    FrameScores,
    Meter,
    VideoScores,
    j_video,
    miou_dataset,
    miou_foreground_dataset,
    miou_frame,
)
from tests.bench.training.gloo import run_together
from vpo_builder.runtime.errors import InputError

CLASSES = 5


def batches(seed, count=6):
    """Predictions and targets of two pictures each, one in ten pixels ignored."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        pred = random.integers(0, CLASSES, (2, 8, 9))
        target = random.integers(0, CLASSES, (2, 8, 9))
        yield pred, np.where(random.random(target.shape) < 0.1, 255, target)


def counted(meter, pairs):
    for pred, target in pairs:
        meter.update(pred, target)
    return meter


@pytest.mark.parametrize(
    ("family", "record", "figure"),
    [("dataset", Confusion, miou_dataset), ("frame", FrameScores, miou_frame)],
)
def test_a_meter_has_the_figures_of_all_that_it_was_given(family, record, figure):
    meter = counted(Meter.of_family(family, CLASSES), batches(0))
    pred, target = (np.concatenate(arrays) for arrays in zip(*batches(0), strict=True))
    expected = figure(record.of(pred, target, CLASSES))
    assert meter.compute()[expected.name] == expected
    tensors = counted(
        Meter.of_family(family, CLASSES), (map(torch.from_numpy, pair) for pair in batches(0))
    )
    assert tensors.compute() == meter.compute()


def test_videos_are_given_as_logits_and_masks():
    random = np.random.default_rng(0)
    logits, masks = random.normal(size=(3, 8, 9)), random.integers(0, 2, (3, 8, 9))
    masks[0, 0] = 255
    meter = Meter.of_family("video")
    meter.update(logits, masks)
    assert meter.compute()["j_video"] == j_video(VideoScores.of(logits, masks, ignore=255))


def test_merged_meters_are_one_and_a_reset_one_is_new():
    whole = counted(Meter.of_family("dataset", CLASSES), [*batches(0), *batches(1)])
    left, right = (counted(Meter.of_family("dataset", CLASSES), batches(s)) for s in (0, 1))
    left.merge(right)
    assert left.compute() == whole.compute()
    left.reset()
    assert np.isnan(float(left.compute()["miou_dataset"]))
    left.merge(whole, right)
    assert left.total() == whole.total() + right.total()
    with pytest.raises(InputError, match="do not add"):
        left.merge(Meter.of_family("dataset", CLASSES + 1))


def test_an_own_figure_comes_after_those_of_the_family():
    def mine_dataset(confusion: Confusion) -> Figure:
        return Figure("mine_dataset", confusion.pixels / 1000, "a share of a thousand pixels")

    options = {"figures": [miou_foreground_dataset, mine_dataset]}
    computed = counted(Meter.of_family("dataset", CLASSES, **options), batches(0)).compute()
    assert next(iter(computed)) == "miou_dataset"
    assert list(computed)[-2:] == ["miou_foreground_dataset", "mine_dataset"]
    assert 0.7 < float(computed["mine_dataset"]) < 0.9


def test_a_class_out_of_range_is_one_line():
    with pytest.raises(InputError, match="pred: label 7 at"):
        Meter.of_family("dataset", 2).update(np.full((2, 2), 7), np.zeros((2, 2), int))


def test_its_example_holds():
    assert not doctest.testmod(module).failed
    assert doctest.testmod(module).attempted == 3


def share(processes, family):
    """What a process computes that counted its share: of all, and by itself."""
    own = list(batches(0))[processes.rank :: processes.count]
    joined = counted(Meter.of_family(family, CLASSES), own)
    alone = counted(Meter.of_family(family, CLASSES, sync_on_compute=False), own)
    assert dist.is_initialized()
    before = joined.record
    names = ("miou_dataset", "miou_frame")
    figures = [
        float(value)
        for meter in (joined, alone)
        for name, value in meter.compute().items()
        if name in names
    ]
    assert joined.record == before  # so that a second compute() does not count twice
    return figures


@pytest.mark.parametrize("family", ["dataset", "frame"])
def test_processes_compute_together_what_one_does(family):
    (together, first), (again, second) = run_together(2, share, family)
    whole = counted(Meter.of_family(family, CLASSES), batches(0)).compute()
    assert together == again == float(whole[f"miou_{family}"])
    assert first != second != together


@pytest.mark.parametrize(("backend", "device"), [("gloo", "cpu"), ("nccl", "cuda")])
def test_counts_are_joined_within_the_group_and_where_its_backend_works(
    monkeypatch, backend, device
):
    asked = []
    moved = []
    monkeypatch.setattr(torch.Tensor, "to", lambda vector, to: moved.append(to) or vector)

    def all_reduce(vector, group):
        asked.append(group)
        vector *= 2

    joined = SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        get_world_size=lambda group: asked.append(group) or 2,
        get_backend=lambda group: asked.append(group) or backend,
        all_reduce=all_reduce,
    )
    monkeypatch.setitem(sys.modules, "torch.distributed", joined)
    meter = counted(Meter.of_family("dataset", CLASSES, group="mine"), batches(0, 1))
    assert meter.total() == meter.record + meter.record
    assert asked == ["mine"] * 3
    assert moved == [device]
    monkeypatch.setattr(joined, "get_world_size", lambda group: 1)
    assert meter.total() == meter.record
    monkeypatch.setattr(joined, "is_initialized", lambda: False)
    monkeypatch.setattr(joined, "get_world_size", lambda group: 2)
    assert meter.total() == meter.record


def test_a_meter_has_two_classes_unless_more_are_named():
    meter = Meter.of_family("dataset")
    meter.update([0, 1], [0, 1])
    assert meter.total().classes == 2
