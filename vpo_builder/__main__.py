"""`python -m vpo_builder build` is `vpo-build`, and `python -m vpo_builder data` is `vpo-data`."""

import click

from vpo_builder.commands.vpo_build import build_command
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.runtime.command_help import CONTEXT, ProgramGroup, examples, version_option


@click.group(
    cls=ProgramGroup,
    context_settings=CONTEXT,
    epilog=examples(
        "The same as vpo-build, and as vpo-data:",
        "python -m vpo_builder build --split ss --out data",
        "python -m vpo_builder data verify data/VPO/VPO-SS",
    ),
)
@version_option()
def main() -> None:
    """Build audio-visual segmentation datasets, check them and show them."""


main.add_command(build_command, "build")
main.add_command(data_command, "data")

if __name__ == "__main__":
    main(prog_name="python -m vpo_builder")
