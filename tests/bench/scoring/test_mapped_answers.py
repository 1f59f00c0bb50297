"""Answers in other classes than the dataset's: `score --class-map` scores them as `eval` does."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import avs_bench.report.models
from avs_bench.checkpoints.opening import OpenedModel
from avs_bench.checkpoints.run_checkpoint import model_of
from avs_bench.commands.main import main
from avs_bench.data.avsbench import avsbench_dataset
from avs_bench.metrics.uncertainty import intervals_of
from avs_bench.results.files import read_result, read_results
from avs_bench.scoring.answer_files import open_answers
from avs_bench.scoring.given import Terms, score_given
from avs_bench.scoring.given_probes import score_with_probes
from avs_bench.scoring.score import Questions, score
from tests.avsbench_trees import S4_VIDEOS, write_s4
from tests.bench.scoring.conftest import class_png, write_answers, write_png
from vpo_builder.dataset.avsbench_trees import find_trees
from vpo_builder.runtime.errors import InputError

TABLE = ("background", "hound", "male", "cat", "whale", "puppy")
CSV = "model,data\nhound,dog\npuppy,dog\n"
LABELS = ("--labels", "labels.json")


@pytest.fixture
def opened(settings):
    """A model of five classes of its own."""
    torch.manual_seed(3)
    return OpenedModel(model_of(settings, len(TABLE)).eval(), settings, TABLE, torch.device("cpu"))


@pytest.fixture
def asked(request, tmp_path):
    """A --class-map: a word, or the path of a csv with the text."""
    if "," not in request.param:
        return request.param
    (tmp_path / "map.csv").write_text(request.param)
    return str(tmp_path / "map.csv")


def logits_npz(path, logits):
    np.savez(path.with_suffix(".npz"), logits=logits.numpy())


def softmax_npz(path, logits):
    np.savez(path.with_suffix(".npz"), probabilities=logits.double().softmax(dim=0).numpy())


def same_but_for_rounding(given, own):
    curves = [np.array([s.record(item).curve_units for item in s.items]) for s in (given, own)]
    assert curves[1].any()
    return np.abs(curves[0] - curves[1]).max() / 2**40 < 1e-6


@pytest.mark.parametrize("save", [logits_npz, softmax_npz])
@pytest.mark.parametrize("asked", ["names", "foreground", CSV], indirect=True)
def test_what_a_model_gave_scores_as_eval_scores_it(
    save, asked, opened, dataset, settings, tmp_path
):
    families = ("dataset", "frame", "video")
    own = score(opened, dataset, "test", Questions(families, unseen=("cat",), class_map=asked))
    path = write_answers(tmp_path / "mine", opened.module, dataset, settings, save)
    terms = Terms("mine", families=families, unseen=("cat",), class_map=asked, labels=TABLE)
    given = score_with_probes(open_answers(path), dataset, "test", terms)
    assert (given.classes, given.class_map) == (own.classes, own.class_map)
    assert given.sets[:2] == own.sets[:2]
    assert same_but_for_rounding(given.sets[2], own.sets[2])
    assert given.sets[3:] == own.sets[3:]
    assert given.settings["answers"]["unasked"] == own.class_map.left_out


def test_a_class_map_is_renamed_pixel_by_pixel_and_what_is_left_out_is_passed_over(
    dataset, tmp_path
):
    first, second, third = dataset.subsets["test"]  # a dog, a cat and a man sound
    (tmp_path / "map.csv").write_text("model,data\nhound,dog\nmale,\n")
    target = np.asarray(Image.open(first.mask))
    answer = np.where(target == 18, 1, 2).astype(np.uint8)  # "male" around it is not scored
    for one in (first, second, third):
        write_png(tmp_path / "mine" / one.example_id, answer)
    terms = Terms("mine", class_map=str(tmp_path / "map.csv"), labels=TABLE)
    given = score_given(open_answers(tmp_path / "mine"), dataset, "test", terms)
    assert given.classes == ("background", "cat", "dog")
    assert (given.class_map.left_out, given.settings["answers"]["unasked"]) == (1, 1)
    assert [item.item_id for item in given.sets[0].items] == [first.example_id, second.example_id]
    right = given.sets[0].record(given.sets[0].items[0]).matrix
    assert np.count_nonzero(right - np.diag(np.diag(right))) == 0
    assert right[2, 2] == (target == 18).sum()


def test_frames_of_videos_without_a_mask_are_still_not_asked(tmp_path):
    s4 = avsbench_dataset(find_trees(write_s4(tmp_path / "s4", S4_VIDEOS[:4]))[0])
    for video in s4.videos["train"]:
        for frame in video:
            write_png(tmp_path / "mine" / frame.example_id, np.full((32, 32), 5, np.uint8))
    terms = Terms("mine", class_map="foreground", labels=TABLE)
    given = score_given(open_answers(tmp_path / "mine"), s4, "train", terms)
    frames = sum(map(len, s4.videos["train"]))
    answers = given.settings["answers"]
    assert (answers["unasked"], answers["wanted"]) == (
        frames - len(s4.subsets["train"]),
        len(s4.subsets["train"]),
    )


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"labels": TABLE}, "--labels names the classes of answers for --class-map"),
        ({"class_map": "names"}, "Give --labels FILE, a json of their names"),
        ({"class_map": "foreground", "labels": TABLE, "values": "mask"}, "leave out --labels"),
        ({"class_map": "foreground", "probes": ("noise",)}, "score the answers to them without"),
    ],
)
def test_terms_that_contradict_are_one_line(terms, said):
    with pytest.raises(InputError, match=said):
        Terms("mine", **terms)


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_the_command_keeps_the_map_and_says_how_to_be_typed_again(
    opened, dataset, folder, settings, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    few = partial(intervals_of, resamples=4)
    monkeypatch.setattr(avs_bench.report.models, "intervals_of", few)
    write_answers(tmp_path / "mine", opened.module, dataset, settings, class_png)
    Path("labels.json").write_text(json.dumps({name: n + 1 for n, name in enumerate(TABLE)}))
    words = ("score", "mine", "--data", folder, *LABELS)
    scored = run(*words, "--class-map", "names", "--translate", "--examples", 1)
    assert scored.exit_code == 0, scored.output
    assert "Mapped by names: cat, male; 1 examples left out." in scored.output
    (stored,) = read_results(Path("mine-scores"))
    assert stored.command.endswith("--class-map names --labels labels.json")
    again = run(*words, "--class-map", "foreground")
    assert again.exit_code == 0, again.output
    assert sorted(path.name for path in Path("mine-scores").glob("scores-*.json")) == [
        "scores-answers-vpo-ss-test-classes-foreground.json",
        "scores-answers-vpo-ss-test-classes-names.json",
    ]
    whole = read_result(Path("mine-scores/scores-answers-vpo-ss-test-classes-foreground.json"))
    assert [len(one.items) for one in whole.sets] == [3]
    reported = run("report", "mine-scores")
    assert "foreground against background" in reported.output


def test_the_template_asks_for_the_answers_of_the_map(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("labels.json").write_text(json.dumps({name: n for n, name in enumerate(TABLE)}))
    mapped = (*LABELS, "--class-map", "names", "--template")
    made = run("score", "wanted", "--data", folder, *mapped)
    assert made.exit_code == 0, made.output
    told = json.loads(Path("wanted/answers.json").read_text())
    assert tuple(told["classes"]) == TABLE
    assert len(told["answers"]) == 2
    assert told["command"].endswith("--class-map names --labels labels.json")
