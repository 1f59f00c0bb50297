"""A training step asks the device nothing: it runs on tensors that have no values to be read."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avs_bench.config import read_preset
from avs_bench.data.batch import Batch
from avs_bench.data.clips import layout_of
from avs_bench.runtime.device import Arriving, on_device
from avs_bench.training import readings
from avs_bench.training.learner import Learner
from tests.bench.waiting import Waits

META, SIDE = torch.device("meta"), 64
IN_MAIN_MEMORY = {
    "training/bank.py": "the bank of clips lies in main memory",
    "training/pairs.py": "pairs are drawn from what the loader says of the sounds",
    "training/splitting.py": "targets are counted where the loader has put them",
    "losses/cross_entropy.py": "so are their pixels",
    "losses/contrastive.py": "places are drawn from targets in main memory",
    "losses/info_nce.py": "labels of drawn places lie there too",
    "training/optimisers.py": "Adam counts its steps there",
    "data/spectrograms.py": "the filter bank is made once",
}
"""Who may ask a tensor for its values in a step, and why: none of these lies on the device."""


def batch(items: int, classes: int, seconds: int, frames: int) -> Batch:
    random = torch.Generator().manual_seed(0)
    sounding = torch.zeros(items, classes, dtype=torch.bool)
    sounding[torch.arange(items), torch.arange(items) % (classes - 1) + 1] = True
    return Batch(
        examples=(),
        images=torch.randint(0, 255, (items, 3, SIDE, SIDE), dtype=torch.uint8, generator=random),
        targets=torch.randint(0, min(classes, 3), (items, SIDE, SIDE), generator=random).byte(),
        waveforms=torch.randn(items, 1, 16_000 * seconds, generator=random),
        sounding=sounding,
        seen=sounding.clone(),
        pans=torch.full((items,), 0.5),
        kinds=torch.zeros(items, dtype=torch.long),
        clips=layout_of([frames] * (items // frames), frames, items) if frames > 1 else None,
    )


@pytest.mark.parametrize(
    ("preset", "classes", "frames", "part"),
    [
        ("cavp-deeplabv3plus-r50", 22, 1, 0),
        ("cavp-deeplabv3plus-r50", 22, 1, 1),
        ("tpavi-r50-avss", 71, 5, 0),
        ("avsegformer-r50-s4", 2, 5, 0),
    ],
)
def test_a_step_reads_nothing_of_the_device(monkeypatch, preset, classes, frames, part):
    copied = []

    def copy(values):
        copied.append(values)
        return Arriving(torch.zeros(values.shape))

    monkeypatch.setattr(readings, "in_main_memory", copy)
    settings = read_preset(preset, ("train.epochs=1",))
    train = replace(settings.train, batch_size=4, micro_batch_size=2 * part, untrained_vggish=True)
    learner = Learner(replace(settings, train=train), classes, META, 2)
    items = batch(4 * frames, classes, settings.audio.seconds if frames == 1 else 1, frames)
    counts = []
    for step in range(2):
        with Waits() as counted:
            learner.take(items, step)
        counts.append(counted)
    assert all(value.device.type == "meta" for value in copied)
    assert len(copied) == 2 * (2 if part else 1)  # the loss of each part, copied without waiting
    read = counts[0].read | counts[1].read
    places = {file for _, file in read}
    assert {device for device, _ in read} == {"cpu"}
    assert places <= IN_MAIN_MEMORY.keys(), f"{places - IN_MAIN_MEMORY.keys()} read values"
    assert not counts[1].copied, "what is made once was copied in the first step"


def test_every_exception_is_still_needed():
    """Each named file is one of ours, so that the list does not outlive what it excuses."""
    root = Path(readings.__file__).parents[1]
    assert all((root / name).is_file() for name in IN_MAIN_MEMORY)


def test_losses_are_told_by_step_and_a_loss_that_is_no_number_is_refused_with_its_step():
    from avs_bench.runtime.processes import ALONE
    from avs_bench.training.endings import FailedError

    kept = readings.LossReadings(torch.device("cpu"), ALONE)
    assert kept.ahead == 1
    assert readings.LossReadings(torch.device("cuda"), ALONE).ahead == readings.AHEAD
    for step, value in enumerate((1.0, 2.0)):
        kept.note(step, {"a": torch.tensor(value), "b": torch.tensor(0.5)})
        kept.note(step, {"a": torch.tensor(value), "b": torch.tensor(0.25)})
    assert kept.read() == [{"a": 2.0, "b": 0.75}, {"a": 4.0, "b": 0.75}]
    assert kept.read() == []
    kept.note(7, {"a": torch.tensor(float("nan"))})
    with pytest.raises(FailedError, match="step 7"):
        kept.refuse_no_number()
    kept.note(8, {"a": torch.tensor(1.0)})
    with pytest.raises(FailedError, match="step 7"):
        kept.read()


def test_a_tensor_that_is_there_already_is_not_copied():
    tensor = torch.ones(3)
    assert on_device(tensor, torch.device("cpu")) is tensor
