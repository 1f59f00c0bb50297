"""Every variant of one set of answers, from a model and from files, and why they differ."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.data.avsbench import avsbench_dataset
from avs_bench.data.images import PictureReader
from avs_bench.metrics import Confusion, miou_dataset
from avs_bench.metrics.variant_table import VARIANTS
from avs_bench.metrics.variants import AnsweredClip, figures_over
from avs_bench.report.translation_text import translation_text
from avs_bench.scoring.answer_files import open_answers
from avs_bench.scoring.evaluate import evaluate
from avs_bench.scoring.given import Terms, score_given
from avs_bench.scoring.translator import Translator
from tests.avsbench_trees import write_avss
from tests.bench.conftest import SMALL
from tests.bench.scoring.conftest import class_png, write_answers, write_png
from vpo_builder.dataset.avsbench_trees import find_trees

SETS = [part for text in SMALL for part in ("--set", text)]


def started(dataset):
    translator = Translator()
    translator.start(dataset, "test")
    return translator


def by_name(translation):
    words = [one for word in translation.words for one in (word.own, *word.others)]
    return {one.name: one for one in words}


@pytest.fixture
def avss(tmp_path):
    """AVSS's test videos of five and ten frames, and answers that grow worse with each frame."""
    dataset = avsbench_dataset(find_trees(write_avss(tmp_path / "avss"))[0])
    reader = PictureReader(dataset.mask_lookup, 0)
    for example in dataset.subsets["test"]:
        pred = np.array(reader.read_target(example))
        pred[: 2 + 2 * int(example.example_id[-1])] = 3
        write_png(tmp_path / "mine" / example.example_id, pred)
    return dataset, tmp_path / "mine"


def test_clips_of_a_video_are_counted_together_in_any_order(avss):
    dataset, folder = avss
    translator, answers = started(dataset), []
    result = score_given(
        open_answers(folder),
        dataset,
        "test",
        Terms("mine"),
        watchers=[translator.add, answers.append],
    )
    made = by_name(translator.translation(result))
    clips = {}
    for one in answers:
        clips.setdefault(one.example.unit, []).append(one)
    assert [len(frames) for frames in clips.values()] == [5, 10]
    stacked = [
        AnsweredClip(
            *(np.stack([getattr(one, side) for one in frames]) for side in ("pred", "target"))
        )
        for frames in clips.values()
    ]
    for figure in figures_over(stacked, len(dataset.classes), VARIANTS):
        assert made[figure.name].value == (None if np.isnan(figure.value) else figure.value)
        assert made[figure.name].rules == figure.rules

    backwards = started(dataset)
    for one in reversed(answers):
        backwards.add(one)
    assert backwards.translation(result) == translator.translation(result)
    own = {word.word: word.own.name for word in translator.translation(result).words}
    assert own == {"IoU": "miou_frame", "F": "fscore_frame", "J&F": "j_and_f_frame"}
    assert made["miou_frame_padded_224"].value > made["miou_frame_224"].value


def test_a_model_s_answers_and_the_same_from_files_are_one_translation(
    tmp_path, model, dataset, settings
):
    path = write_answers(tmp_path / "mine", model, dataset, settings, class_png)
    eager, given = started(dataset), started(dataset)
    cpu = torch.device("cpu")
    sets = evaluate(model, dataset, "test", settings, cpu, watchers=[eager.add])
    result = score_given(open_answers(path), dataset, "test", Terms("mine"), watchers=[given.add])
    assert result.sets == sets
    mine, theirs = (by_name(one.translation(result)) for one in (eager, given))
    for name in ("miou_dataset", "miou_frame_224", "miou_dataset_ddeseg", "boundary_miou_dataset"):
        assert mine[name] == theirs[name]
    whole = sum((sets[0].record(item) for item in sets[0].items), Confusion.empty(7))
    assert mine["miou_dataset"].value == miou_dataset(whole).value
    assert "miou_frame_padded_224" not in mine


def test_the_text_says_whose_figure_each_is_and_why_it_is_another(avss):
    dataset, folder = avss
    translator = started(dataset)
    result = score_given(
        open_answers(folder), dataset, "test", Terms("mine"), watchers=[translator.add]
    )
    translation = translator.translation(result)
    text = translation_text(translation)
    made = by_name(translation)
    own, other = made["miou_frame"], made["miou_dataset_ddeseg"]
    mine, theirs = (f"{100 * one.value:.2f} %" for one in (own, other))
    assert f"IoU: yours is {mine}, miou_frame (this toolkit)" in text
    flat = " ".join(text.split())
    assert "its mean is over the frames that have a class, then over classes; a class that" in flat
    assert (
        f"{theirs} miou_dataset_ddeseg (DDESeg) your {mine} is their {theirs} because its mean is "
        "over classes, after adding up the pixels of the whole set; a class that occurs nowhere is "
        "left out; it is counted on masks stretched to 224 x 224."
    ) in flat
    assert "– iiou_frame (sound localisation: SSLalignment) none here: no picture is heard" in flat
    assert max(map(len, text.splitlines())) <= 100
    equal = replace(other, value=own.value)
    words = tuple(
        replace(word, others=tuple(equal if o is other else o for o in word.others))
        for word in translation.words
    )
    same = " ".join(translation_text(replace(translation, words=words)).split())
    assert "(DDESeg) the same here, though its mean is over classes" in same


def test_both_commands_print_and_store_it(folder, tmp_path, model, dataset, settings):
    def run(*arguments):
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.output
        return done.output

    out = tmp_path / "run"
    run(
        "train",
        "--preset",
        "tiny",
        "--data",
        folder,
        "--out",
        out,
        *SETS,
        "--set",
        "train.epochs=1",
    )
    told = run("eval", "--run", out, "--data", folder, "--translate", "--examples", 0)
    stored = json.loads((out / "translation-best-vpo-ss-test.json").read_text())
    value = next(word["own"]["value"] for word in stored["words"] if word["word"] == "IoU")
    assert f"IoU: yours is {100 * value:.2f} %, miou_dataset (CAVP" in told
    path = write_answers(tmp_path / "mine", model, dataset, settings, class_png)
    told = run("score", path, "--data", folder, "--translate", "--examples", 0)
    assert "IoU: yours is" in told
    assert (tmp_path / "mine-scores" / "translation-answers-vpo-ss-test.json").exists()
    assert "miou_dataset" in run("report", tmp_path / "mine-scores")
