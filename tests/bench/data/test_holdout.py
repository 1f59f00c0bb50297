import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.data.holdout import HOLDOUTS, class_indices, hold_out
from tests.bench.conftest import SMALL
from vpo_builder.runtime.errors import InputError


def classes_of(dataset, subset):
    return {s.class_index for e in dataset.subsets[subset] for s in e.sources}


def test_what_sounds_with_a_held_out_class_is_in_neither_train_nor_val(dataset):
    held = dataset.classes[min(classes_of(dataset, "train"))]
    kept = hold_out(dataset, [held])
    index = dataset.classes.index(held)
    for subset in ("train", "val"):
        expected = [
            e for e in dataset.subsets[subset] if index not in {s.class_index for s in e.sources}
        ]
        assert list(kept.subsets[subset]) == expected
    assert 0 < len(kept.subsets["train"]) < len(dataset.subsets["train"])
    assert kept.subsets["test"] == dataset.subsets["test"]


def test_nothing_held_out_changes_nothing(dataset):
    assert hold_out(dataset, []) == dataset


@pytest.mark.parametrize("name", ["unicorn", "", "background"])
def test_an_unknown_class_is_one_line_with_the_choices(dataset, name):
    with pytest.raises(
        InputError, match=rf"no class '{name}' in VPO-SS: choose of \w+, "
    ) as caught:
        hold_out(dataset, [name])
    assert "\n" not in str(caught.value)


def test_the_flag_reaches_the_run_and_its_config(dataset, folder, tmp_path):
    held = dataset.classes[min(classes_of(dataset, "train"))]
    flags = [part for text in (*SMALL, "train.epochs=1") for part in ("--set", text)]
    command = ["train", "--preset", "tiny", "--data", folder, "--out", tmp_path / "run", *flags]
    result = CliRunner().invoke(main, [*map(str, command), "--holdout-classes", f" {held} "])

    assert result.exit_code == 0, result.output
    assert f"held out {held}: left out" in result.output
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["settings"]["train"]["holdout_classes"] == [held]


def test_a_named_hold_out_stands_for_its_classes(dataset):
    classes = ("background", *HOLDOUTS["ease-ood"], "cat")
    renamed = replace(dataset, classes=classes)
    assert class_indices(renamed, ["ease-ood"]) == frozenset(range(1, 8))
    assert class_indices(renamed, ["cat", "ease-ood"]) == frozenset(range(1, 9))
    with pytest.raises(InputError, match=r"no class 'unicorn' .*, cat, ease-ood$"):
        class_indices(renamed, ["unicorn"])
    known = {dataset.classes.index(name) for name in ("cat", "skateboard")}
    assert class_indices(dataset, ["ease-ood", "cat"], known_alone=True) == known
