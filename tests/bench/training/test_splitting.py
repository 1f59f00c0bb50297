"""A batch in parts gives the gradient of the whole batch."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from avs_bench.config import read_preset
from avs_bench.data.batch import Batch
from avs_bench.models import AVSOutput
from avs_bench.models.execution import ExecutedModel, Execution
from avs_bench.runtime.processes import Processes
from avs_bench.training.cavp import CavpObjective
from avs_bench.training.splitting import Splitting, splitting_of
from tests.bench.conftest import SMALL
from vpo_builder.runtime.errors import InputError

SIDE, CLASSES = 8, 4
CPU = torch.device("cpu")


class Plain(nn.Module):
    """Sees and hears without BatchNorm; counts its calls in a buffer and drops some features."""

    def __init__(self, scores_all: bool = False) -> None:
        super().__init__()
        self.scores_all = scores_all
        generator = torch.Generator().manual_seed(1)
        self.seen = nn.Parameter(torch.randn(5, 3, generator=generator))
        self.heard = nn.Parameter(torch.randn(5, 64, generator=generator))
        self.scored = nn.Parameter(torch.randn(CLASSES, 5, generator=generator))
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, images, spectrograms):
        self.calls += 1
        seen = torch.einsum("dc,bchw->bdhw", self.seen, images)
        seen = seen.repeat(len(spectrograms) // len(images), 1, 1, 1)
        heard = spectrograms.mean(dim=(1, 2)) @ self.heard.T
        features = (seen * heard[..., None, None]).sigmoid()
        scored = features if self.scores_all else features[: len(images)]
        logits = torch.einsum("kd,bdhw->bkhw", self.scored, scored)
        return AVSOutput(logits, features)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(2)
    classes = torch.tensor([1, 2, 3, 1, 2, 1])
    targets = torch.zeros(6, SIDE, SIDE, dtype=torch.uint8)
    for item, label in enumerate(classes.tolist()):
        targets[item, : 2 + item, :5] = label
        targets[item, :, 8 - item :] = 255  # parts have other counts of valid pixels
    return Batch(
        examples=(None,) * 6,
        images=torch.randint(0, 255, (6, 3, SIDE, SIDE), generator=generator).byte(),
        targets=targets,
        waveforms=torch.randn(6, 1, 48_000, generator=generator) / 10,
        sounding=nn.functional.one_hot(classes, CLASSES).bool(),
        seen=nn.functional.one_hot(classes, CLASSES).bool(),
        pans=torch.full((6,), 0.5),
        kinds=torch.zeros(6, dtype=torch.long),
    )


@pytest.mark.parametrize(("weight", "on_shuffled"), [(0.0, 0.0), (0.7, 0.0), (0.7, 0.6)])
@pytest.mark.parametrize("part_size", [1, 4])
def test_parts_add_up_to_the_loss_and_the_gradient_of_the_whole_batch(
    batch, weight, on_shuffled, part_size
):
    settings = read_preset("tiny", (*SMALL, f"pairs.cross_entropy_weight={on_shuffled}"))
    options = {"shuffled_items": "score"} if on_shuffled else {}
    settings = replace(
        settings,
        model=replace(settings.model, options=options),
        contrastive=replace(settings.contrastive, weight=weight),
    )
    results = []
    for size in (0, part_size):
        model = Plain(scores_all=bool(on_shuffled))
        objective = CavpObjective(settings, CLASSES, CPU, Splitting(part_size=size))
        losses = []
        for terms in objective.loss_terms(ExecutedModel(model, Execution()), batch, 1, 0):
            loss = sum(terms.values())
            loss.backward()
            losses.append(float(loss.detach()))
        results.append((sum(losses), [p.grad for p in model.parameters()], float(model.calls)))
    (loss, gradients, _), (split_loss, split_gradients, calls) = results
    assert split_loss == pytest.approx(loss, rel=1e-5)
    for whole, split in zip(gradients, split_gradients, strict=True):
        torch.testing.assert_close(split, whole, rtol=1e-4, atol=1e-6)
    assert calls == -(-6 // part_size)  # a rehearsal leaves no trace


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_a_loss_is_given_int64_targets_of_each_part_as_documented(batch, weight):
    settings = read_preset("tiny", (*SMALL, f"contrastive.weight={weight}"))
    given = []

    def loss(output, targets, totals):
        given.append(targets)
        return {"own": output.scores.mean()}

    objective = CavpObjective(settings, CLASSES, CPU, Splitting(part_size=4), loss)
    assert batch.targets.dtype == torch.uint8
    assert len(list(objective.loss_terms(ExecutedModel(Plain(), Execution()), batch, 1, 0))) == 2
    assert [targets.dtype for targets in given] == [torch.int64] * 2
    assert torch.equal(torch.cat(given), batch.targets.long())


def test_what_cannot_be_split_evenly_is_one_line():
    train = replace(read_preset("tiny").train, batch_size=6, micro_batch_size=2)
    assert splitting_of(train, Processes(0, 3)).part_size == 2
    with pytest.raises(InputError, match=r"train\.batch_size 6 .* among 4: give a multiple"):
        splitting_of(train, Processes(0, 4))
    with pytest.raises(InputError, match=r"micro_batch_size 2 does not divide the 3 items"):
        splitting_of(train, Processes(0, 2))
