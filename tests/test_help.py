"""The helps of all commands: a text for every option, examples that parse, and one version."""

import configparser
import importlib
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from avs_bench.commands.main import main as avs_bench
from vpo_builder.__main__ import main as both
from vpo_builder.commands.vpo_build import build_command
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.runtime.version import VERSION

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = {
    "vpo-build": build_command,
    "vpo-data": data_command,
    "avs-bench": avs_bench,
    "python -m vpo_builder": both,
}


def commands(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """Yield a command and all below it, by what one types."""
    yield name, command
    for below in getattr(command, "commands", {}).values():
        yield from commands(f"{name} {below.name}", below)


ALL = dict(pair for name, program in PROGRAMS.items() for pair in commands(name, program))


def help_of(name: str, width: int = 100) -> str:
    program = next(start for start in PROGRAMS if name.startswith(start))
    words = [*name.removeprefix(program).split(), "--help"]
    said = CliRunner().invoke(PROGRAMS[program], words, prog_name=program, terminal_width=width)
    assert said.exit_code == 0, said.output
    return said.stdout


def examples_in(text: str) -> list[str]:
    foot = text.partition("\n  Examples:\n")[2]
    return [line.strip() for line in foot.splitlines() if line.startswith("    ")]


def parse(line: str) -> None:
    """Take an example as its command would, without running it."""
    words = shlex.split(line.partition(" > ")[0])  # what is printed may go into a file
    if words[0] == "torchrun":
        words = ["avs-bench", *words[words.index("avs_bench") + 1 :]]
    program = next(name for name in PROGRAMS if line.startswith(name) or words[0] == name)
    command, rest = PROGRAMS[program], words[len(program.split()) :]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        command, rest = command.commands[rest[0]], rest[1:]
    context = click.Context(command, resilient_parsing=False)
    if rest != ["--help"]:
        command.parse_args(context, rest)


@pytest.mark.parametrize("name", ALL)
def test_every_option_has_a_text_and_every_help_ends_with_examples_that_parse(name: str) -> None:
    for option in ALL[name].params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.opts[0]}"
    shown = examples_in(help_of(name))
    assert shown, f"{name} --help has no examples"
    for line in shown:
        if not line.endswith((":", "?")):
            parse(line)


def test_an_example_that_does_not_parse_is_found() -> None:
    for line in ("vpo-data verify", "avs-bench train --data a --out b --pre c", "vpo-data vet a"):
        with pytest.raises((click.UsageError, KeyError)):
            parse(line)


@pytest.mark.parametrize("width", [60, 100])
def test_presets_are_named_whole_where_one_can_be_given(width: int) -> None:
    assert "avsbench-single-plus: default" in help_of("vpo-build", width)
    for name, command in ALL.items():
        takes = any("--preset" in option.opts for option in command.params)
        presets = help_of(name, width).partition("\n  Presets:\n")[2].partition("\n\n")[0]
        assert bool(presets) == takes, name
        if takes and name.startswith("avs-bench"):
            names = {path.stem for path in (ROOT / "avs_bench" / "presets").glob("[!_]*.toml")}
            assert set(presets.replace(",", " ").split()) == names


@pytest.mark.parametrize("name", PROGRAMS)
def test_there_is_one_version(name: str) -> None:
    said = CliRunner().invoke(PROGRAMS[name], ["--version"], prog_name=name)
    assert said.stdout == f"{name} {VERSION}\n"


def test_the_package_has_the_version_of_the_commands() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    module, _, name = config["metadata"]["version"].removeprefix("attr: ").rpartition(".")
    assert getattr(importlib.import_module(module), name) == VERSION


@pytest.mark.parametrize("words", [("vpo_builder", "data", "-h"), ("avs_bench", "-h")])
def test_the_packages_are_commands_too(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "Commands:" in done.stdout
