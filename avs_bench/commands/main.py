"""The command `avs-bench`: flags say where, presets say what.

torch takes seconds to import, so each command imports what it runs when it runs.
"""

import click

from avs_bench.commands.evaluate import evaluate
from avs_bench.commands.models import export, models, profile
from avs_bench.commands.predict import predict
from avs_bench.commands.report import report
from avs_bench.commands.train import train

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Train and evaluate audio-visual segmentation models on datasets made by vpo-build."""


for command in (train, evaluate, report, predict, models, profile, export):
    main.add_command(command)
