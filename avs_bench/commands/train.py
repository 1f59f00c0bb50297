"""The command that trains: `avs-bench train`."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

from avs_bench.commands.options import DATA, DEVICE, PATH, hold, preset_option
from avs_bench.config import AS_PUBLISHED
from avs_bench.runtime.optional_packages import require_torch
from vpo_builder.runtime.command_help import PresetCommand, examples
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.settings import toml_value


@click.command(
    cls=PresetCommand,
    epilog=examples(
        "In two minutes on a processor, to try it:",
        "avs-bench train --preset tiny --data data/VPO/VPO-SS --out run",
        "Another seed, fewer epochs; a run that was stopped goes on:",
        "avs-bench train --preset tiny --data data/VPO/VPO-SS --out run-1 --set train.seed=1",
        "avs-bench train --data data/VPO/VPO-SS --out run-1 --resume",
        "Your own model, MODULE:NAME, in this folder or installed; see docs/your-model.md:",
        "avs-bench train --model my_pkg.my_model:build --data data/VPO/VPO-SS --out mine",
        "A published row, from the weights that its authors began with, on four GPUs:",
        "torchrun --nproc-per-node 4 -m avs_bench train --preset cavp-deeplabv3plus-r50 "
        "--data data/VPO/VPO-SS --out cavp --weights resnet50.pth",
    ),
)
@preset_option("What to train, see below; required unless a run is resumed or a --model given.")
@click.option("--model", metavar="MODULE:NAME", help="A model of your own, in the preset's place.")
@click.option(
    "--loss", metavar="MODULE:NAME", help="A loss of your own in that of the masks' place."
)
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
    model: str | None,
    loss: str | None,
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

    from avs_bench.data.datasets import read_dataset
    from avs_bench.runtime.device import open_device
    from avs_bench.runtime.processes import joined_processes
    from avs_bench.training.asked import asked_settings
    from avs_bench.training.endings import StoppedError
    from avs_bench.training.fit import fit
    from avs_bench.training.own import own_by_name

    overrides += tuple(_settings_of(held_out, on_test))
    opened = open_device(device)
    with joined_processes(opened) as processes:
        dataset, own = read_dataset(folder), own_by_name(model, loss)
        settings = asked_settings(
            out,
            len(dataset.classes),
            preset=preset,
            overrides=overrides,
            resume=resume,
            own=own,
        )
        if processes.leads:
            hold(out)
        try:
            fit(
                settings,
                dataset,
                out,
                device=opened,
                resume=resume,
                weights=weights,
                partial_weights=partial_weights,
                tensorboard=tensorboard,
                announce=tqdm.write,  # which a bar on the terminal makes room for
                processes=processes,
                own=own,
            )
        except StoppedError as stopped:
            if processes.leads:
                click.echo(f"{out}: {stopped}", err=True)
            raise SystemExit(stopped.exit_code) from None


def _settings_of(held_out: str | None, on_test: bool) -> Iterator[str]:
    """Yield the settings that have a flag of their own."""
    if held_out is not None:
        names = [name.strip() for name in held_out.split(",")]
        yield f"train.holdout_classes={toml_value(names)}"
    if on_test:
        yield f"train.selection={AS_PUBLISHED}"
