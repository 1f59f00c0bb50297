"""Memory that is full ends a run in one line, which says what is left of it."""

from dataclasses import replace

import pytest
import torch

from avs_bench.checkpoints.run_checkpoint import read_checkpoint
from avs_bench.models.execution import ExecutedModel
from avs_bench.scoring import evaluate as evaluation
from avs_bench.training.endings import FailedError, memory_errors
from avs_bench.training.fit import fit
from vpo_builder.runtime.errors import InputError

CPU = torch.device("cpu")
PEBIBYTE = 2**50


def silent(line):
    pass


def asks_for_a_pebibyte(at, monkeypatch):
    """Let a model's run number `at`, counted from 0, ask for more memory than there is."""
    run, calls = ExecutedModel.__call__, []

    def greedy(self, *inputs):
        calls.append(None)
        if len(calls) == at + 1:
            torch.empty(PEBIBYTE, dtype=torch.uint8)
        return run(self, *inputs)

    monkeypatch.setattr(ExecutedModel, "__call__", greedy)


@pytest.mark.parametrize(
    ("step", "left"),
    [(1, "there is no checkpoint yet"), (3, "the last checkpoint, of step 2, is kept")],
)
def test_a_step_without_memory_says_what_is_kept(
    settings, dataset, tmp_path, monkeypatch, step, left
):
    once = replace(settings, contrastive=replace(settings.contrastive, weight=0.0))
    asks_for_a_pebibyte(step, monkeypatch)
    with pytest.raises(InputError) as caught:
        fit(once, dataset, tmp_path / "run", device=CPU, announce=silent)
    said = str(caught.value)
    assert said.startswith(f"step {step}: out of memory; {left}: begin a run with fewer items")
    assert "train.micro_batch_size" in said
    assert "\n" not in said
    assert (tmp_path / "run" / "last.pt").exists() == (step > 2)


def test_a_resumed_run_knows_of_the_checkpoint_that_it_began_with(
    settings, dataset, tmp_path, monkeypatch
):
    once = replace(settings, contrastive=replace(settings.contrastive, weight=0.0))
    for fault, resume in ((3, False), (0, True)):
        with monkeypatch.context() as patch:
            asks_for_a_pebibyte(fault, patch)
            with pytest.raises(InputError, match="the last checkpoint, of step 2, is kept"):
                fit(once, dataset, tmp_path / "run", device=CPU, announce=silent, resume=resume)


def test_scoring_without_memory_says_how_to_score_less_at_once(
    settings, dataset, tmp_path, monkeypatch
):
    def ask(*_):
        return torch.empty(PEBIBYTE, dtype=torch.uint8)

    monkeypatch.setattr(evaluation, "segment_hearings", ask)
    with pytest.raises(InputError, match=r"scoring val after step 2: out of memory; there is no"):
        fit(settings, dataset, tmp_path / "run", device=CPU, announce=silent)


def test_only_full_memory_is_told_so():
    with pytest.raises(RuntimeError, match="sizes differ"), memory_errors("step 1", "do less"):
        raise RuntimeError("sizes differ")
    with pytest.raises(FailedError, match="step 1: out of memory"), memory_errors("step 1", "x"):
        raise MemoryError
    with pytest.raises(FailedError), memory_errors("step 1", "do less"):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")


def test_what_failed_can_be_read(settings, dataset, tmp_path, monkeypatch):
    once = replace(settings, contrastive=replace(settings.contrastive, weight=0.0))
    asks_for_a_pebibyte(3, monkeypatch)
    with pytest.raises(InputError):
        fit(once, dataset, tmp_path / "run", device=CPU, announce=silent)
    assert read_checkpoint(tmp_path / "run" / "best.pt").epochs == 1
