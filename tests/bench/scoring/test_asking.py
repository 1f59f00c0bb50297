"""Scoring runs beside the model: in order, with its errors, and without waiting for the device."""

import gc
import multiprocessing
import os
import signal
import threading
from dataclasses import replace

import pytest
import torch
from torch import nn

from avs_bench.checkpoints.opening import OpenedModel
from avs_bench.config import read_preset
from avs_bench.data import loader
from avs_bench.data.class_map import read_class_map
from avs_bench.models import AVSOutput, build_model, registry
from avs_bench.models.execution import ExecutedModel, Execution
from avs_bench.models.inference import segment_hearings
from avs_bench.prediction import segmenter
from avs_bench.runtime.device import Arriving
from avs_bench.scoring import asking
from avs_bench.scoring.asking import Telling, asked
from avs_bench.scoring.evaluate import evaluate
from avs_bench.scoring.renaming import renamed_logits
from tests.bench.models.small_models import small_avsegformer, small_tpavi
from tests.bench.training.test_no_waiting import batch
from tests.bench.waiting import Waits
from vpo_builder.runtime.errors import InputError

CPU, META = torch.device("cpu"), torch.device("meta")
LONG = 30


def one_by_one(settings, **changes):
    return replace(
        settings,
        evaluation=replace(settings.evaluation, batch_size=1),
        loader=replace(settings.loader, **changes),
    )


class Numbered(nn.Module):
    """Answers background, and does something at each call, counted from 0."""

    def __init__(self, does):
        super().__init__()
        self.does, self.calls = does, 0

    def forward(self, images, spectrograms):
        self.does(self.calls)
        self.calls += 1
        return AVSOutput(torch.zeros(len(images), 7, *images.shape[-2:]))


def test_the_model_sees_a_batch_while_the_one_before_is_scored(dataset, settings):
    seen, told = threading.Event(), []
    model = Numbered(lambda call: seen.set() if call else None)

    def tell(answer):
        told.append(answer.example.example_id)
        assert seen.wait(LONG), "the second batch is not begun while the first is scored"

    evaluate(model, dataset, "test", one_by_one(settings), CPU, watchers=[tell])
    assert sorted(told) == [example.example_id for example in dataset.subsets["test"]]


def test_what_fails_in_scoring_comes_out_before_what_fails_in_the_next_batch(dataset, settings):
    def fail(call):
        if call == 1:
            raise RuntimeError("the second batch")

    def refuse(answer):
        raise InputError("the first answer")

    run = (dataset, "test", one_by_one(settings), CPU)
    with pytest.raises(InputError, match="the first answer"):
        evaluate(Numbered(fail), *run, watchers=[refuse])
    with pytest.raises(RuntimeError, match="the second batch"):
        evaluate(Numbered(fail), *run)


def test_a_worker_that_is_starting_does_not_end_by_a_signal_to_the_whole_run(
    dataset, settings, monkeypatch
):
    def told_to_stop(worker):
        os.kill(os.getpid(), signal.SIGTERM)
        leave_signals(worker)

    leave_signals = loader._leave_signals_to_the_run
    monkeypatch.setattr(loader, "_leave_signals_to_the_run", told_to_stop)
    told = []
    run = (dataset, "test", one_by_one(settings, workers=1), CPU)
    evaluate(Numbered(lambda _: None), *run, watchers=[told.append])
    assert len(told) == len(dataset.subsets["test"])


def test_an_interruption_ends_scoring_its_thread_and_its_workers(dataset, settings, ctrl_c):
    told = []

    def interrupt(answer):
        told.append(answer)
        if len(told) == 2:  # during the first the thread may still be starting
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        evaluate(
            *(Numbered(lambda _: None), dataset, "test", one_by_one(settings, workers=1), CPU),
            watchers=[interrupt],
        )
    gc.collect()  # the error and its frames, some of torch's, which was perhaps reading
    assert not [one for one in threading.enumerate() if one.name.startswith("ThreadPool")]
    assert not multiprocessing.active_children()


SMALL = {"tpavi-r50": small_tpavi, "avsegformer-r50": small_avsegformer}


@pytest.mark.parametrize(
    ("name", "frames"),
    [("tiny", 1), ("tpavi-r50", 5), ("avsegformer-r50", 5), ("tpavi-r50", 4)],
)
def test_asking_a_model_waits_for_no_device(monkeypatch, name, frames):
    for changed, small in SMALL.items():
        monkeypatch.setitem(registry.MODELS, changed, small)
    built = build_model(name, 7).eval().to(META)
    executed = ExecutedModel(built, Execution())
    items = batch(4 * frames, 7, 3 if frames == 1 else 1, frames)
    items = replace(items, clips=items.clips and replace(items.clips, frames=5))
    brought = []
    monkeypatch.setattr(asking, "in_main_memory", lambda x: brought.append(x) or Arriving(x))

    def pieces():
        def segmented(hearings):
            return segment_hearings(executed, hearings, META)

        return asked(segmented, [items], (), Telling((), None, lambda: 0))

    list(pieces())  # what is made once for a device is copied to it
    brought.clear()
    with Waits() as counted:
        (tell,) = pieces()
    assert tell
    assert not counted.read
    assert not counted.copied
    assert [(value.dtype, value.device) for value in brought] == [
        (torch.uint8, META),  # the classes predicted
        (torch.bool, META),  # whether the scores are numbers
    ]


def test_a_class_map_waits_for_no_device():
    mapped = read_class_map("names", ("background", "cat", "dog", "bus"), ("background", "dog"))
    logits = torch.zeros(2, 4, 3, 3, device=META)
    with Waits() as counted:
        assert renamed_logits(logits, mapped).shape == (2, 2, 3, 3)
    assert not counted.read
    assert not counted.copied


def test_a_prediction_waits_for_the_device_once_when_all_pictures_are_asked_for(monkeypatch):
    module = build_model("tiny", 7).eval().to(META)
    settings = read_preset("tiny", ("image.long_side=48",))
    waits = []

    class Late(Arriving):
        def arrived(self):
            waits.append(len(brought))
            return torch.ones(self.values.shape, dtype=self.values.dtype)

    brought = []
    monkeypatch.setattr(segmenter, "in_main_memory", lambda x: brought.append(x) or Late(x, None))
    opened = OpenedModel(module, settings, tuple("abcdefg"), META)
    predict = segmenter.Segmenter(opened, attention=True).predict
    pictures = [torch.zeros(32, 48, 3, dtype=torch.uint8).numpy()] * 3
    sounds = [torch.zeros(1, 48_000).numpy()] * 3
    predict(pictures, sounds)
    brought.clear()
    waits.clear()
    with Waits() as counted:
        made = predict(pictures, sounds)
    assert len(made) == 3
    assert not [place for place in counted.read if place[0] == "meta"]
    assert not counted.copied
    assert set(waits) == {len(brought)} == {1 + 3 * 3}
