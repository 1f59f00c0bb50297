"""Presets of the user's own by path, and `avs-bench presets`."""

import tomllib

import pytest
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.config import PRESETS, Settings, read_preset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import load_settings, preset_names, toml_value


def run(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def test_presets_are_listed_each_with_what_it_is():
    lines = run("presets").stdout.splitlines()
    assert [line.split()[0] for line in lines] == preset_names(PRESETS)
    tiny = next(line for line in lines if line.startswith("tiny "))
    assert tiny.endswith(
        " A small CAVP for a CPU: the whole method at 128 pixels, to try the program "
        "and to test it."
    )
    assert all(len(line.split()) > 3 for line in lines)


@pytest.mark.parametrize("name", preset_names(PRESETS))
def test_a_printed_preset_is_a_preset_with_the_same_values(name, tmp_path):
    printed = run("presets", name)
    assert printed.exit_code == 0, printed.output
    (tmp_path / "copy.toml").write_text(printed.stdout)
    assert read_preset(str(tmp_path / "copy.toml")) == read_preset(name)


def test_a_printed_setting_has_the_comment_of_the_file_that_gives_its_value(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "tiny"\n[train]\nepochs = 7\npatience = 3  # mine\n')
    lines = run("presets", mine).stdout.splitlines()
    assert lines[0] == "# All of mine <- tiny <- _cavp-vpo."
    assert "epochs = 7" in lines  # and not what tiny says of 60
    assert "patience = 3  # mine" in lines
    assert "flip = 0.5  # probability; the pan is flipped with the picture, in SS too" in lines


def test_a_preset_extends_one_of_ours_or_one_beside_it(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.toml").write_text('extends = "tiny"\n[train]\nepochs = 7\nseed = 1\n')
    (tmp_path / "b.toml").write_text('extends = "below/a.toml"\n[train]\nseed = 2\n')
    settings = read_preset(str(tmp_path / "b.toml"), ("optim.lr=0.5",))
    tiny = read_preset("tiny")
    assert (settings.train.epochs, settings.train.seed, settings.optim.lr) == (7, 2, 0.5)
    assert settings.model == tiny.model


FAULTS = {
    "missing.toml": (None, "missing.toml: no such preset: give a name or another path"),
    "loop.toml": ('extends = "loop.toml"', "loop.toml: extends itself"),
    "orphan.toml": ('extends = "none.toml"', "none.toml: no such preset, which .*orphan.toml ext"),
    "unnamed.toml": ('extends = "tinny"', "tinny.toml: no such preset, which .*unnamed.toml ext"),
    "number.toml": ("extends = 3", "extends = 3: expected the name of a preset"),
    "syntax.toml": ("[train", "syntax.toml: not TOML"),
    "bytes.toml": ("\udcff", "bytes.toml: not TOML"),
    "part.toml": (
        "[train]\nepochs = 3",
        "part.toml: setting train.objective is missing: begin the file with",
    ),
    "wrong.toml": ('extends = "tiny"\n[train]\nepochs = 0', "wrong.toml: setting train.epochs: 0"),
    "typo.toml": ('extends = "tiny"\n[train]\nepoch = 1', "unknown setting 'train.epoch'"),
    "group.toml": ('extends = "tiny"\ntrain = 3', "setting train: Expected `object`, got `int`"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_preset_that_is_none_is_one_line(name, tmp_path):
    text, said = FAULTS[name]
    if text is not None:
        (tmp_path / name).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=said) as refused:
        read_preset(str(tmp_path / name))
    assert "\n" not in str(refused.value)
    shown = run("presets", tmp_path / name)
    assert shown.exit_code == 2
    assert shown.stderr.count("\n") == 1


def test_two_presets_that_extend_each_other_are_told(tmp_path):
    (tmp_path / "a.toml").write_text('extends = "b.toml"')
    (tmp_path / "b.toml").write_text('extends = "a.toml"')
    with pytest.raises(InputError, match=r"a\.toml: extends itself, by .*b\.toml"):
        read_preset(str(tmp_path / "a.toml"))


def test_a_folder_or_a_pipe_is_no_preset(tmp_path):
    (tmp_path / "folder.toml").mkdir()
    shown = run("presets", tmp_path / "folder.toml")
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)


def test_an_unknown_name_is_told_with_the_choices():
    shown = run("presets", "tinny")
    assert shown.exit_code == 2
    assert "no preset 'tinny': choose one of" in shown.stderr
    assert "or give a path that ends in .toml" in shown.stderr


def test_a_file_that_is_not_called_toml_is_told_to_be(tmp_path):
    (tmp_path / "file.sh").write_text('extends = "tiny"\n')
    shown = run("presets", tmp_path / "file.sh")
    assert (shown.exit_code, shown.stderr.count("\n")) == (2, 1)
    assert "file.sh: a file with a preset has a name that ends in .toml: rename" in shown.stderr
    assert "or choose one of avsegformer-" in shown.stderr


@pytest.mark.parametrize("value", [3, 0.5, 1e-7, True, 'a "b"\n', [1, [2]], {"a b": {"c": [""]}}])
def test_a_value_is_written_as_toml_reads_it(value):
    assert tomllib.loads(f"x = {toml_value(value)}") == {"x": value}


def test_the_settings_of_a_build_are_read_by_path_too(tmp_path):
    assert load_settings(Settings, PRESETS, "tiny") == read_preset("tiny")
