"""What a run says of its speed, on a terminal and in lines."""

import io
import itertools
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from avs_bench.training import narration
from avs_bench.training.fit import fit
from avs_bench.training.narration import Narrator, closing_line, epoch_line, step_bar
from avs_bench.training.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_bar_shows_terms_samples_a_second_and_the_time_left(monkeypatch, settings):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    narrator = Narrator(print, replace(settings.train, batch_size=5))
    with narrator.following(step_bar(range(4), 4, 8, shown=True)) as steps:
        for _ in steps:
            time.sleep(0.11)  # a bar is drawn ten times a second
            narrator.step(Progress(), {"cross_entropy": 1.25})
    shown = terminal.getvalue().split("\r")
    assert any(
        re.search(r"step [5-8]/8, \d\d:\d\d left, cross_entropy=1.25, samples/s=\S+", line)
        for line in shown
    )


def test_samples_a_second_are_those_of_the_steps_and_not_of_the_scoring(monkeypatch, settings):
    clock = itertools.chain([0, 10, 12, 14, 100], [104, 300])
    monkeypatch.setattr(narration.time, "monotonic", lambda: next(clock))
    said = []
    narrator = Narrator(said.append, replace(settings.train, batch_size=6))
    progress = Progress().after_step({"a": 1.0}).after_epoch(1, 0.1, {"m": 0.5})
    with narrator.following(step_bar([], 0, 3, shown=False)):
        narrator.step(progress, {})
        narrator.step(progress, {})
        narrator.epoch(progress)  # 12 samples in 4 s, then 86 s of scoring
        narrator.step(progress, {})
        narrator.epoch(progress)
    assert said[0].endswith("  3.0 samples/s  100 s")
    assert said[1].endswith("  1.5 samples/s  300 s")


def test_every_epoch_says_its_speed_and_the_history_has_no_clock(settings, dataset, tmp_path):
    said = []
    fit(settings, dataset, tmp_path / "run", device=torch.device("cpu"), announce=said.append)
    epochs = [line for line in said if line.startswith("epoch ")]
    assert len(epochs) == 3
    for line in epochs:
        assert re.search(r"val miou_dataset \d+\.\d\d % .*  \d+\.\d samples/s  \d+ s$", line)
    assert "samples" not in (tmp_path / "run" / "history.jsonl").read_text()


def test_a_val_whose_masks_are_all_ignored_has_no_score_and_keeps_the_last_epoch(settings):
    nothing = {"miou_dataset": None, "f1_dataset": None}
    progress = Progress().after_step({"a": 1.0}).after_epoch(1, 0.1, nothing)
    progress = progress.after_step({"a": 1.0}).after_epoch(1, 0.1, nothing)
    assert "val miou_dataset – (nothing to score)  val f1_dataset –" in epoch_line(progress, 2)
    assert progress.best.epoch == 1
    last = closing_line(progress, Path("run"), settings.train)
    assert last.endswith("all masks of val are ignored, so the last epoch is kept as best.pt")


@pytest.mark.parametrize(("terminal", "shown"), [(Terminal, False), (io.StringIO, True)])
def test_the_bar_is_for_terminals_and_for_one_process(monkeypatch, terminal, shown):
    stream = terminal()
    monkeypatch.setattr("sys.stderr", stream)
    assert list(step_bar(range(3), 0, 3, shown=shown)) == [0, 1, 2]
    assert stream.getvalue() == ""
