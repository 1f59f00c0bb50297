"""For mkdocs: pages made of the program itself, the helps of its commands and its settings."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from avs_bench.commands.main import main as avs_bench
from vpo_builder.commands.vpo_build import build_command
from vpo_builder.commands.vpo_data import data_command

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = {"vpo-build": build_command, "vpo-data": data_command, "avs-bench": avs_bench}
SETTINGS = {
    "build-settings": ("Settings of a build", "vpo_builder/presets"),
    "training-settings": ("Settings of a training", "avs_bench/presets"),
}
WIDTH = 96
PRESET = re.compile(r"\.\./(vpo_builder|avs_bench)/presets/([\w/-]+)\.toml")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each program and each kind of settings."""
    pages = {name: help_page(name, program) for name, program in PROGRAMS.items()}
    pages |= {name: settings_page(title, ROOT / at) for name, (title, at) in SETTINGS.items()}
    for name, text in pages.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, **_kwargs: object) -> str:
    """Let links to the files of presets, which whoever reads the checkout follows, stay here."""
    pages = {at.partition("/")[0]: name for name, (_, at) in SETTINGS.items()}
    return PRESET.sub(lambda m: f"reference/{pages[m[1]]}.md#{_anchor(m[2])}", markdown)


def _anchor(name: str) -> str:
    return name.replace("/", "-")


def help_page(name: str, program: click.Command) -> str:
    """Return the helps of a program and of all commands below it."""
    parts = [f"# {name}"]
    for called, command, context in _commands(name, program, None):
        title = [] if command is program else [f"## {called}"]
        parts += [*title, f"```text\n{command.get_help(context)}\n```"]
    return "\n\n".join(parts) + "\n"


def _commands(
    name: str, command: click.Command, above: click.Context | None
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(command, above, info_name=name, terminal_width=WIDTH)
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            yield from _commands(below, command.commands[below], context)


def settings_page(title: str, folder: Path) -> str:
    """Return all presets of a folder as they are, with the reason beside each setting."""
    parts = [f"# {title}"]
    for path in sorted(folder.rglob("*.toml")):
        name = path.relative_to(folder).with_suffix("").as_posix()
        parts += [
            f"## {name} {{#{_anchor(name)}}}",
            f"```toml\n{path.read_text(encoding='utf-8').rstrip()}\n```",
        ]
    return "\n\n".join(parts) + "\n"
