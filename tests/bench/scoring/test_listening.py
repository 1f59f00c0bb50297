"""Answers of simulated models to pictures with several sounds, from files to the printed table."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from avs_bench.checkpoints.opening import OpenedModel
from avs_bench.checkpoints.run_checkpoint import model_of
from avs_bench.commands.main import main
from avs_bench.data.datasets import read_dataset
from avs_bench.data.example import AVSDataset
from avs_bench.data.loader import plain_batches
from avs_bench.metrics import ListeningScores
from avs_bench.metrics.record import UNITS_PER_ONE
from avs_bench.models.inference import predicted_classes, segment
from avs_bench.probes import PROBES
from avs_bench.probes.scores import ProbeScorer
from avs_bench.report import comparison_tables
from avs_bench.report.runs import read_runs
from avs_bench.report.submission import read_submission
from avs_bench.results.faults import faults
from avs_bench.results.files import read_results, write_result
from avs_bench.results.records import Result
from avs_bench.scoring.answer_files import open_answers
from avs_bench.scoring.given import Terms
from avs_bench.scoring.given_probes import score_with_probes
from avs_bench.scoring.listening import ListeningScorer
from avs_bench.scoring.score import Questions, score
from avs_bench.scoring.scorers import Answer
from tests.avsbench_trees import write_ms3, write_s4
from tests.bench.board.conftest import hurry
from tests.builder.dataset_by_hand import AUDIO, CLASSES, VALUES, finish, mask_png, photograph
from vpo_builder.dataset.places import vpo_files
from vpo_builder.dataset.schema import Sample, Source
from vpo_builder.runtime.errors import InputError

WIDTH, HEIGHT, WIDE = 96, 64, 16
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _hardly_any_resamples(monkeypatch):
    hurry(monkeypatch)


def box(place: int) -> tuple[int, int, int, int]:
    return (WIDE * place, 16, WIDE * place + WIDE, 48)


def write_pictures(out: Path, pictures: int, sounds: int) -> Path:
    """Write a VPO-SS whose test pictures show as many objects of one size as they have sounds."""
    folder = out / "VPO" / "VPO-SS"
    folder.mkdir(parents=True)
    clips = (folder / AUDIO).resolve()
    clips.mkdir(parents=True)
    for name in ("persons.jsonl", "rejections.jsonl"):
        (folder / name).write_bytes(b"")
    samples = []
    for place, row in enumerate(CLASSES[1 : 1 + sounds]):
        clip = f"{row.name:_<11}_000010"
        (clips / f"{clip}.wav").write_bytes(b"not heard here: answers are given")
        for image in range(1, 1 + pictures):
            files = vpo_files("ss", image, row.name, 100 * image + place)
            source = Source(row.name, 100 * image + place, clip, 0.5)
            mask = mask_png([(VALUES[row.name], box(place))], (WIDTH, HEIGHT))
            for path, data in ((files.image, photograph(image)), (files.mask, mask)):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
            size = (files.image, files.mask, WIDTH, HEIGHT)
            samples.append(Sample(files.sample_id, "test", image, *size, (source,)))
    finish(folder, "ss", sorted(samples, key=lambda sample: sample.sample_id))
    return folder


def answer(folder: Path, dataset: AVSDataset, chosen: Sequence[Sequence[int]]) -> Path:
    """Write answers: for each picture, the number of the object that each of its sounds gets."""
    folder.mkdir()
    for example in dataset.subsets["test"]:
        (label,) = example.heard
        found = chosen[int(example.unit) - 1][label - 1]
        pixels = np.zeros((HEIGHT, WIDTH), np.uint8)
        left, top, right, bottom = box(found)
        pixels[top:bottom, left:right] = found + 1
        Image.fromarray(pixels).save(folder / f"{example.example_id}.png")
    return folder


def run(*words: object) -> str:
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.output


def printed(said: str, title: str, name: str) -> dict[str, float]:
    """Return the figures of a row of a printed table as fractions."""
    table = said.partition(f"{title}\n")[2].partition("- Per cent.")[0]
    head, row = (
        next(line for line in table.splitlines() if line.startswith(start))
        for start in ("model ", f"{name} ")
    )
    numbers = re.findall(r" (–|\d+\.\d\d)(?: \[[^\]]*\])?", row)
    figures = re.findall(r"\w+_\w+", head)
    return {
        figure: float(number) / 100
        for figure, number in zip(figures, numbers[-len(figures) :], strict=True)
    }


@pytest.mark.parametrize(("sounds", "pictures"), [(2, 4), (3, 27), (6, 3)])
def test_simulated_models_score_what_the_definition_says_of_any_number_of_objects(
    tmp_path, sounds, pictures
):
    folder = write_pictures(tmp_path, pictures, sounds)
    dataset, own = read_dataset(folder), tuple(range(sounds))
    every = list(itertools.product(range(sounds), repeat=sounds))
    random = every if len(every) == pictures else np.random.default_rng(0).permutation(every)
    half = (pictures + 1) // 2
    models = {
        "deaf": [(0,) * sounds] * pictures,
        "perfect": [own] * pictures,
        "half": [own] * half + [(1,) * sounds] * (pictures - half),
        "random": random[:pictures],
    }
    for name, chosen in models.items():
        made = answer(tmp_path / name, dataset, chosen)
        said = run("score", made, "--data", folder, "--examples", 0)
        found = printed(said, "VPO-SS, test, by ear", name)
        right = np.mean([np.equal(one, own) for one in chosen])
        hits = np.mean([np.equal(one, own).all() for one in chosen])
        soft = max(0.0, (right - 1 / sounds) / (1 - 1 / sounds))
        assert found["deaf_listening"] == 0
        assert found["listening_score"] == found["every_sound_listening"]
        assert found["listening_score"] == pytest.approx(hits, abs=5e-5)
        assert found["listening_score_soft"] == pytest.approx(soft, abs=5e-5)
        beside = printed(said, "VPO-SS, test, dataset level", name)
        assert beside["listening_score"] == found["listening_score"]
        assert next(iter(beside)) == "listening_score"
        expected = {"deaf": (0, 0), "perfect": (1, 1), "half": (half / pictures,) * 2}
        if len(every) == pictures:  # all that a random model may answer, each once
            expected["random"] = (sounds**-sounds, 0)
        if name in expected:
            assert (hits, soft) == pytest.approx(expected[name])


def test_reports_compare_and_submit_it_and_old_scores_are_read_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr(comparison_tables, "RESAMPLES", 4)
    monkeypatch.setattr(comparison_tables, "RESAMPLES_PER_ROW", 1)
    folder = write_pictures(tmp_path, 4, 2)
    dataset = read_dataset(folder)
    for name, chosen in (("better", (0, 1)), ("worse", (1, 1))):
        made = answer(tmp_path / name, dataset, [chosen] * 4)
        run("score", made, "--data", folder, "--examples", 0)
    homes = [tmp_path / f"{name}-scores" for name in ("better", "worse")]
    mine = tmp_path / "mine.json"
    said = run("report", *homes, "--compare", "--submit", mine, "--out", tmp_path / "report")
    by_ear = said.partition("by ear, compared with better")[2]
    row = next(line for line in by_ear.splitlines() if "listening_score " in line)
    assert re.search(r"100\.00 +0\.00 +-100\.00", row)
    for name in ("report.md", "report.tex", "report.csv", "index.html"):
        assert "listening" in (tmp_path / "report" / name).read_text(), name
    stated = read_submission(mine).runs[0].results[0].figures
    assert {one.name: one.value for one in stated}["listening_score"] == 1
    (result,) = read_results(homes[0])
    assert result.figures["listening_score"].value == 1
    older = replace(result, sets=result.sets[:1])
    path = write_result(tmp_path / "older", older)
    (run_of_it,) = read_runs([path.parent])
    assert run_of_it.results[0].listening is None
    assert "listening" not in run("report", path.parent)
    both = run("report", path.parent, homes[1])
    assert printed(both, "VPO-SS, test, dataset level", "worse")["listening_score"] == 0


@pytest.mark.parametrize(
    ("record", "is_one"),
    [
        (ListeningScores(1, 2, 1, 1, UNITS_PER_ONE, UNITS_PER_ONE), True),
        (ListeningScores(2, 4, 1, 1, UNITS_PER_ONE, UNITS_PER_ONE), False),
        (ListeningScores(1, 1, 1, 1, UNITS_PER_ONE, UNITS_PER_ONE), False),
        (ListeningScores(1, 2, 2, 1, UNITS_PER_ONE, UNITS_PER_ONE), False),
        (ListeningScores(1, 2, 1, 2, UNITS_PER_ONE, UNITS_PER_ONE), False),
        (ListeningScores(1, 2, 1, 1, UNITS_PER_ONE + 1, UNITS_PER_ONE), False),
        (ListeningScores(1, 2, 1, 1, UNITS_PER_ONE, UNITS_PER_ONE + 1), False),
    ],
)
def test_counts_that_no_picture_can_have_are_refused(tmp_path, record, is_one):
    result = scored_perfectly(tmp_path)
    item = result.sets[1].items[0]
    vector = record.vector()
    counts = tuple(np.stack([np.flatnonzero(vector), vector[vector > 0]], 1).ravel().tolist())
    edited = replace(result.sets[1], items=(replace(item, counts=counts),))
    found = list(faults(replace(result, sets=(result.sets[0], edited))))
    assert bool(found) != is_one
    assert all("do not fit each other" in fault for fault in found)
    alone = replace(result, sets=(edited,))
    assert "no family was scored that is the dataset's own" in list(faults(alone))


def scored_perfectly(folder: Path) -> Result:
    data = write_pictures(folder, 1, 2)
    dataset = read_dataset(data)
    made = open_answers(answer(folder / "mine", dataset, [(0, 1)]))
    return score_with_probes(made, dataset, "test", Terms("mine"))


def test_a_picture_is_scored_once_complete_whatever_the_order(tmp_path):
    dataset = read_dataset(write_pictures(tmp_path, 2, 3))
    examples = dataset.subsets["test"]
    random = np.random.default_rng(0)
    answers = [
        Answer(e, *random.integers(0, 4, (2, 8, 8), dtype=np.uint8), lambda: np.zeros(0))
        for e in examples
    ]
    found, first_at = [], []
    for order in (answers, answers[::-1], answers[1:] + answers[:1]):
        scorer, begun = ListeningScorer(len(dataset.classes), examples), []
        for one in order:
            scorer.add(one)
            begun.append(bool(scorer.sets()))
        first_at.append(begun.index(True))
        found.append(scorer.sets())
    assert first_at == [2, 2, 4]
    assert found[0] == found[1] == found[2]
    (kept,) = found[0]
    assert [(item.item_id, item.unit) for item in kept.items] == [("1", "1"), ("2", "2")]
    assert kept.items[0].groups["sounds"] == ("3",)
    assert kept.overall.sounds == 6


def test_a_picture_that_a_manifest_gives_two_sizes_is_left_out(tmp_path):
    dataset = read_dataset(write_pictures(tmp_path, 2, 2))
    first, *others = dataset.subsets["test"]
    scorer = ListeningScorer(len(dataset.classes), (replace(first, height=8, width=8), *others))
    for example in dataset.subsets["test"]:
        mask = np.full((8, 8), min(example.heard), np.uint8)
        scorer.add(Answer(example, mask, mask, lambda: np.zeros(0)))
    ((kept,),) = (one.items for one in scorer.sets())
    assert kept.item_id == "2"


def test_a_picture_with_one_mask_asks_nothing_and_its_size_is_that_of_all_its_objects(tmp_path):
    dataset = read_dataset(write_pictures(tmp_path, 2, 2))
    scorer = ListeningScorer(len(dataset.classes), dataset.subsets["test"])
    for example in dataset.subsets["test"]:
        mask = np.zeros((10, 10), np.uint8)
        mask[0 if example.unit == "1" else min(example.heard), :3] = 1  # 3 % is small, 6 % is not
        scorer.add(Answer(example, mask, mask, lambda: np.zeros(0)))
    ((kept,),) = (one.items for one in scorer.sets())
    assert (kept.item_id, kept.groups["size"]) == ("2", ("medium",))


def test_a_probe_adds_nothing_where_pictures_have_several_sounds_of_their_own(tmp_path):
    dataset = read_dataset(write_pictures(tmp_path, 2, 2))
    scorer = ListeningScorer(len(dataset.classes), dataset.subsets["test"], ("off-screen",))
    assert scorer.told_by("off-screen") is None


class TestPairsOfVideos:
    """Each frame with its own sound, and with that of a category that is not in it."""

    @pytest.fixture
    def s4(self, tmp_path):
        return read_dataset(write_s4(tmp_path / "s4"))

    @pytest.fixture
    def answered(self, s4, tmp_path):
        """Write the right answers, and give what writes those to sounds from off the screen."""
        folder = tmp_path / "answers"
        for example in s4.subsets["test"]:
            (folder / "right-sound").mkdir(parents=True, exist_ok=True)
            mask = Image.open(example.mask)
            mask.save(folder / "right-sound" / f"{example.example_id}.png")

        def write(is_deaf):
            (folder / "off-screen").mkdir()
            for example in s4.subsets["test"]:
                mask = np.asarray(Image.open(example.mask)) * np.uint8(is_deaf(example))
                Image.fromarray(mask).save(folder / "off-screen" / f"{example.example_id}.png")
            return open_answers(folder)

        return write

    @pytest.mark.parametrize("deaf", [0, 5, 10])
    def test_a_share_of_deaf_answers_is_what_is_missing(self, s4, answered, deaf):
        names = [example.example_id for example in s4.subsets["test"]][:deaf]
        files = answered(lambda example: example.example_id in names)
        terms = Terms("mine", values="mask", probes=("off-screen",))
        result = score_with_probes(files, s4, "test", terms)
        assert [kept.family for kept in result.sets] == ["video", "dataset", "listening"]
        assert {item.unit for item in result.listening.items} == {
            e.unit for e in s4.subsets["test"]
        }
        assert len(result.listening.items) == 10
        assert result.figures["listening_score"].value == pytest.approx(1 - deaf / 10)
        assert result.figures["listening_score_soft"].value == pytest.approx(1 - deaf / 10)
        assert list(faults(result)) == []

    def test_there_are_none_without_the_probe_and_none_of_ms3(self, s4, tmp_path):
        assert ListeningScorer(2, s4.subsets["test"], ("silence",)).told_by("off-screen") is None
        assert ListeningScorer(2, s4.subsets["test"], ("off-screen",)).told_by("silence") is None
        ms3 = read_dataset(write_ms3(tmp_path / "ms3"))
        assert ListeningScorer(2, ms3.subsets["test"]).told_by("off-screen") is None
        with pytest.raises(InputError, match="probe off-screen: none of 5 examples"):
            ListeningScorer(2, ms3.subsets["test"], ("off-screen",))

    def test_a_model_s_answers_to_both_sounds_are_set_against_each_other(self, s4, settings):
        torch.manual_seed(0)
        opened = OpenedModel(model_of(settings, 2).eval(), settings, s4.classes, CPU)
        result = score(opened, s4, "test", Questions(probes=("silence", "off-screen")))
        examples = s4.subsets["test"]
        probe, expected = ProbeScorer(PROBES["off-screen"], examples, 2, settings.audio), {}
        for batch in plain_batches(s4, examples, settings):
            own, other = (
                predicted_classes(segment(opened.module, heard, CPU)).numpy()
                for heard in (batch, probe.hearing(batch))
            )
            for row, example in enumerate(batch.examples):
                target = batch.targets[row].numpy()
                both = (own[row], other[row]), (target, np.zeros_like(target))
                expected[example.example_id] = ListeningScores.of(*map(np.stack, both))
        kept = result.listening
        assert {item.item_id: kept.record(item) for item in kept.items} == expected
        assert score(opened, s4, "test", Questions(probes=("silence",))).listening is None
