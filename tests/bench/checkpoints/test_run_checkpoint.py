import pickle
import resource
from dataclasses import replace

import pytest
import torch

from avs_bench.checkpoints.run_checkpoint import (
    Checkpoint,
    Origin,
    model_of,
    origin_of,
    read_checkpoint,
    refuse_other_classes,
    trained_model,
    write_checkpoint,
)
from avs_bench.training.fit import fit
from vpo_builder.runtime.errors import InputError


@pytest.fixture
def checkpoint(settings, dataset):
    model = model_of(settings, len(dataset.classes))
    return Checkpoint(origin_of(settings, dataset), 4, model.state_dict(), {})


def test_a_checkpoint_reads_back_as_it_was_written(checkpoint, tmp_path):
    write_checkpoint(tmp_path / "best.pt", checkpoint)
    back = read_checkpoint(tmp_path / "best.pt")
    assert back.origin == checkpoint.origin
    assert back.epochs == 4
    model = trained_model(back, torch.device("cpu"))
    assert not model.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, checkpoint.model[name])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"nonsense",
        b"junk\n",
        b"\x80",
        b"(.",
        b"0",
        pickle.dumps({"format": 1}, protocol=2),
        "half",
    ],
)
def test_anything_else_is_one_line(checkpoint, tmp_path, content):
    path = tmp_path / "best.pt"
    write_checkpoint(path, checkpoint)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] if content == "half" else content)
    with pytest.raises(InputError, match=r"best\.pt: ") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value)
    assert "trust" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("classes", 5, "Expected `array`, got `int` - at `$.classes`"),
        ("epochs", "four", "Expected `int`, got `str` - at `$.epochs`"),
        ("settings", [], "Expected `object`, got `array` - at `$.settings`"),
        ("settings", {"model": []}, "setting model: Expected `object`, got `array`"),
        ("model", 3, "its model is no state dict of tensors"),
        ("model", {"head.bias": 3}, "its model is no state dict of tensors"),
    ],
)
def test_an_edited_checkpoint_is_one_line(checkpoint, tmp_path, key, value, said):
    path = tmp_path / "best.pt"
    write_checkpoint(path, checkpoint)
    torch.save(torch.load(path, weights_only=True) | {key: value}, path)
    with pytest.raises(InputError, match=r"best\.pt: ") as caught:
        read_checkpoint(path)
    assert said in str(caught.value)


@pytest.mark.parametrize("key", ["optim.momentum", "image.stretched", "train.selection"])
def test_a_stored_run_without_a_setting_is_one_line(checkpoint, tmp_path, key):
    path = tmp_path / "best.pt"
    write_checkpoint(path, checkpoint)
    content = torch.load(path, weights_only=True)
    group, name = key.split(".")
    del content["settings"][group][name]
    torch.save(content, path)
    with pytest.raises(InputError, match=rf"best\.pt: setting {group}\.{name} is missing"):
        read_checkpoint(path)


def test_weights_of_another_model_name_the_first_that_miss(checkpoint, tmp_path):
    path = tmp_path / "best.pt"
    weights = {n: v for n, v in checkpoint.model.items() if n != "head.classifier.bias"}
    write_checkpoint(path, replace(checkpoint, model=weights))
    with pytest.raises(InputError, match=r"best\.pt: .*head\.classifier\.bias") as caught:
        trained_model(read_checkpoint(path), torch.device("cpu"))
    assert "\n" not in str(caught.value)


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("bang").touch, ())

    torch.save({"format": 1, "model": Bomb()}, tmp_path / "best.pt")
    with pytest.raises(InputError, match="other than tensors and plain values in it") as caught:
        read_checkpoint(tmp_path / "best.pt")
    assert "trust" not in str(caught.value)
    assert not (tmp_path / "bang").exists()


def test_a_file_of_another_program_and_a_missing_one_are_told_apart(tmp_path):
    for content in ({"state_dict": {}}, {"format": 1}, {"format": 2}, [1]):
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(InputError, match="not a checkpoint of this version"):
            read_checkpoint(tmp_path / "other.pt")
    with pytest.raises(InputError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "gone.pt")


def test_other_classes_name_the_first_that_differs(settings, dataset):
    origin = Origin(settings, ("background", "bus", "zebra"), "VPO-SS", "0" * 64)
    with pytest.raises(InputError, match=r"7 classes, .* trained for 3 \(index 2 was 'zebra'"):
        refuse_other_classes(origin, dataset, "best.pt")
    refuse_other_classes(replace(origin, classes=dataset.classes), dataset, "best.pt")


def test_an_unknown_model_option_names_the_choices(settings):
    wrong = replace(settings, model=replace(settings.model, options={"colour": "red"}))
    with pytest.raises(InputError, match=r"unknown option 'colour': choose .*fusion"):
        model_of(wrong, 7)


def test_equal_runs_keep_equal_bytes(settings, dataset, tmp_path):
    for name in ("one", "other"):
        fit(settings, dataset, tmp_path / name, device=torch.device("cpu"), announce=lambda _: None)
    for name in ("best.pt", "last.pt"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_a_disk_that_is_full_is_told_as_such(checkpoint, tmp_path):
    """The zip that is cut short says something else, and later."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_checkpoint(tmp_path / "best.pt", checkpoint)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []
