"""The command `avs-bench`: flags say where, presets say what.

torch takes seconds to import, so each command imports what it runs when it runs.
"""

from pathlib import Path

import click

from avs_bench import model_commands
from avs_bench.extras import require_torch
from vpo_builder.errors import InputError, one_line_errors
from vpo_builder.schema import SUBSETS, Subset

PATH = click.Path(path_type=Path)
DATA = click.option(
    "--data", "folder", required=True, type=PATH, help="Built dataset, e.g. data/VPO/VPO-SS."
)
DEVICE = click.option(
    "--device", default="auto", show_default=True, help="cpu, cuda, cuda:1; auto: a GPU if any."
)
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
def main() -> None:
    """Train and evaluate audio-visual segmentation models on datasets made by vpo-build."""


@main.command()
@click.option("--preset", help="What to train; required unless a run is resumed.")
@DATA
@click.option("--out", required=True, type=PATH, help="Folder of the run.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a setting of the preset."
)
@click.option("--resume", is_flag=True, help="Go on with the run in --out where it was stopped.")
@DEVICE
@one_line_errors
def train(
    preset: str | None,
    folder: Path,
    out: Path,
    overrides: tuple[str, ...],
    resume: bool,
    device: str,
) -> None:
    """Train a model into --out: config.json, history.jsonl, last.pt and best.pt."""
    require_torch()
    from tqdm import tqdm

    from avs_bench.config import PRESETS, read_preset
    from avs_bench.data.vpo import read_vpo
    from avs_bench.device import open_device
    from avs_bench.training.fit import fit
    from avs_bench.training.run_folder import stored_settings
    from vpo_builder.settings import preset_names

    if preset is None and (overrides or not resume):
        raise InputError(
            f"--preset is missing: give one of {', '.join(preset_names(PRESETS))} "
            "(only --resume without --set can do without)"
        )
    settings = stored_settings(out) if preset is None else read_preset(preset, overrides)
    fit(
        settings,
        read_vpo(folder),
        out,
        device=open_device(device),
        resume=resume,
        announce=tqdm.write,  # which a bar on the terminal makes room for
    )


@main.command("eval")
@click.option("--run", "run", type=PATH, help="Folder of a run: its best.pt is evaluated.")
@click.option("--checkpoint", type=PATH, help="A checkpoint file instead.")
@DATA
@click.option("--subset", type=click.Choice(SUBSETS), default="test", show_default=True)
@DEVICE
@one_line_errors
def evaluate_command(
    run: Path | None, checkpoint: Path | None, folder: Path, subset: Subset, device: str
) -> None:
    """Score a model on a subset; the counts are stored beside its checkpoint."""
    require_torch()
    from avs_bench.data.vpo import read_vpo
    from avs_bench.device import open_device
    from avs_bench.evaluation import score_checkpoint
    from avs_bench.report import markdown, write_report

    path = run / "best.pt" if run else checkpoint
    if path is None or (run and checkpoint):
        raise InputError("eval: give either --run FOLDER or --checkpoint FILE")
    report = score_checkpoint(path, read_vpo(folder), subset, open_device(device))
    stored = write_report(path.parent, report)
    click.echo(markdown([(path.parent.name, report)]))
    click.echo(f"\n{stored}")


@main.command()
@click.argument("runs", nargs=-1, required=True, type=PATH)
@one_line_errors
def report(runs: tuple[Path, ...]) -> None:
    """Print a Markdown table of everything the RUNS were scored on, with a csv per class."""
    from avs_bench.report import markdown, read_reports, write_per_class

    reports = [(run, one) for run in runs for one in read_reports(run)]
    click.echo(markdown([(run.name, one) for run, one in reports]))
    click.echo()
    for run, one in reports:
        path = run / f"per-class-{one.file_stem}.csv"
        write_per_class(path, run.name, one)
        click.echo(f"Per class: {path}")


for command in (model_commands.models, model_commands.profile, model_commands.export):
    main.add_command(command)
