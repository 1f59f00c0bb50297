"""Answers of any program to a probe-set score what `eval --probe` gives for the same ones."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from avs_bench.checkpoints.run_checkpoint import model_of
from avs_bench.data.loader import plain_batches
from avs_bench.models.inference import predicted_classes, segment
from avs_bench.names import PROBE_NAMES
from avs_bench.probes import PROBES, chosen_probes
from avs_bench.probes.probe_set import Hearing, write_probe_set
from avs_bench.probes.scores import ProbeScorer, score_probe
from avs_bench.results.faults import faults
from avs_bench.results.files import read_results
from avs_bench.results.tally import remarks_on, tally_of
from avs_bench.scoring.answer_files import open_answers
from avs_bench.scoring.given import Terms, score_given
from avs_bench.scoring.given_probes import own_answers, score_given_probes, score_with_probes
from tests.bench.probes.conftest import CLASSES, RATE, obeys_audio
from tests.bench.scoring.conftest import write_png
from tests.bench.scoring.test_given import one_line, run
from vpo_builder.runtime.errors import InputError

CPU = torch.device("cpu")
SEED = 3


@pytest.fixture
def model(settings, dataset):
    torch.manual_seed(0)
    return model_of(settings, len(dataset.classes)).eval()


def other_program(image, sound):
    """What `obeys_audio` answers, written without this toolkit, from a picture and a wav."""
    objects = np.asarray(Image.open(image))[..., 0] // 50
    frames, _ = soundfile.read(sound, always_2d=True)
    spectrum = np.abs(np.fft.rfft(frames, axis=0)).max(axis=1) / RATE
    heard = [index for index in range(len(CLASSES)) if spectrum[500 * index] > 0.02]
    return np.where(np.isin(objects, heard), objects, 0).astype(np.uint8)


@pytest.fixture(scope="module")
def answered(toy, tmp_path_factory):
    """A probe-set of everything, answered by another program."""
    home = tmp_path_factory.mktemp("answered")
    asked = chosen_probes(["right-sound", *PROBE_NAMES], and_right_sound=True)
    manifest = write_probe_set(toy, "test", asked, Hearing(1, 2), home / "asked", seed=SEED)
    for sound in manifest.sounds:
        answer = other_program(toy.folder / sound.image, home / "asked" / sound.file)
        write_png(home / "answers" / sound.probe / sound.sample_id, answer)
    return home / "answers"


def scored(folder, toy, *names, **terms):
    files = open_answers(folder)
    given = score_given_probes(files, toy, "test", Terms("mine", **terms), names, SEED)
    return tuple(one for one, _ in given)


def test_another_program_s_answers_score_what_the_same_model_does_in_eval(answered, toy, stereo):
    given = scored(answered, toy, *PROBE_NAMES)
    assert [one.probe for one in given] == list(PROBE_NAMES)
    for one in given:
        assert one == score_probe(PROBES[one.probe], toy, "test", stereo, obeys_audio, SEED)
    own = score_given(own_answers(open_answers(answered)), toy, "test", Terms("mine"))
    assert own.sets[0].by_unit().keys() == {example.unit for example in toy.subsets["test"]}


def test_a_zip_serves_as_well(answered, toy, tmp_path):
    packed = shutil.make_archive(str(tmp_path / "answers"), "zip", answered.parent, "answers")
    assert scored(packed and tmp_path / "answers.zip", toy, "noise") == scored(
        answered, toy, "noise"
    )


def test_answers_of_another_seed_s_sounds_are_other_scores(answered, toy):
    files = open_answers(answered)
    ((other, _),) = score_given_probes(files, toy, "test", Terms("mine"), ["shuffled"], SEED + 1)
    assert other.answer != scored(answered, toy, "shuffled")[0].answer


def test_answers_to_other_probes_and_corruptions_are_no_answers_to_the_own_sounds(tmp_path):
    for folder in (".", "noise", "snr-noise@3", "cat"):
        write_png(tmp_path / folder / "example-0", np.zeros((4, 4), np.uint8))
    assert own_answers(open_answers(tmp_path)).names == ("cat/example-0.png", "example-0.png")
    write_png(tmp_path / "right-sound" / "example-0", np.zeros((4, 4), np.uint8))
    assert own_answers(open_answers(tmp_path)).names == ("right-sound/example-0.png",)


def test_missing_and_surplus_answers_to_a_probe_are_refused_or_background(answered, toy, tmp_path):
    folder = tmp_path / "answers"
    shutil.copytree(answered, folder)
    (folder / "single" / "example-4.png").rename(folder / "single" / "example-0.png")
    with pytest.raises(InputError, match="1 missing, 1 surplus, of 3 wanted"):
        scored(folder, toy, "single")
    (probed,) = scored(folder, toy, "single", allow_missing=True)
    items = {item.item_id: probed.answer.record(item) for item in probed.answer.items}
    assert items.keys() == {"example-4", "example-5", "example-6"}
    assert not items["example-4"].areas[1, 1:].any()
    terms = Terms("mine", allow_missing=True, probes=("single", "noise"), probe_seed=SEED)
    result = score_with_probes(open_answers(folder), toy, "test", terms)
    assert remarks_on(result, "dataset") == (
        "mine: scored as background: 1 missing, of 3 answers, under single.",
        "mine: passed over: 1 files that answer no sample, under single.",
    )
    nested = {"mine": tally_of(result)}
    deep = replace(nested["mine"], probes={"single": replace(nested["mine"], probes=nested)})
    edited = replace(result, dataset_sha256="0" * 64, settings=deep.settings)
    assert "its settings tell of answers to probes of probes" in list(faults(edited))
    shutil.rmtree(folder / "noise")
    with pytest.raises(InputError, match="no folder noise with answers: answer the sounds"):
        scored(folder, toy, "noise")


def test_the_command_stores_and_prints_what_eval_does(dataset, folder, model, settings, tmp_path):
    """With the G figures, for a network's answers to sounds of float precision."""
    examples, classes = dataset.subsets["test"], len(dataset.classes)
    names = ("silence", "noise")
    scorers = {name: ProbeScorer(PROBES[name], examples, classes, settings.audio) for name in names}
    for batch in plain_batches(dataset, examples, settings):
        for name, scorer in scorers.items():
            heard = scorer.hearing(batch)
            preds = predicted_classes(segment(model, heard, CPU))
            scorer.add(heard, preds)
            for example, pred in zip(batch.examples, preds, strict=True):
                write_png(tmp_path / "mine" / name / example.example_id, pred.numpy())
        preds = predicted_classes(segment(model, batch, CPU))
        for example, pred in zip(batch.examples, preds, strict=True):
            write_png(tmp_path / "mine" / example.example_id, pred.numpy())
    asked = ("score", tmp_path / "mine", "--data", folder, "--probe", "silence,noise")
    said = run(*asked)
    assert said.exit_code == 0, said.output
    (stored,) = read_results(tmp_path / "mine-scores")
    assert stored.probes == tuple(scorer.scores() for scorer in scorers.values())
    assert "--probe silence,noise --probe-seed 0" in stored.command
    assert "VPO-SS, test, AVSBench-Robust" in said.stdout
    assert "silence + noise" in said.stdout
    assert "G-mIoU" in said.stdout


def test_an_unknown_probe_is_one_line(folder, tmp_path):
    (tmp_path / "mine").mkdir()
    assert "no probe 'quiet'" in one_line(
        run("score", tmp_path / "mine", "--data", folder, "--probe", "quiet")
    )
