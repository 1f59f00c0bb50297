"""The command that makes a folder for a model hub: `avs-bench convert`."""

import re
from pathlib import Path

import click

from avs_bench.commands.options import PATH
from avs_bench.runtime.optional_packages import require_torch
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.outside_text import say


@click.command(
    epilog=examples(
        "avs-bench convert --run run --hub-folder tiny-vpo-ss --licence mit",
        "The folder opens by itself, and uploaded by its address:",
        "avs-bench eval --weights tiny-vpo-ss/model.safetensors --data data/VPO/VPO-SS",
        "avs-bench eval --weights hf:ORG/NAME/model.safetensors --data data/VPO/VPO-SS",
    )
)
@click.option("--run", "run", type=PATH, help="Folder of a run: its best.pt is converted.")
@click.option("--checkpoint", type=PATH, help="A checkpoint of a run instead.")
@click.option("--model", metavar="MODULE:NAME", help="Your own code that it was trained with.")
@click.option("--hub-folder", "out", required=True, type=PATH, help="The folder to write.")
@click.option("--licence", "--license", default="", help="Named in the card, as the hub spells it.")
@one_line_errors
def convert(
    run: Path | None, checkpoint: Path | None, model: str | None, out: Path, licence: str
) -> None:
    """Write a run's model as a hub keeps one: model.safetensors, config.json and a card.

    The card has the scores that lie beside the checkpoint, with the hash of each dataset; their
    counts are copied too. Nothing is uploaded: `hf upload ORG/NAME OUT` does that.
    """
    require_torch()
    import torch

    from avs_bench.checkpoints.hub_folder import CARD, refuse_other_folder, write_hub_model
    from avs_bench.checkpoints.run_checkpoint import read_checkpoint, trained_model
    from avs_bench.models.own import own_model
    from avs_bench.report.model_card import model_card
    from avs_bench.results.files import results_of, write_result
    from vpo_builder.runtime.whole_files import write_atomically
    from vpo_builder.runtime.whole_folders import atomic_folder

    if (run is None) == (checkpoint is None):
        raise InputError("convert: give either --run FOLDER or --checkpoint FILE")
    if licence and not re.fullmatch(r"[a-z0-9][a-z0-9.-]{0,60}", licence):
        raise InputError(f"--licence {licence!r}: expected a hub's name of one, such as mit")
    path = checkpoint or (run or Path()) / "best.pt"
    read = read_checkpoint(path)
    own = own_model(model) if model else None
    trained_model(read, torch.device("cpu"), own)  # refuses weights that are not the model's
    refuse_other_folder(out)
    results = results_of(path)
    with atomic_folder(out) as fresh:
        config = write_hub_model(fresh, read)
        for result in results:
            write_result(fresh, result)
        write_atomically(fresh / CARD, model_card(config, results, licence).encode())
    scored = ", ".join(f"{result.dataset} {result.subset}" for result in results)
    say(f"{out}: {config.settings['model']['name']}, scored on {scored or 'nothing yet'}")
