import json
import os
import signal
import time
from dataclasses import replace
from multiprocessing import active_children

import pytest
import torch

from avs_bench.checkpoints.run_checkpoint import model_of, read_checkpoint
from avs_bench.training.fit import fit
from avs_bench.training.learner import Learner
from avs_bench.training.validation import Validation
from vpo_builder.runtime.errors import InputError

CPU = torch.device("cpu")


def train(settings, dataset, folder, **options):
    return fit(settings, dataset, folder, device=CPU, announce=lambda line: None, **options)


def test_a_run_leaves_config_history_and_two_checkpoints(settings, dataset, tmp_path):
    progress = train(settings, dataset, tmp_path / "run")
    lines = (tmp_path / "run" / "history.jsonl").read_text().splitlines()

    assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2]
    assert progress.step == 6
    best = read_checkpoint(tmp_path / "run" / "best.pt")
    last = read_checkpoint(tmp_path / "run" / "last.pt")
    assert best.epochs == progress.best.epoch + 1
    assert best.origin == last.origin
    assert best.origin.settings == settings
    assert best.origin.classes == dataset.classes
    assert best.origin.manifest_sha256 == dataset.sha256
    assert not best.training


def test_lines_written_after_the_last_checkpoint_are_not_there_twice(settings, dataset, tmp_path):
    history = tmp_path / "run" / "history.jsonl"
    train(settings, dataset, tmp_path / "run")
    before = history.read_bytes()
    history.write_bytes(before + b'{"epoch":3}\n{"epo')
    train(settings, dataset, tmp_path / "run", resume=True)
    assert history.read_bytes() == before


def test_workers_change_nothing_and_live_through_the_run(settings, dataset, tmp_path, monkeypatch):
    scored, living = Validation.after, []

    def watched(self, *given):
        progress = scored(self, *given)
        living.append({process.pid for process in active_children()})
        return progress

    monkeypatch.setattr(Validation, "after", watched)
    for workers in (0, 2):
        loader = replace(settings.loader, workers=workers)
        train(replace(settings, loader=loader), dataset, tmp_path / str(workers))
    first, second = ((tmp_path / name / "history.jsonl").read_bytes() for name in "02")
    assert first == second
    assert list(map(len, living)) == [0, 0, 0, 4, 4, 4]  # two for train, two for val
    assert living[3] == living[4] == living[5]
    assert not active_children()


def test_a_worker_that_is_killed_during_a_step_is_one_line(
    settings, dataset, tmp_path, monkeypatch
):
    take = Learner.take

    def kill(self, batch, step):
        if step == 2:  # after a validation, whose worker waits for the next one
            os.kill(max(process.pid for process in active_children()), signal.SIGKILL)
            time.sleep(5)  # torch tells of it here
        take(self, batch, step)

    monkeypatch.setattr(Learner, "take", kill)
    one = replace(settings, loader=replace(settings.loader, workers=1))
    with pytest.raises(InputError, match="a process that reads examples was killed") as caught:
        train(one, dataset, tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not active_children()


def test_without_val_the_last_epoch_is_kept_and_said(settings, dataset, tmp_path):
    dataset = replace(dataset, subsets=dataset.subsets | {"val": ()})
    lines = []
    fit(settings, dataset, tmp_path / "run", device=CPU, announce=lines.append)
    assert "val is empty" in lines[-1]
    assert read_checkpoint(tmp_path / "run" / "best.pt").epochs == 3
    assert "val" not in (tmp_path / "run" / "history.jsonl").read_text()


def test_a_folder_with_a_run_is_not_overwritten(settings, dataset, tmp_path):
    train(settings, dataset, tmp_path / "run")
    with pytest.raises(InputError, match="already holds a run: add --resume"):
        train(settings, dataset, tmp_path / "run")


def test_a_dataset_is_not_written_into(settings, dataset, tmp_path):
    before = sorted(dataset.folder.iterdir())
    with pytest.raises(InputError, match="holds a dataset: give the run a folder of its own"):
        train(settings, dataset, dataset.folder)
    assert sorted(dataset.folder.iterdir()) == before


def test_a_run_does_not_go_on_with_other_settings_or_data(settings, dataset, tmp_path):
    train(settings, dataset, tmp_path / "run")
    other = replace(settings, optim=replace(settings.optim, lr=0.5))
    with pytest.raises(InputError, match=r"begun with optim\.lr = 0\.01, now it is 0\.5"):
        train(other, dataset, tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="begun on VPO-SS with manifest"):
        train(settings, replace(dataset, sha256="0" * 64), tmp_path / "run", resume=True)


def test_a_wav_missing_in_mid_epoch_is_one_line(settings, dataset, tmp_path):
    clip = dataset.subsets["train"][-1].sources[0].clip
    clip.unlink()
    for workers in (0, 2):
        loader = replace(settings.loader, workers=workers)
        with pytest.raises(InputError, match=f"{clip.name}: no such file") as caught:
            train(replace(settings, loader=loader), dataset, tmp_path / str(workers))
        assert "\n" not in str(caught.value)


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_checkpoint(
    settings, dataset, tmp_path
):
    wild = replace(settings, optim=replace(settings.optim, lr=1000.0, head_lr_factor=1000.0))
    rare = replace(wild, train=replace(wild.train, validate_epochs=3))
    with pytest.raises(InputError, match=r"step 2: .* nan .*; the last checkpoint, of step 2, is"):
        train(rare, dataset, tmp_path / "wild")
    assert read_checkpoint(tmp_path / "wild" / "last.pt").training["progress"]["step"] == 2


def test_a_loss_that_is_no_number_at_once_leaves_no_checkpoint(settings, dataset, tmp_path):
    state = model_of(settings, len(dataset.classes)).state_dict()
    lost = {name: value * torch.nan for name, value in state.items() if value.is_floating_point()}
    torch.save(state | lost, tmp_path / "lost.pth")
    with pytest.raises(
        InputError, match=r"step 0: the loss is nan .*; there is no checkpoint yet:"
    ):
        train(settings, dataset, tmp_path / "run", weights=[tmp_path / "lost.pth"])
    assert not (tmp_path / "run" / "last.pt").exists()


def test_a_run_begins_with_the_weights_it_is_given(settings, dataset, tmp_path):
    still = replace(settings, optim=replace(settings.optim, lr=0.0, audio_lr=0.0))
    torch.manual_seed(99)
    given = model_of(still, len(dataset.classes)).state_dict()
    torch.save({"state_dict": given}, tmp_path / "given.pth")
    train(still, dataset, tmp_path / "run", weights=[tmp_path / "given.pth"])
    trained = read_checkpoint(tmp_path / "run" / "last.pt").model
    weights = [name for name in given if "running" not in name and "num_batches" not in name]
    assert all(torch.equal(trained[name], given[name]) for name in weights)
    with pytest.raises(InputError, match="leave one out"):
        train(still, dataset, tmp_path / "run", resume=True, weights=[tmp_path / "given.pth"])
    with pytest.raises(InputError, match=r"other\.pth: no such file"):
        train(still, dataset, tmp_path / "other", weights=[tmp_path / "other.pth"])
    assert not (tmp_path / "other").exists()


def test_a_run_in_16_bits_is_deterministic_and_learns_the_same(settings, dataset, tmp_path):
    fast = replace(
        settings, train=replace(settings.train, precision="bf16", channels_last=True, epochs=2)
    )
    whole = train(fast, dataset, tmp_path / "whole")
    again = train(fast, dataset, tmp_path / "again")
    plain = train(
        replace(settings, train=replace(fast.train, precision="fp32")), dataset, tmp_path / "plain"
    )
    assert again.history == whole.history
    assert whole.history[0]["loss"] == pytest.approx(plain.history[0]["loss"], rel=0.05)
    assert whole.history[0]["loss"] != plain.history[0]["loss"]


def test_float16_on_a_cpu_is_one_line(settings, dataset, tmp_path):
    half = replace(settings, train=replace(settings.train, precision="fp16"))
    with pytest.raises(InputError, match=r"precision fp16 needs a GPU.*take bf16"):
        train(half, dataset, tmp_path / "run")
    assert not (tmp_path / "run").exists()
