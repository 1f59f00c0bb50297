"""What the helps of all commands share: their width, --version, presets, examples at the foot."""

import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.version import VERSION

MARGIN = " " * 4
F = TypeVar("F", bound=Callable[..., Any])
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def version_option() -> Callable[[F], F]:
    """Return the option --version of one program, which says the name that it is run by."""
    return click.version_option(VERSION, message="%(prog)s %(version)s")


def examples(*lines: str) -> str:
    """Return the foot of a help: commands, and, ending in ":" or "?", what those below do."""
    indented = (f"{MARGIN[:2] if line.endswith((':', '?')) else MARGIN}{line}" for line in lines)
    return "\n".join(["\b", "Examples:", *indented])


class Program(click.Command):
    """A command that is started by its own name: one line for all that it cannot be asked."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run it as click does."""
        one_line_errors(super().main)(*args, **kwargs)

    def make_context(self, info_name: str | None, *args: Any, **kwargs: Any) -> click.Context:
        """Read what was asked as click does."""
        try:
            return super().make_context(info_name, *args, **kwargs)
        except click.UsageError as error:
            raise _in_one_line(error, info_name or "") from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked as click does; a group reads here what its command was asked."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _in_one_line(error, f"{ctx.command_path} {ctx.invoked_subcommand}") from None


class ProgramGroup(Program, click.Group):
    """A program of several commands."""


def _in_one_line(error: click.UsageError, asked: str) -> Exception:
    """Return one line for what click prints as three; a group asked for nothing shows its help."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error
    asked = error.ctx.command_path if error.ctx else asked
    return InputError(f"{asked}: {error.format_message().removesuffix('.')}: see {asked} --help")


class PresetOption(click.Option):
    """The option `--preset`: `folders` gives the folders of its presets, each after a title."""

    def __init__(
        self, *args: Any, folders: Callable[[], Mapping[str, Path]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.folders = folders


class PresetCommand(Program):
    """A command whose help names the presets that it has; they are looked up as it is shown."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the presets' names, whole, and then the foot."""
        from vpo_builder.runtime.settings import preset_names

        for option in self.params:
            if isinstance(option, PresetOption):
                formatter.write("\n  Presets:\n")
                for title, folder in option.folders().items():
                    text = f"{title}{', '.join(preset_names(folder))}"
                    filled = textwrap.fill(
                        text,
                        formatter.width,
                        initial_indent=MARGIN,
                        subsequent_indent=MARGIN,
                        break_on_hyphens=False,
                    )
                    formatter.write(f"{filled}\n")
        super().format_epilog(ctx, formatter)
