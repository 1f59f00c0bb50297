"""Answers of any program score what `eval` gives for the same answers, or are refused."""

import json
import re
import shutil
import struct
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from avs_bench.commands.main import main
from avs_bench.data.avsbench import avsbench_dataset
from avs_bench.results.files import read_results
from avs_bench.results.tally import remarks_on
from avs_bench.scoring.answer_files import open_answers
from avs_bench.scoring.evaluate import evaluate
from avs_bench.scoring.given import Terms, score_given
from tests.avsbench_trees import write_s4
from tests.bench.scoring.conftest import class_png, logits_of, write_answers, write_png
from vpo_builder.dataset.avsbench_trees import find_trees

ROOT = Path(__file__).resolve().parents[3]
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


def test_nothing_is_written_into_the_dataset_or_among_the_answers(answers, folder):
    for out, place in ((folder / "new", "the dataset"), (answers, "the answers")):
        before = sorted(out.parent.rglob("*"))
        said = one_line(run("score", answers, "--data", folder, "--out", out))
        assert f"{out}: lies in {place}, which scoring leaves as it is" in said
        assert sorted(out.parent.rglob("*")) == before


def test_seeds_of_a_method_are_one_row_and_two_methods_are_compared(
    answers, folder, dataset, tmp_path
):
    for name, seed, value in (("ours", 1, 1), ("ours", 2, 2), ("theirs", 1, 0)):
        made = tmp_path / f"{name}-s{seed}"
        for example in dataset.subsets["test"]:
            pixels = np.asarray(Image.open(answers / f"{example.example_id}.png")).copy()
            pixels[:8] = value
            write_png(made / example.example_id, pixels)
        asked = ("--name", name, "--seed", seed, "--examples", 0)
        scored = run("score", made, "--data", folder, *asked)
        assert scored.exit_code == 0, scored.output
    assert "scores of 'ours': give another --out" in one_line(
        run("score", made, "--data", folder, "--out", tmp_path / "ours-s1-scores")
    )
    runs = (tmp_path / f"{name}-scores" for name in ("ours-s1", "ours-s2", "theirs-s1"))
    told = run("report", *runs, "--compare", "--out", tmp_path / "report")
    assert told.exit_code == 0, told.output
    assert re.search(r"^ours +2 seeds ", told.output, re.MULTILINE)
    assert re.search(
        r"^theirs .*minus ours|theirs +(−|- )?ours|^theirs ", told.output, re.MULTILINE
    )


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


def score(path, dataset, **terms):
    return score_given(open_answers(path), dataset, "test", Terms("mine", **terms))


def softmax_npz(path, logits):
    np.savez(path.with_suffix(".npz"), probabilities=logits.double().softmax(dim=0).numpy())


def logits_npz(path, logits):
    np.savez_compressed(path.with_suffix(".npz"), logits=logits.numpy())


@pytest.mark.parametrize("save", [softmax_npz, logits_npz])
def test_probabilities_give_the_class_maps_and_the_curves_of_the_model(
    save, tmp_path, model, dataset, settings
):
    path = write_answers(tmp_path / "mine", model, dataset, settings, save)
    families = ("dataset", "frame", "video")
    own = evaluate(model, dataset, "test", settings, CPU, families=families)
    given = score(path, dataset, families=families)
    assert given.sets[:2] == own[:2]
    assert same_curves(given.sets[2], own[2]) < 1e-6


def same_curves(given, own):
    """Return the largest difference of any F of the curves."""
    curves = [
        np.array([one.record(item).curve_units for item in one.items]) for one in (given, own)
    ]
    assert curves[1].any()
    return np.abs(curves[0] - curves[1]).max() / 2**40


@pytest.fixture
def binary(dataset):
    """The dataset with one class, the object, as a video of AVSBench has it."""
    lookup = np.where(dataset.mask_lookup, 1, 0).astype(np.uint8)
    frames = tuple(
        replace(one, silent=(), sources=(replace(one.sources[0], class_index=1),))
        for one in dataset.subsets["test"]
    )
    return replace(
        dataset,
        classes=("background", "object"),
        mask_lookup=lookup,
        family="video",
        subsets={"test": frames},
    )


class Bright(torch.nn.Module):
    """Takes what is bright for the object: one logit a pixel."""

    def forward(self, images, spectrograms):
        from avs_bench.models import AVSOutput

        return AVSOutput(2 * images.mean(dim=1, keepdim=True))


@pytest.mark.parametrize(("bits", "most"), [(8, 0.05), (16, 1e-3)])
def test_a_probability_png_differs_by_its_rounding_alone(bits, most, tmp_path, binary, settings):
    def save(path, logits):
        levels = logits[0].double().sigmoid().numpy() * (2**bits - 1)
        write_png(path, np.rint(levels).astype(np.uint8 if bits == 8 else np.uint16))

    model = Bright()
    path = write_answers(tmp_path / "mine", model, binary, settings, save)
    (own,) = evaluate(model, binary, "test", settings, CPU)
    given = score(path, binary, values="probabilities")
    assert 0 < same_curves(given.sets[0], own) < most
    exact = write_answers(tmp_path / "exact", model, binary, settings, sigmoid_npz)
    assert score(exact, binary).sets == (own,)


def sigmoid_npz(path, logits):
    np.savez(path.with_suffix(".npz"), probabilities=logits[0].double().sigmoid().numpy())


def test_black_and_white_of_avsbench_s_own_program_is_the_object(tmp_path):
    """It names frames from 0, below the category and the video, in palette PNGs of 0 and 255."""
    dataset = avsbench_dataset(find_trees(write_s4(tmp_path / "s4"))[0])
    for example in dataset.subsets["test"]:
        video, _, number = example.example_id.rpartition("_")
        mask = Image.open(example.mask).convert("P")
        path = tmp_path / "out" / "dog" / video / f"{video}_{int(number) - 1}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        mask.save(path)
    result = score(tmp_path / "out", dataset)
    assert result.settings["answers"]["names"] == "frames-from-0"
    assert remarks_on(result, "video") == (
        "mine: 10 of 10 answers are class maps: F sees them as 0 and 1.",
    )
    record = result.sets[0].overall
    assert record.video_iou_units == record.videos << 40


def test_answers_of_another_size_are_counted_and_resized_as_declared(tmp_path, answers, dataset):
    first = dataset.subsets["test"][0].example_id
    small = Image.open(answers / f"{first}.png").resize((48, 32), Image.Resampling.NEAREST)
    small.save(answers / f"{first}.png")
    folder = dataset.folder
    told = one_line(run("score", answers, "--data", folder))
    assert f"1 wrong size, of 3 wanted: {answers}: {first}.png is 48 x 32, its mask 96 x 64" in told
    assert "cannot be resized by bilinear" in one_line(
        run("score", answers, "--data", folder, "--resize", "bilinear")
    )
    scored = run("score", answers, "--data", folder, "--resize", "nearest", "--examples", 0)
    assert scored.exit_code == 0, scored.output
    assert "mine: 1 of 3 answers resized to their mask (nearest)." in scored.output
    (stored,) = read_results(tmp_path / "mine-scores")
    big = np.asarray(small.resize((96, 64), Image.Resampling.NEAREST))
    (item,) = (item for item in stored.sets[0].items if item.item_id == first)
    areas = stored.sets[0].record(item).areas
    assert areas[1].tolist() == np.bincount(big.ravel(), minlength=7).tolist()
    assert (
        "scored as background: 1 wrong size, of 3 answers"
        in run("score", answers, "--data", folder, "--allow-missing", "--examples", 0).output
    )
    Image.fromarray(np.zeros((96, 64), np.uint8)).save(answers / f"{first}.png")
    assert "turn it" in one_line(run("score", answers, "--data", folder, "--resize", "nearest"))


def test_probabilities_are_resized_as_a_model_s_own_scores(tmp_path, model, dataset, settings):
    def half(path, logits):
        low = torch.nn.functional.avg_pool2d(logits[None], 2)[0]
        np.savez(path.with_suffix(".npz"), logits=low.numpy())

    path = write_answers(tmp_path / "mine", model, dataset, settings, half)
    given = score(path, dataset, resize="bilinear")
    for example, logits in logits_of(model, dataset, settings):
        low = torch.nn.functional.avg_pool2d(logits[None], 2)
        wide = torch.nn.functional.interpolate(low, (64, 96), mode="bilinear", align_corners=False)
        expected = np.bincount(wide[0].argmax(dim=0).numpy().ravel(), minlength=7)
        (item,) = (i for i in given.sets[0].items if i.item_id == example.example_id)
        assert np.abs(given.sets[0].record(item).areas[1] - expected).max() <= 1


def test_a_template_says_what_is_wanted_and_of_which_data(tmp_path, answers, folder, dataset):
    made = tmp_path / "wanted"
    assert run("score", made, "--data", folder, "--template").exit_code == 0
    (listed,) = made.iterdir()
    wanted = json.loads(listed.read_text())
    assert [one["file"] for one in wanted["answers"]] == sorted(p.name for p in answers.iterdir())
    first = wanted["answers"][0]
    assert (first["width"], first["height"], wanted["subset"]) == (96, 64, "test")
    assert "holds something already" in one_line(run("score", made, "--data", folder, "--template"))
    for path in answers.iterdir():
        shutil.copy(path, made)
    assert score(made, dataset).sets == score(answers, dataset).sets
    other = json.dumps(wanted | {"subset": "val"})
    listed.write_text(other)
    assert "made for val of VPO-SS" in one_line(run("score", made, "--data", folder))
    listed.write_text("[" * 100_000)
    assert "not what --template writes" in one_line(run("score", made, "--data", folder))


def test_nothing_of_scoring_imports_torch(answers, folder, tmp_path):
    """On a machine without torch: every import of it fails."""
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from avs_bench.commands.main import main\n"
        f"main(['score', {str(answers)!r}, '--data', {str(folder)!r}, '--translate'], "
        "standalone_mode=False)\n"
        f"main(['report', {str(tmp_path / 'mine-scores')!r}], standalone_mode=False)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine-scores" / "report" / "index.html").exists()
    assert list((tmp_path / "mine-scores").glob("examples-*/*-pred.png"))


def test_pixels_may_be_the_values_or_the_colours_of_the_dataset_s_masks(tmp_path, dataset):
    """The masks themselves score everything, as they are and in VOC's colours."""
    voc = [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)]
    table = np.array([*voc, (0, 128, 128)], np.uint8)
    for example in dataset.subsets["test"]:
        values = np.asarray(Image.open(example.mask))
        write_png(tmp_path / "values" / example.example_id, values)
        write_png(tmp_path / "colours" / example.example_id, table[dataset.mask_lookup[values]])
        indices = Image.fromarray(dataset.mask_lookup[values])
        indices.putpalette([7] * 768)
        (tmp_path / "palette").mkdir(exist_ok=True)
        indices.save(tmp_path / "palette" / f"{example.example_id}.png", bits=4)
    given = [
        score(tmp_path / "values", dataset, values="mask"),
        score(tmp_path / "colours", dataset, values="colours"),
        score(tmp_path / "palette", dataset),
    ]
    assert all(one.sets == given[0].sets for one in given)
    right, predicted, true = given[0].sets[0].overall.areas
    assert right.tolist() == predicted.tolist() == true.tolist()


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_few_bits_holds_indices_too(bits, tmp_path, dataset):
    for example in dataset.subsets["test"]:
        path = tmp_path / "mine" / f"{example.example_id}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(grey_png(np.ones((64, 96), np.uint8), bits))
    assert score(tmp_path / "mine", dataset).sets[0].overall.areas[1].tolist()[1] == 3 * 64 * 96


def grey_png(pixels, bits):
    """Return a grey PNG of few bits, which Pillow does not write."""
    per = 8 // bits
    packed = sum(pixels[:, n::per].astype(int) << (8 - bits * (n + 1)) for n in range(per))
    rows = b"".join(b"\0" + row.astype(np.uint8).tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def test_a_template_is_not_written_elsewhere_than_asked(folder, tmp_path):
    words = ("score", tmp_path / "wanted", "--data", folder, "--template")
    said = one_line(run(*words, "--out", tmp_path / "elsewhere"))
    assert "leave --out away, or give the folder as PREDICTIONS" in said
    assert not (tmp_path / "wanted").exists()
    assert not (tmp_path / "elsewhere").exists()
