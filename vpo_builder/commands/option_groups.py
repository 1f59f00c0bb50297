"""Commands whose options stand in groups, in their help and in the records that they come as."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vpo_builder.runtime.command_help import PresetCommand

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FILE = click.Path(path_type=Path)


@dataclass(frozen=True)
class OptionGroup:
    """Options that say one thing: a command gets them as one `record`, whose fields they are."""

    title: str
    record: "type[DataclassInstance]"
    example: str
    options: tuple[click.Option, ...]


class GroupedCommand(PresetCommand):
    """A command that takes each group as the argument of the group's name."""

    def __init__(self, *args: Any, groups: Mapping[str, OptionGroup], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [option for group in groups.values() for option in group.options]
        self.groups = groups

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command with a record for each group."""
        for name, group in self.groups.items():
            values = {field.name: ctx.params.pop(field.name) for field in fields(group.record)}
            ctx.params[name] = group.record(**values)
        return super().invoke(ctx)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under the titles of their groups, each with its example."""
        grouped = [option for group in self.groups.values() for option in group.options]
        others = [option for option in self.get_params(ctx) if option not in grouped]
        sections = [(group.title, group.options, group.example) for group in self.groups.values()]
        for title, options, example in [*sections, ("Help", others, "")]:
            rows = [record for option in options if (record := option.get_help_record(ctx))]
            with formatter.section(title):
                formatter.write_dl(rows, col_max=26)
                if example:
                    formatter.write(f"{'':{formatter.current_indent}}For example: {example}\n")
