"""What stands in a run's files is checked: an edited one is a line that names it."""

import json

import pytest
import torch
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.data.loader import plain_batches
from avs_bench.training.fit import fit
from vpo_builder.runtime.errors import InputError


@pytest.fixture
def run(settings, dataset, tmp_path):
    fit(settings, dataset, tmp_path / "run", device=torch.device("cpu"), announce=lambda line: None)
    return tmp_path / "run"


def refused(*words):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 2, (done.output, done.exception)
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    "content", ["{}", '{"settings": 3}', '{"settings": {}}', "{", "\udcff", '{"a":' + "[" * 200_000]
)
def test_an_edited_config_is_named(content, run, folder):
    (run / "config.json").write_bytes(content.encode(errors="surrogateescape"))
    assert f"{run / 'config.json'}: " in refused(
        "train", "--resume", "--data", folder, "--out", run
    )


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("learner",), None),
        (("progress",), None),
        (("progress", "step"), "two"),
        (("progress", "history"), 3),
        (("learner", "optimisers"), {}),
        (("learner", "objective"), None),
    ],
)
def test_an_edited_state_of_the_training_is_named(keys, value, run, folder):
    last = run / "last.pt"
    content = torch.load(last, weights_only=True)
    tree = content["training"]
    for key in keys[:-1]:
        tree = tree[key]
    if value is None:
        del tree[keys[-1]]
    else:
        tree[keys[-1]] = value
    torch.save(content, last)
    assert f"{last}: " in refused("train", "--resume", "--data", folder, "--out", run)


@pytest.mark.parametrize(
    "line", ['{"loss": 1.0}', "[", '{"epoch": "one"}', '{"epoch": [' * 100_000]
)
def test_an_edited_history_is_named(line, run, folder):
    scored = ["eval", "--run", str(run), "--data", str(folder), "--examples", "0"]
    assert CliRunner().invoke(main, scored).exit_code == 0
    (run / "history.jsonl").write_text(json.dumps({"epoch": 0}) + f"\n{line}\n")
    assert f"{run / 'history.jsonl'}" in refused("report", run)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_of_the_system_in_a_worker_is_the_runs_line(
    workers, settings, dataset, monkeypatch
):
    def crowded(*arguments):
        raise OSError(24, "Too many open files", "picture.jpg")

    monkeypatch.setattr("avs_bench.data.loader.load_for_evaluation", crowded)
    loader = type(settings.loader)(workers, 0)
    changed = type(settings)(**(vars(settings) | {"loader": loader}))
    with pytest.raises(InputError, match=r"picture.jpg: too many open files: raise the limit"):
        list(plain_batches(dataset, dataset.subsets["test"], changed))
