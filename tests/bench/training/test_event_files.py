"""What TensorBoard reads of a run, by its own reader."""

import io
import json
import os
import signal

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from avs_bench.commands.main import main
from avs_bench.training.endings import StoppedError
from avs_bench.training.event_files import EventFiles, side_by_side
from avs_bench.training.fit import fit
from avs_bench.training.progress import Progress

CPU = torch.device("cpu")
NEEDED = "tensorboard is not installed: pip install .[tensorboard]"


def silent(line):
    pass


def read(folder):
    """Return what TensorBoard shows of a run."""
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason=NEEDED
    )
    events = reader.EventAccumulator(str(folder / "tensorboard"))
    return events.Reload()


def scalars(folder):
    events = read(folder)
    tags = events.Tags()["scalars"]
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in tags}


def test_steps_epochs_and_examples_of_a_resumed_run_are_there_once(settings, dataset, tmp_path):
    pytest.importorskip("tensorboard", reason=NEEDED)
    run = tmp_path / "run"

    def stop(line):
        if line.startswith("epoch 2/"):
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError):
        fit(settings, dataset, run, device=CPU, announce=stop, tensorboard=True)
    fit(settings, dataset, run, device=CPU, announce=silent, tensorboard=True, resume=True)

    shown = scalars(run)
    assert [step for step, _ in shown["step/loss"]] == [1, 2, 3, 4, 5, 6]
    records = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    for tag, values in (
        ("epoch/loss", [record["loss"] for record in records]),
        ("epoch/learning_rate", [record["learning_rate"] for record in records]),
        ("val/miou_dataset", [record["val"]["miou_dataset"] for record in records]),
    ):
        assert [step for step, _ in shown[tag]] == [2, 4, 6]
        assert [value for _, value in shown[tag]] == pytest.approx(values, rel=1e-6)
    terms = [tag for tag in shown if tag.startswith("step/") and tag != "step/loss"]
    total = sum(shown[tag][-1][1] for tag in terms)
    assert total == pytest.approx(shown["step/loss"][-1][1], rel=1e-5)

    events = read(run)
    (tag,) = events.Tags()["images"]
    assert tag == f"examples/{dataset.subsets['val'][0].example_id}"
    assert [image.step for image in events.Images(tag)] == [2, 4, 6]
    with Image.open(io.BytesIO(events.Images(tag)[-1].encoded_image_string)) as picture:
        assert picture.width == 3 * 48
        assert picture.height == 32


def test_steps_that_are_done_again_after_a_kill_stand_there_once(tmp_path):
    pytest.importorskip("tensorboard", reason=NEEDED)
    for begun, value in ((0, 1.0), (3, 2.0)):
        events = EventFiles(tmp_path, begun, classes=3)
        progress = Progress(step=begun)
        for _ in range(5 - begun):
            progress = progress.after_step({"cross_entropy": value})
            events.step(progress, {"cross_entropy": value})
        events.close()
    expected = [(1, 1.0), (2, 1.0), (3, 1.0), (4, 2.0), (5, 2.0)]
    assert scalars(tmp_path)["step/cross_entropy"] == expected


def test_masks_are_laid_over_copies_of_the_picture():
    picture = np.full((4, 6, 3), 100, np.uint8)
    mask = np.zeros((8, 12), np.uint8)
    mask[4:] = 1
    nothing, painted = np.zeros((8, 12), np.uint8), side_by_side(picture, (mask,), 2)[:, 6:]
    assert side_by_side(picture, (nothing, mask), 2).shape == (4, 18, 3)
    assert (side_by_side(picture, (nothing,), 2) == 100).all()
    assert (painted[0] == 100).all()
    assert (painted[2:] != 100).any()


def test_without_tensorboard_one_line_says_how_to_get_it(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "avs_bench.runtime.optional_packages.find_spec",
        lambda name: None if name == "tensorboard" else name,
    )
    told = ("train", "--preset", "tiny", "--data", folder, "--out", tmp_path / "run")
    result = CliRunner().invoke(main, [*map(str, told), "--tensorboard"])
    assert result.exit_code == 2
    assert result.stderr == (
        "error: --tensorboard needs tensorboard, which is not installed: "
        "pip install .[tensorboard], or leave it out\n"
    )
    assert not (tmp_path / "run").exists()
