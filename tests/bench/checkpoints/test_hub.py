"""Weights by address: fetched once from a stand-in on loopback, and nothing of them trusted."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

import avs_bench
from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.checkpoints.hub import HubAddress, local_file, parse_address
from avs_bench.checkpoints.hub_folder import CONFIG, WEIGHTS
from avs_bench.checkpoints.loading import load_weights
from avs_bench.checkpoints.opening import open_model
from avs_bench.checkpoints.run_checkpoint import Checkpoint, model_of, origin_of, write_checkpoint
from avs_bench.commands.main import main
from avs_bench.results.files import read_results
from avs_bench.results.items import encoded
from tests.bench.checkpoints.hub_stand_in import COMMIT, stand_in
from vpo_builder.runtime.errors import InputError

CPU = torch.device("cpu")
REPOSITORY = "lab/tiny-vpo"
ADDRESS = f"hf:{REPOSITORY}/{WEIGHTS}"


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def one_line(result):
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1, result.stderr
    assert "\x1b" not in result.stderr
    return result.stderr


@pytest.fixture
def trained(tmp_path, dataset, settings):
    """The folder of a run that somebody trained."""
    torch.manual_seed(0)
    model = model_of(settings, len(dataset.classes))
    origin = origin_of(settings, dataset)
    path = tmp_path / "run" / "best.pt"
    path.parent.mkdir()
    write_checkpoint(path, Checkpoint(origin, 2, model.state_dict(), {}))
    return path.parent


@pytest.fixture
def folder_for_hub(trained, tmp_path):
    out = tmp_path / "for-hub"
    said = run("convert", "--run", trained, "--hub-folder", out)
    assert said.exit_code == 0, said.output
    return out


@pytest.fixture
def hub(tmp_path, monkeypatch, folder_for_hub):
    """A hub that has the folder, and an empty cache."""
    from huggingface_hub import constants

    with stand_in() as served:
        served.add(REPOSITORY, folder_for_hub)
        template = f"{served.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(constants, "ENDPOINT", served.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield served


class TestConvert:
    def test_weights_and_config_are_the_checkpoint_s(self, trained, folder_for_hub):
        state = torch.load(trained / "best.pt", weights_only=True)["model"]
        written = load_file(folder_for_hub / WEIGHTS)
        assert written.keys() == state.keys()
        assert all(torch.equal(written[name], value) for name, value in state.items())
        theirs, mine = (
            open_model(ModelChoice(checkpoints=(path,)), CPU)
            for path in (folder_for_hub / WEIGHTS, trained / "best.pt")
        )
        assert (theirs.origin, theirs.epochs, theirs.classes) == (
            mine.origin,
            mine.epochs,
            mine.classes,
        )

    def test_the_card_has_the_scores_of_these_weights_and_the_data_s_hash(
        self, trained, folder, dataset, tmp_path
    ):
        scored = run("eval", "--run", trained, "--data", folder, "--examples", 0)
        assert scored.exit_code == 0, scored.output
        (result,) = read_results(trained)
        stale = msgspec.json.decode(encoded(result))
        stale |= {"checkpoint_sha256": "f" * 64, "dataset": "Elsewhere"}
        (trained / "scores-best-elsewhere-test.json").write_bytes(msgspec.json.encode(stale))
        out = tmp_path / "out"
        said = run("convert", "--run", trained, "--hub-folder", out, "--licence", "cc-by-4.0")
        assert said.stdout == f"{out}: tiny, scored on VPO-SS test\n"
        card = (out / "README.md").read_text()
        assert read_results(out) == (result,)
        head, _, body = card.removeprefix("---\n").partition("\n---\n")
        fields = dict(line.split(": ", 1) for line in head.splitlines())
        assert fields["license"] == '"cc-by-4.0"'
        (indexed,) = msgspec.json.decode(fields["model-index"])[0]["results"]
        assert indexed["dataset"]["revision"] == dataset.sha256
        miou = next(m["value"] for m in indexed["metrics"] if m["name"] == "miou_dataset")
        assert f"{miou:.2f}" in body
        assert dataset.sha256 in body
        assert "Elsewhere" not in card
        assert f"avs-bench eval --weights hf:ORG/NAME/{WEIGHTS}" in body

    def test_equal_runs_give_equal_bytes_and_a_folder_is_written_anew(
        self, trained, folder_for_hub, tmp_path
    ):
        before = {p.name: p.read_bytes() for p in folder_for_hub.iterdir()}
        again = ("convert", "--run", trained, "--hub-folder", folder_for_hub)
        (folder_for_hub / "scores-best-gone-test.json").write_text("of before")
        assert run(*again).exit_code == 0
        assert {p.name: p.read_bytes() for p in folder_for_hub.iterdir()} == before
        (folder_for_hub / ".git").mkdir()
        (folder_for_hub / ".git" / "HEAD").write_text("a clone's history")
        assert "holds 1 file, such as .git/HEAD, expected" in one_line(run(*again))
        assert (folder_for_hub / ".git" / "HEAD").read_text() == "a clone's history"

    def test_what_cannot_be_converted_is_one_line(self, trained, tmp_path):
        out = tmp_path / "out"
        asked = ("convert", "--hub-folder", out)
        assert "either --run FOLDER or --checkpoint" in one_line(run(*asked))
        assert "no such checkpoint" in one_line(run(*asked, "--run", tmp_path))
        licence = ("--licence", "mit\n- x")
        assert "a hub's name of one" in one_line(run(*asked, "--run", trained, *licence))
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "a.txt").write_text("")
        mine = ("convert", "--run", trained, "--hub-folder", tmp_path / "mine")
        assert "holds 1 file, such as a.txt" in one_line(run(*mine))
        (tmp_path / "mine" / CONFIG).write_text('{"model_type": "bert"}')
        assert "not written by avs-bench convert" in one_line(run(*mine))
        assert not out.exists()


class TestFetching:
    def test_a_model_opens_by_its_address_and_then_from_the_cache(self, hub, trained, monkeypatch):
        from huggingface_hub import constants

        own = open_model(ModelChoice(run=trained), CPU)
        choice = ModelChoice(checkpoints=(Path(ADDRESS),))
        opened = open_model(choice, CPU)
        assert (opened.origin, opened.epochs) == (own.origin, 2)
        for name, value in own.module.state_dict().items():
            assert torch.equal(opened.module.state_dict()[name], value), name
        assert any(path.endswith(f"/{COMMIT}/{CONFIG}") for path in hub.asked)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        hub.asked.clear()
        assert open_model(choice, CPU).files == opened.files
        assert hub.asked == []

    def test_a_program_of_one_s_own_opens_it_in_one_line(self, hub, folder_for_hub):
        opened = avs_bench.open_model(ADDRESS, device="cpu")
        assert (opened.name, opened.trained_on, opened.epochs) == ("tiny", "VPO-SS", 2)
        hub.repositories["lab/bare"] = {WEIGHTS: (folder_for_hub / WEIGHTS).read_bytes()}
        bare = avs_bench.open_model(f"hf:lab/bare/{WEIGHTS}", model="tiny", device="cpu")
        assert (len(bare.classes), bare.origin) == (len(opened.classes), None)

    def test_a_revision_is_a_tag_or_a_commit(self, hub):
        files = {local_file(Path(f"hf:{REPOSITORY}@{at}/{WEIGHTS}")) for at in ("v1", COMMIT)}
        assert files == {local_file(Path(ADDRESS))}

    def test_a_run_may_begin_with_them(self, hub, trained, settings, dataset):
        model = model_of(settings, len(dataset.classes))
        loaded = load_weights(model, Path(ADDRESS))
        assert not loaded.untouched
        own = open_model(ModelChoice(run=trained), CPU).module.state_dict()
        assert all(torch.equal(own[name], value) for name, value in model.state_dict().items())

    def test_eval_scores_into_a_folder_named_like_the_repository(
        self, hub, folder, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        said = run("eval", "--weights", ADDRESS, "--data", folder, "--examples", 0)
        assert said.exit_code == 0, said.output
        (result,) = read_results(tmp_path / "lab--tiny-vpo")
        assert (result.checkpoint, result.epochs, result.trained_on) == ("model", 2, "VPO-SS")
        assert f"--checkpoint {ADDRESS}" in result.command

    def test_other_programs_find_the_cache_by_the_library_s_own_words(self, hub, tmp_path):
        """Environment variables, read as huggingface_hub reads them, in a process of its own."""
        code = (
            "import sys; sys.modules['torch'] = None\n"
            "from pathlib import Path; from avs_bench.checkpoints.hub import local_file\n"
            f"print(local_file(Path({ADDRESS!r})))"
        )
        home = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}

        def fetch(**more):
            return subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, **home, **more},
                capture_output=True,
                text=True,
                timeout=60,
            )

        assert "HF_HUB_OFFLINE is set" in fetch(HF_HUB_OFFLINE="1").stderr
        first = fetch()
        assert first.stdout.startswith(str(tmp_path / "home" / "hub")), first.stderr
        hub.asked.clear()
        assert fetch(HF_HUB_OFFLINE="1").stdout == first.stdout
        assert hub.asked == []


def told(path=ADDRESS):
    with pytest.raises(InputError) as error:
        open_model(ModelChoice(checkpoints=(Path(path),)), CPU)
    assert "\n" not in str(error.value)
    return str(error.value)


class TestWhatCannotBeFetched:
    def test_says_what_is_missing_and_what_to_do(self, hub, folder_for_hub):
        hub.add("lab/gated-one", folder_for_hub)
        for address, words in (
            ("hf:lab/none/model.safetensors", "no such repository of models, or a private one"),
            ("hf:lab/gated-one/model.safetensors", "accept the terms"),
            (f"hf:{REPOSITORY}@v9/{WEIGHTS}", "no revision v9 in it"),
            (f"hf:{REPOSITORY}/other.safetensors", "no such file at revision main"),
        ):
            assert words in told(address)
        hub.repositories["lab/bare"] = {WEIGHTS: (folder_for_hub / WEIGHTS).read_bytes()}
        assert f"{CONFIG}: no such file" in told(f"hf:lab/bare/{WEIGHTS}")

    def test_no_network_and_a_hub_that_fails_are_one_line(self, hub, monkeypatch, folder):
        from huggingface_hub import constants

        monkeypatch.setattr("time.sleep", pytest.fail)  # as between the library's five tries
        hub.fails = True
        assert "not in the hub's cache" in (line := told())
        assert f"{hub.address} fails with status 500: try again later" in line
        assert len(hub.asked) == 1
        gone = "http://127.0.0.1:9"  # the discard port: nobody listens
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", gone + "/{repo_id}/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "ENDPOINT", gone)
        line = one_line(run("eval", "--weights", ADDRESS, "--data", folder))
        assert f"{gone} does not answer: check the network" in line
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert "HF_HUB_OFFLINE is set: fetch it once" in told()

    def test_without_the_library_one_line_says_how_to_get_it(self, monkeypatch):
        monkeypatch.setattr("avs_bench.runtime.optional_packages.find_spec", lambda name: None)
        assert "pip install .[hub]" in told()


class TestHostileFiles:
    def test_a_pickle_under_a_safe_name_runs_nothing(self, hub, folder, tmp_path):
        class Harm:
            def __reduce__(self):
                return (Path.touch, (tmp_path / "harmed",))

        files = hub.repositories[REPOSITORY]
        files[WEIGHTS] = pickle.dumps(Harm())
        assert "its sha256 is not that in config.json" in told()
        named = ("eval", "--weights", f"hf:{REPOSITORY}@v1/{WEIGHTS}", "--data", folder)
        assert "not a whole safetensors file" in one_line(run(*named, "--model", "tiny"))
        assert not (tmp_path / "harmed").exists()

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            (rb".*", b"[" * 50_000, "no config of a model"),
            (rb".*", b'{"model_type": "bert"}', "not written by avs-bench convert"),
            (rb'"format": 1', b'"format": 2', "not written by avs-bench convert"),
            (rb'"epochs": 2', b'"epochs": "two"', "no config of a model: Expected `int`"),
            (rb'"name": "tiny"', b'"name": "os:system"', "os:system"),
            (rb'"long_side": 48', b'"long_side": -1', "setting image.long_side: -1 is outside"),
            (rb'"weights_sha256": "', b'"weights_sha256": "0', "of different models"),
        ],
    )
    def test_a_config_of_a_stranger_is_checked(self, hub, old, new, words):
        files = hub.repositories[REPOSITORY]
        files[CONFIG], count = re.subn(old, new, files[CONFIG], count=1, flags=re.DOTALL)
        assert count == 1
        assert words in told()


NO_ADDRESSES = """
hf:
hf:lab
hf:lab/name
hf:/name/a.safetensors
hf:../../etc/a.safetensors
hf:lab/../a.safetensors
hf:lab/n/../a.safetensors
hf:lab/n@../a.safetensors
hf:lab/n@/a.safetensors
hf:lab/n@a@b/c.safetensors
hf:lab/n@refs%2F1/a.safetensors
hf:lab/n/a b.safetensors
hf:lab/é/a.safetensors
hf:lab/a--b/c.safetensors
hf:lab/a..b/c.safetensors
hf:lab/n/.hidden.safetensors
hf:-lab/n/a.safetensors
"""


class TestAddresses:
    def test_name_repository_revision_and_file(self):
        one = parse_address("hf:lab/tiny.v2@v1.0/sub/model.safetensors")
        assert one == HubAddress("lab/tiny.v2", "v1.0", "sub/model.safetensors")
        assert str(one) == "hf:lab/tiny.v2@v1.0/sub/model.safetensors"
        assert one.beside(CONFIG).file == "sub/config.json"
        assert one.home == Path("lab--tiny.v2")

    @pytest.mark.parametrize(
        "text",
        [
            *NO_ADDRESSES.split("\n")[1:-1],
            *("hf:lab/n\x1b[2J/a.safetensors", "hf:lab/n@v\n1/a.safetensors"),
            f"hf:lab/{'n' * 97}/a.safetensors",
        ],
    )
    def test_of_any_other_form_are_one_line(self, text):
        assert "no address of weights" in one_line(run("eval", "--weights", text, "--data", "x"))

    @pytest.mark.parametrize("file", ["model.pt", "model.bin", "model.safetensors.pt"])
    def test_name_files_that_can_run_no_code(self, file):
        asked = ("eval", "--weights", f"hf:lab/n/{file}", "--data", "x")
        assert "only .safetensors is taken from a hub" in one_line(run(*asked))

    @given(st.text("hf:/@.-_a0\n\x1b\0\u202e\\%é", max_size=30))
    def test_that_are_taken_lead_nowhere_else(self, text):
        try:
            address = parse_address(f"hf:{text}.safetensors")
        except InputError:
            return
        parts = (*address.repository.split("/"), address.revision or "x", *address.file.split("/"))
        assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", part) for part in parts)
        assert ".." not in str(address)
