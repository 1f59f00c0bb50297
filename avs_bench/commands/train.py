"""The command that trains: `avs-bench train`."""

import json
import os
from pathlib import Path

import click

from avs_bench.commands.options import DATA, DEVICE, PATH, hold, preset_option
from avs_bench.runtime.optional_packages import require_torch
from vpo_builder.runtime.command_help import PresetCommand, examples
from vpo_builder.runtime.errors import InputError, one_line_errors


@click.command(
    cls=PresetCommand,
    epilog=examples(
        "In two minutes on a processor, to try it:",
        "avs-bench train --preset tiny --data data/VPO/VPO-SS --out run",
        "Another seed, fewer epochs; a run that was stopped goes on:",
        "avs-bench train --preset tiny --data data/VPO/VPO-SS --out run-1 --set train.seed=1",
        "avs-bench train --data data/VPO/VPO-SS --out run-1 --resume",
        "A published row, from the weights that its authors began with, on four GPUs:",
        "torchrun --nproc-per-node 4 -m avs_bench train --preset cavp-deeplabv3plus-r50 "
        "--data data/VPO/VPO-SS --out cavp --weights resnet50.pth",
    ),
)
@preset_option("What to train, see below; required unless a run is resumed.")
@DATA
@click.option("--out", required=True, type=PATH, help="Folder of the run.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting of the preset, such as train.seed=1; repeatable.",
)
@click.option(
    "--holdout-classes", "held_out", metavar="A,B", help="Classes left out of train and val."
)
@click.option(
    "--select-on-test-as-published",
    "on_test",
    is_flag=True,
    help="Choose the best epoch on TEST, for comparison with published figures only.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out where it was stopped.")
@click.option("--weights", multiple=True, type=PATH, help="Begin with: file or hf:…; repeatable.")
@click.option("--partial-weights", is_flag=True, help="Load what fits of --weights.")
@click.option("--tensorboard", is_flag=True, help="Write event files for TensorBoard too.")
@DEVICE
@one_line_errors
def train(
    preset: str | None,
    folder: Path,
    out: Path,
    overrides: tuple[str, ...],
    held_out: str | None,
    on_test: bool,
    resume: bool,
    weights: tuple[Path, ...],
    partial_weights: bool,
    tensorboard: bool,
    device: str,
) -> None:
    """Train a model into --out: config.json, history.jsonl, last.pt and best.pt."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # else dozens of lines for a lost process
    require_torch()
    from tqdm import tqdm

    from avs_bench.config import AS_PUBLISHED, PRESETS, read_preset
    from avs_bench.data.datasets import read_dataset
    from avs_bench.runtime.device import open_device
    from avs_bench.runtime.processes import joined_processes
    from avs_bench.training.endings import StoppedError
    from avs_bench.training.fit import fit
    from avs_bench.training.run_folder import stored_settings
    from vpo_builder.runtime.settings import preset_names

    if held_out is not None:
        names = [name.strip() for name in held_out.split(",")]
        overrides += (f"train.holdout_classes={json.dumps(names)}",)  # a TOML array as well
    if on_test:
        overrides += (f"train.selection={AS_PUBLISHED}",)
    if preset is None and (overrides or not resume):
        raise InputError(
            f"--preset is missing: give one of {', '.join(preset_names(PRESETS))} "
            "(only --resume without --set can do without)"
        )
    opened = open_device(device)
    with joined_processes(opened) as processes:
        settings = stored_settings(out) if preset is None else read_preset(preset, overrides)
        if processes.leads:
            hold(out)
        try:
            fit(
                settings,
                read_dataset(folder),
                out,
                device=opened,
                resume=resume,
                weights=weights,
                partial_weights=partial_weights,
                tensorboard=tensorboard,
                announce=tqdm.write,  # which a bar on the terminal makes room for
                processes=processes,
            )
        except StoppedError as stopped:
            if processes.leads:
                click.echo(f"{out}: {stopped}", err=True)
            raise SystemExit(stopped.exit_code) from None
