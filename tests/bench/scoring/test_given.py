"""Answers of any program score what `eval` gives for the same answers, or are refused."""

import pytest
import torch
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.results.files import read_results
from avs_bench.scoring.answer_files import open_answers
from avs_bench.scoring.evaluate import evaluate
from avs_bench.scoring.given import Terms, score_given
from tests.bench.scoring.conftest import class_png, write_answers

CPU = torch.device("cpu")


@pytest.fixture
def answers(tmp_path, model, dataset, settings):
    return write_answers(tmp_path / "mine", model, dataset, settings, class_png)


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def one_line(result):
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1, result.stderr
    return result.stderr


def test_class_maps_count_as_the_model_s_own_answers(answers, model, dataset, settings):
    own = evaluate(model, dataset, "test", settings, CPU, families=("frame",))
    given = score_given(open_answers(answers), dataset, "test", Terms("mine", families=("frame",)))
    assert given.sets == own


def test_the_command_leaves_scores_that_a_report_takes(answers, folder, tmp_path):
    scored = run("score", answers, "--data", folder, "--name", "my model")
    assert scored.exit_code == 0, scored.output
    (stored,) = read_results(tmp_path / "mine-scores")
    assert (stored.model, stored.settings["answers"]["wanted"]) == ("my model", 3)
    reported = run("report", tmp_path / "mine-scores", "--submit", tmp_path / "board.json")
    assert reported.exit_code == 0, reported.output
    assert reported.output.split("\n\n- Per cent.")[0] in scored.output


def test_what_does_not_fit_is_counted_and_refused_or_scored_as_background(
    answers, folder, dataset, tmp_path
):
    first, second, third = (example.example_id for example in dataset.subsets["test"])
    (answers / f"{first}.png").unlink()
    (answers / "twice").mkdir()
    (answers / "twice" / f"{second}.png").write_bytes((answers / f"{second}.png").read_bytes())
    (answers / "notes.txt").write_text("")
    told = one_line(run("score", answers, "--data", folder))
    assert "1 missing, 1 doubled, 1 surplus, of 3 wanted" in told
    for words in (f"{first} has no answer", f"{second} has several", "notes.txt answers no"):
        assert words in told
    assert not (tmp_path / "mine-scores").exists()
    scored = run("score", answers, "--data", folder, "--allow-missing")
    assert scored.exit_code == 0, scored.output
    (stored,) = read_results(tmp_path / "mine-scores")
    items = {item.item_id: stored.sets[0].record(item) for item in stored.sets[0].items}
    assert [items[name].areas[1, 1:].any() for name in (first, second)] == [False, False]
    assert items[third].pixels == 96 * 64
