"""The command `avs-bench`: flags say where, presets say what.

torch takes seconds to import, so each command imports what it runs when it runs.
"""

import click

from avs_bench.commands.board import board
from avs_bench.commands.convert import convert
from avs_bench.commands.embed import embed_sounds
from avs_bench.commands.evaluate import evaluate
from avs_bench.commands.models import export, models, profile
from avs_bench.commands.predict import predict
from avs_bench.commands.presets import presets
from avs_bench.commands.probe_set import probe_set
from avs_bench.commands.report import report
from avs_bench.commands.robust import robust
from avs_bench.commands.score import score
from avs_bench.commands.train import train
from vpo_builder.runtime.command_help import CONTEXT, ProgramGroup, examples, version_option


@click.group(
    cls=ProgramGroup,
    context_settings=CONTEXT,
    epilog=examples(
        "From a dataset to a table:",
        "avs-bench train --preset tiny --data data/VPO/VPO-SS --out run",
        "avs-bench eval --run run --data data/VPO/VPO-SS",
        "avs-bench report run",
    ),
)
@version_option()
def main() -> None:
    """Train and evaluate audio-visual segmentation models on datasets made by vpo-build."""


for command in (
    *(train, evaluate, score, probe_set, robust, report, board),
    *(predict, models, presets, profile, export, convert, embed_sounds),
):
    main.add_command(command)
