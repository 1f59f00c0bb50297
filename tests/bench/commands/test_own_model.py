"""A model and a loss of the user's own through every command, and every fault of them by hand."""

import importlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from avs_bench import evaluate, fit, open_dataset, open_model
from avs_bench.checkpoints.run_checkpoint import read_checkpoint, write_checkpoint
from avs_bench.commands.main import main
from avs_bench.models import AVSOutput, Needs, build_model, registry
from avs_bench.models.own import refuse_unfit
from avs_bench.results.files import read_results
from avs_bench.training.own_loss import own_loss
from avs_bench.training.splitting import Totals
from tests.bench.conftest import SMALL
from tests.bench.prediction.test_images import write_pair
from tests.builder.dataset_by_hand import write_dataset
from vpo_builder.runtime.errors import InputError

CODE = """
import torch
from torch import nn
from avs_bench.models import AVSOutput, Needs

class Model(nn.Module):
    needs = Needs(front_end=lambda sounds: sounds.mean(dim=1)[:, :64], seconds=1, side=32)

    def __init__(self, classes, width=4):
        super().__init__()
        self.v = nn.Conv2d(3, width, 4, stride=2)
        self.ear = nn.Linear(64, width)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images, sounds):
        return self.head(self.v(images) * self.ear(sounds)[:, :, None, None])

def build(classes, width=4):
    return Model(classes, width)

def loss(output, targets):
    return nn.functional.cross_entropy(output.logits, targets, ignore_index=255)
"""

FAULTY = """
import torch
from torch import nn
from own_parts import Model, loss
from avs_bench.models import AVSOutput, Needs

class Twisted(Model):
    def forward(self, images, sounds):
        return twist(super().forward(images, sounds))

{body}
"""

FLAGS = [word for setting in (*SMALL, "loader.workers=0") for word in ("--set", setting)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A VPO-SS that no test here changes."""
    return write_dataset(tmp_path_factory.mktemp("own") / "data")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder with the user's code in it, which no other test imports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_parts.py").write_text(CODE)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def parts(here, monkeypatch):
    monkeypatch.syspath_prepend(here)
    return importlib.import_module("own_parts")


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def done(*words):
    finished = run(*words)
    assert finished.exit_code == 0, finished.output
    return finished.output


def refused(*words):
    finished = run(*words)
    assert finished.exit_code == 2, finished.output
    assert finished.stderr.startswith("error: ")
    assert finished.stderr.count("\n") == 1
    return finished.stderr


def train(folder, *words, model="own_parts:build"):
    return ("train", "--model", model, "--data", folder, "--out", "run", *FLAGS, *words)


def test_it_goes_through_every_command_by_its_name(here, folder):
    assert "finished" in done(*train(folder, "--set", "model.options={width=6}"))
    trained = read_checkpoint(here / "run" / "best.pt")
    settings = trained.origin.settings
    assert settings.model.name == "own_parts:build"
    assert (settings.audio.seconds, settings.contrastive.weight) == (1, 0)  # its needs, and `plain`
    assert trained.model["v.weight"].shape[0] == 6

    own = ("--run", "run", "--model", "own_parts:build")
    done("eval", *own, "--data", folder, "--probe", "silence")
    (result,) = read_results(here / "run")
    assert (result.model, [probe.probe for probe in result.probes]) == (
        "own_parts:build",
        ["silence"],
    )
    assert result.command.startswith("avs-bench eval --checkpoint run/best.pt --model own_parts:b")
    done(*result.command.split()[1:])
    picture = write_pair(here / "in")
    done("predict", picture, "--out", "out", *own)
    assert json.loads(Path("out/predictions.json").read_text())["model"] == "own_parts:build"
    assert "spectrograms [1, 64]" in done("profile", *own, "--repeats", 2)
    assert "spectrograms [1, 64]" in done(
        "profile", "--model", "own_parts:build", "--repeats", 2, "--classes", 5
    )


def test_it_is_written_as_onnx(here, folder):
    pytest.importorskip("onnxscript", reason="the onnx extra is not installed")
    said = done("export", "--model", "own_parts:Model", "--classes", 5, "--onnx", "m.onnx")
    assert "onnxruntime's logits within" in said


def test_a_run_goes_on_with_its_code_named_again(here, folder):
    done(*train(folder, "--loss", "own_parts:loss"))
    whole = Path("run/history.jsonl").read_text()
    assert '"own_loss"' in whole
    resumed = ("train", "--data", folder, "--out", "run", "--resume")
    assert "add --model own_parts:build" in refused(*resumed)
    assert "add --loss own_parts:loss" in refused(*resumed, "--model", "own_parts:build")
    named = ("--model", "own_parts:build", "--loss", "own_parts:loss")
    assert "finished, nothing left to do" in done(*resumed, *named)
    assert Path("run/history.jsonl").read_text() == whole


def test_no_file_makes_code_run(here, folder):
    done(*train(folder))
    Path("evil.py").write_text("open('was-here', 'w').close()\ndef build(classes): pass\n")
    checkpoint = read_checkpoint(here / "run" / "best.pt")
    settings = checkpoint.origin.settings
    for name in ("evil:build", "evil:build; rm -rf /", "\x1b[2Jevil:x"):
        named = replace(settings, model=replace(settings.model, name=name))
        origin = replace(checkpoint.origin, settings=named)
        write_checkpoint(here / "run" / "best.pt", replace(checkpoint, origin=origin))
        said = refused("eval", "--run", "run", "--data", folder)
        again = "evil:build" if name == "evil:build" else "MODULE:NAME"
        assert f"no file makes it run: if it is yours or you trust it, add --model {again}" in said
        with pytest.raises(InputError, match="no file makes it run"):
            open_model("run")
    preset = 'extends = "plain"\n[model]\nname = "evil:build"\n'
    Path("evil.toml").write_text(preset)
    Path("loss.toml").write_text('extends = "plain"\n[train]\nloss = "evil:build"\n')
    out = ("--data", folder, "--out", "other")
    assert "preset evil.toml: was made with code" in refused("train", "--preset", "evil.toml", *out)
    said = refused("train", "--preset", "loss.toml", *out)
    assert "preset loss.toml: was made with code" in said
    assert "add --loss evil:build" in said
    assert "add --model" in refused("profile", "--preset", "evil.toml")
    assert not Path("was-here").exists()
    assert "evil" not in sys.modules


def test_weights_of_other_training_are_read_with_the_code(parts, folder):
    torch.save(parts.build(7).state_dict(), "mine.pth")
    own = ("--checkpoint", "mine.pth", "--model", "own_parts:build", "--data", folder)
    done("eval", *own)
    torch.save(parts.build(5).state_dict(), "mine.pth")
    assert "weights for 5 classes" in refused("eval", *own)
    torch.save({"w": torch.zeros(1)}, "mine.pth")
    assert "mine.pth: none of its 1 entries belongs to this model" in refused("eval", *own)


NAMES = {
    "own_parts": "expected MODULE:NAME",
    "own_parts.py:build": "no module own_parts.py",
    "no_such:build": "no module no_such, neither installed nor in",
    "own_parts.deep:build": "no module own_parts.deep",
    "own_parts:buld": "no 'buld' in .*own_parts.py: did you mean build?",
    "own_parts:Model.forwrad": "no 'forwrad' in .*: did you mean forward?",
    "own_parts:nothing_at_all": "no 'nothing_at_all' in .*: see its names",
    "own_parts:__file__": "is a str, which cannot be called",
    "own parts:build": "expected MODULE:NAME",
    ":build": "expected MODULE:NAME",
    "tiny": "a model of ours is named by a preset",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_is_none_is_one_line(name, here, folder):
    said = refused(*train(folder, model=name))
    assert re.search(NAMES[name], said), said
    assert not Path("run").exists()


BODIES = {
    "x = 1 / 0": r"faulty.py, line \d+: ZeroDivisionError: division by zero",
    "def build(classes: int: ": r"faulty.py, line \d+: SyntaxError",
    "import no_such_module": "faulty.py, line .*: ModuleNotFoundError: No module named 'no_such_m",
    "raise SystemExit": "cannot be imported: .*faulty.py",
    "def build(): return Model(7)": r"cannot be called as build\(7\) \(too many positional",
    "def build(classes, depth): return Model(7)": r"build\(7\) \(missing a required argument: 'd",
    "def build(classes): return Model(7, classes=1)": r"fails when it is called .*: TypeError",
    "def build(classes): raise ValueError('two\\nlines')": "faulty.py, line .*: ValueError: two",
    "def build(classes): return 3": "gave a int, expected a torch.nn.Module: return the model",
    "def build(classes): return nn.Identity()": "has no parameters to train",
    "def build(classes): return Model(classes).requires_grad_(False)": "has no parameters to train",
    "def build(classes): return Model(classes + 1)": r"gives scores \[2, 8, .*expected \[2, 7, h",
    "def build(classes): return nn.Conv2d(3, classes, 1)": "fails in evaluation on images .*TypeEr",
    "build, twist = Twisted, lambda x: x[:1]": r"gives scores \[1, 7, ",
    "build, twist = Twisted, lambda x: x[0]": r"gives scores \[7, .*of torch.float32: expected",
    "build, twist = Twisted, lambda x: x.argmax(1)": "of torch.int64: expected",
    "build, twist = Twisted, lambda x: x.int()": "of torch.int32: expected",
    "build, twist = Twisted, lambda x: {'out': x}": "the model gives a dict: expected scores",
    "build, twist = Twisted, lambda x: None": "the model gives a NoneType: expected scores",
    "build, twist = Twisted, lambda x: x / 0": "gives scores that are not numbers",
    "build, twist = Twisted, lambda x: x.log()": "gives scores that are not numbers",
    "build, twist = Twisted, lambda x: AVSOutput(x.argmax(1))": "of torch.int64: expected",
    "class build(Model): needs = Needs(front_end=lambda x: x[0], seconds=1)": "its front end make",
    "class build(Model): needs = Needs(front_end=lambda x: 3)": "its front end makes int of wavef",
    "class build(Model): needs = Needs(front_end=lambda x: x.nothing)": "its front end fails on",
    "class build(Model): needs = Needs(seconds=2)": "setting audio.seconds",
}


@pytest.mark.parametrize("body", BODIES)
def test_a_model_that_is_no_good_is_one_line_before_anything_is_written(body, here, folder):
    Path("faulty.py").write_text(FAULTY.format(body=body))
    said = refused(*train(folder, model="faulty:build"))
    assert re.search(BODIES[body], said), said
    assert not Path("run/last.pt").exists()


LOSSES = {
    "def bad(output): return 0": "fails on scores",
    "def bad(output, targets): return 3.0": "gives float for own_loss: expected one number",
    "def bad(output, targets): return output.logits": "for own_loss: expected one number as a ten",
    "def bad(output, targets): return {3: output.scores.mean()}": "a term is named 3",
    "def bad(output, targets): return {'loss': output.scores.mean()}": "a term is named 'loss'",
    "def bad(output, targets): return output.scores.detach().mean()": "has no gradient",
    "def bad(output, targets): return output.scores.mean() / 0 * 0": "is no number",
    "def bad(output, targets): return targets.gather(9, targets)": "faulty.py, line .*IndexError",
    "bad = 3": "is a int, which cannot be called",
}


@pytest.mark.parametrize("body", LOSSES)
def test_a_loss_that_is_no_good_is_one_line(body, here, folder):
    Path("faulty.py").write_text(FAULTY.format(body=body))
    said = refused(*train(folder, "--loss", "faulty:bad"))
    assert re.search(LOSSES[body], said), said


def test_terms_that_change_on_the_way_are_one_line(here, folder):
    body = "calls = []\ndef bad(output, targets):\n    calls.append(1)\n    "
    body += "return {f'term{len(calls) > 2}': loss(output, targets)}"
    Path("faulty.py").write_text(FAULTY.format(body=body))
    said = refused(*train(folder, "--loss", "faulty:bad"))
    assert "gives the terms termTrue, and before termFalse" in said


def test_a_model_that_fails_later_is_one_line_with_its_place(here, folder):
    body = "import itertools\ncount = itertools.count()\nbuild, twist = Twisted, None\n"
    body += "def twist(x):\n    if next(count) > 3: raise ValueError('late')\n    return x"
    Path("faulty.py").write_text(FAULTY.format(body=body))
    said = refused(*train(folder, model="faulty:build"))
    assert "faulty:build: fails in scoring val after step 2: " in said
    assert "faulty.py, line" in said
    assert "ValueError: late" in said


def test_pairs_and_a_model_without_features_are_one_line(here, folder):
    said = refused(*train(folder, "--preset", "tiny"))
    assert "two sounds a picture; without them --set contrastive.weight=0" in said
    assert "finished" in done(*train(folder, "--preset", "tiny", "--set", "contrastive.weight=0"))


def test_what_a_run_says_itself_is_not_said_again(here, folder):
    done(*train(folder))
    run_of = ("eval", "--run", "run", "--model", "own_parts:build", "--data", folder)
    assert "leave --preset out" in refused(*run_of, "--preset", "tiny")
    file = ("eval", "--checkpoint", "run/best.pt", "--model", "own_parts:build", "--data", folder)
    assert "leave --set out" in refused(*file, "--set", "image.long_side=64")
    done(*file)
    Path("faulty.py").write_text(FAULTY.format(body="def build(classes): return Model(classes, 9)"))
    said = refused("eval", "--run", "run", "--model", "faulty:build", "--data", folder)
    assert "its weights are not those of a faulty:build" in said
    assert "give the code that it was trained with" in said


def test_a_model_put_into_models_trains(parts, dataset, monkeypatch):
    monkeypatch.setitem(registry.MODELS, "mine", lambda variant: parts.Model(variant.classes))
    sets = {"model.name": "mine", "audio.seconds": 1, "train.epochs": 1, "loader.workers": 0}
    opened = fit(dataset, "run", preset="plain", settings=sets)
    assert (opened.name, opened.epochs) == ("mine", 1)


def test_it_goes_to_a_hub_and_back(here, folder):
    pytest.importorskip("safetensors")
    done(*train(folder))
    to_hub = ("convert", "--run", "run", "--hub-folder", "mine")
    assert "add --model own_parts:build" in refused(*to_hub)
    done(*to_hub, "--model", "own_parts:build")
    assert "every command needs its `--model`" in Path("mine/README.md").read_text()
    weights = ("eval", "--weights", "mine/model.safetensors", "--data", folder)
    assert "no file makes it run" in refused(*weights)
    done(*weights, "--model", "own_parts:build")
    (stored,) = read_results(here / "mine")
    done("eval", "--run", "run", "--model", "own_parts:build", "--data", folder)
    (direct,) = read_results(here / "run")
    assert (stored.sets, stored.trained_on) == (direct.sets, "VPO-SS")
    Path("mine/config.json").unlink()  # bare weights, read by the model's own needs
    Path("mine/scores-model-vpo-ss-test.json").unlink()
    bare = ("--weights", "mine/model.safetensors", "--model", "own_parts:build")
    done("eval", *bare, "--data", folder)
    (alone,) = read_results(here / "mine")
    assert alone.trained_on == "its authors' data"


OURS_CHANGED = """
from dataclasses import replace
from avs_bench.data.spectrograms import cavp_logmel
from avs_bench.models import build_model

def quieter(waveforms):
    return cavp_logmel(waveforms / 2)

def build(classes, **options):
    model = build_model("tiny", classes, **options)
    model.needs = replace(model.needs, front_end=quieter)
    return model
"""


def test_a_model_of_ours_is_changed_and_trains_with_its_pairs(here, folder, dataset):
    Path("ours.py").write_text(OURS_CHANGED)
    short = ("--set", "train.epochs=1")
    words = train(folder, "--preset", "tiny", *short, model="ours:build")
    assert "finished" in done(*words)
    assert '"contrastive"' in Path("run/history.jsonl").read_text()
    plain = open_model("run", model="ours:build")
    unchanged = open_model("run", model=lambda classes: build_model("tiny", classes))
    assert evaluate(plain, dataset).sets != evaluate(unchanged, dataset).sets


@pytest.mark.parametrize("parts_of_4", [1, 2, 4])
def test_a_loss_of_a_batch_in_parts_is_that_of_the_batch(parts_of_4):
    random = torch.Generator().manual_seed(0)
    scores = torch.randn(4, 3, 5, 6, generator=random)
    targets = torch.randint(0, 3, (4, 5, 6), generator=random)
    loss = own_loss(lambda output, targets: {"mean": output.scores.square().mean()})
    totals = Totals(targets.numel(), 4, 4)
    pairs = zip(scores.split(parts_of_4), targets.split(parts_of_4), strict=True)
    terms = [loss(AVSOutput(few), some, totals)["mean"] for few, some in pairs]
    torch.testing.assert_close(torch.stack(terms).sum(), scores.square().mean())


class Clips(torch.nn.Module):
    needs = Needs(seconds=1, frames=3, side=32)

    def forward(self, images, sounds, valid=None):
        assert images.ndim == 5
        return images.flatten(0, 1)[:, :2] + sounds.mean()


def test_a_model_of_videos_is_tried_on_clips():
    output = refuse_unfit("mine", Clips(), Clips.needs, (2,))
    assert output.scores.shape == (6, 2, 32, 32)
    with pytest.raises(InputError, match=r"gives scores \[6, 2, 32, 23\], expected \[6, 3, h, w"):
        refuse_unfit("mine", Clips().eval(), Clips.needs, (3,))


def test_a_trial_leaves_no_trace():
    model = torch.nn.Sequential(torch.nn.BatchNorm2d(3), torch.nn.Dropout())
    model.forward = lambda images, sounds: model[1](model[0](images))
    before, drawn = [b.clone() for b in model.buffers()], torch.get_rng_state()
    refuse_unfit("mine", model.train(), Needs(side=32), (3,))
    assert all(map(torch.equal, before, model.buffers()))
    assert torch.equal(torch.get_rng_state(), drawn)


class TestFromPython:
    def test_a_module_is_trained_in_place_and_scored(self, here, parts, folder):
        data, module = open_dataset(str(folder)), parts.Model(7)
        before = module.v.weight.detach().clone()
        sets = {"train.epochs": 1, "train.batch_size": 2, "loader.workers": 0}
        lines: list[str] = []
        opened = fit(
            data, "run", model=module, loss=parts.loss, settings=sets, announce=lines.append
        )
        assert opened.module is module
        assert not torch.equal(module.v.weight, before)
        assert opened.name == "own_parts:Model"
        assert lines[-1].startswith("run: finished")
        trained, alone = evaluate(opened, data), evaluate(module, data, out="scores")
        assert trained.figures == alone.figures
        assert len(read_results(here / "scores")) == 1
        again = open_model("run", model=parts.build)
        assert evaluate(again, data).figures == trained.figures

    def test_faults_are_input_errors_that_keep_their_cause(self, here, dataset):
        with pytest.raises(InputError, match="expected the name of a model"):
            fit(dataset, "run", model=3)
        with pytest.raises(InputError, match="ZeroDivisionError") as refused:
            fit(dataset, "run", model=lambda classes: 1 / 0)
        assert isinstance(refused.value.__cause__, ZeroDivisionError)
        with pytest.raises(InputError, match="give the names of the module's classes"):
            open_model(torch.nn.Linear(1, 1))
        with pytest.raises(InputError, match=r"fails in evaluation on images \[2, 3, 224, 167\]"):
            evaluate(torch.nn.Linear(1, 1), dataset)
        with pytest.raises(InputError, match="run: no such checkpoint: train first"):
            open_model("run")
