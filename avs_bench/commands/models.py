"""The commands about models themselves: `avs-bench models`, `profile` and `export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.commands.options import CLASSES, PATH, model_options
from avs_bench.config import AskedPrecision
from avs_bench.runtime.optional_packages import require, require_torch
from vpo_builder.runtime.command_help import PresetCommand, examples
from vpo_builder.runtime.errors import InputError, one_line_errors

if TYPE_CHECKING:
    from avs_bench.models.profiling import Timing


@click.group(
    invoke_without_command=True,
    epilog=examples(
        "avs-bench models", "avs-bench models convert official.pth official.safetensors"
    ),
)
@click.pass_context
@one_line_errors
def models(context: click.Context) -> None:
    """List every model: size, cost, input and the published row it repeats."""
    if context.invoked_subcommand is not None:
        return
    require_torch()
    from avs_bench.checkpoints.catalogue import markdown, rows
    from avs_bench.checkpoints.published_files import START_FILES, WHOLE_MODELS, listed_starts

    listed = rows()
    click.echo(markdown(listed))
    click.echo(
        "\nin use: parameters that a forward pass reads; frozen: the VGGish among them; dead: what "
        "only the published checkpoint holds; published: in use and dead; quoted: by the paper.\n"
        "GFLOPs: one item's forward pass, a multiplication and an addition counting two.\n"
        "paper: mIoU in per cent as published, every table by its own rules.\n\n"
        "What the published rows begin with (avs-bench train --weights FILE, once for each):"
    )
    for row in listed:
        if row.starts:
            click.echo(f"  {row.name}: {listed_starts(row.starts.items())}")
    click.echo("\nThese files:")
    for file in START_FILES.values():
        click.echo(f"  {file}")
    click.echo("\nOfficial weights of whole models (avs-bench loads them by their own names):")
    for what, where in WHOLE_MODELS.items():
        click.echo(f"  {what}: {where}")


@models.command(epilog=examples("avs-bench models convert official.pth official.safetensors"))
@click.argument("source", type=PATH)
@click.argument("target", type=PATH)
@one_line_errors
def convert(source: Path, target: Path) -> None:
    """Write the state dict in SOURCE as safetensors to TARGET, names unchanged."""
    require_torch()
    from avs_bench.checkpoints.state_dicts import convert_to_safetensors

    click.echo(f"{target}: {convert_to_safetensors(source, target)} tensors")


@click.command(
    cls=PresetCommand,
    epilog=examples(
        "A preset's model; the best epoch of a run, on a GPU:",
        "avs-bench profile --preset tiny --train --batch 4",
        "avs-bench profile --run run --device cuda --precision bf16",
    ),
)
@model_options("is measured", CLASSES, needs_weights=False)
@click.option(
    "--batch", default=1, show_default=True, type=click.IntRange(1), help="Pictures at once."
)
@click.option(
    "--repeats", default=20, show_default=True, type=click.IntRange(2), help="Passes measured."
)
@click.option("--train", "training", is_flag=True, help="Time a training step too.")
@click.option("--channels-last", is_flag=True, help="Maps as [B, H, W, C] in memory.")
@click.option("--compile", "compiled", is_flag=True, help="Run through torch.compile.")
@click.option(
    "--precision",
    type=click.Choice(get_args(AskedPrecision)),
    default="fp32",
    show_default=True,
    help="Of products and convolutions; weights stay in 32 bits.",
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, auto.")
@one_line_errors
def profile(
    choice: ModelChoice,
    batch: int,
    repeats: int,
    training: bool,
    channels_last: bool,
    compiled: bool,
    precision: AskedPrecision,
    device: str,
) -> None:
    """Measure a model's parameters, FLOPs, latency and peak memory."""
    require_torch()
    from avs_bench.checkpoints.catalogue import count_flops, dead_of
    from avs_bench.checkpoints.opening import open_model
    from avs_bench.models import profiling
    from avs_bench.models.execution import Execution
    from avs_bench.runtime.device import open_device

    if training and batch == 1:
        raise InputError("--train needs --batch 2 or more: BatchNorm has no statistics of one item")
    opened = open_model(choice, open_device(device))
    model = opened.module
    images, sounds = opened.needs.example(batch, opened.device)
    flops = count_flops(model, images, sounds)
    execution = Execution(channels_last, compiled, precision).on(opened.device)
    measured = profiling.profile(
        model, images, sounds, execution, repeats=repeats, training=training
    )
    parameters, dead = sum(p.numel() for p in model.parameters()), dead_of(opened.name, model)
    published = f", {(parameters + dead) / 1e6:.3f} M with the published file's dead ones"
    _echo_lines(
        model=f"{opened.name}, {parameters / 1e6:.3f} M parameters{published if dead else ''}",
        input=f"images {list(images.shape)}, spectrograms {list(sounds.shape)}",
        flops=f"{flops / 1e9:.2f} G a forward pass",
        device=measured.device,
        execution=execution.said(opened.device),
        forward=_shown(measured.forward),
        training_step=_shown(measured.training_step),
        peak_memory=_mebibytes(measured.peak_memory_mib),
    )


@click.command(
    cls=PresetCommand,
    epilog=examples(
        "avs-bench export --run run --onnx model.onnx",
        "avs-bench export --preset tiny --classes 22 --onnx fresh.onnx",
    ),
)
@model_options("is written", CLASSES, needs_weights=False)
@click.option("--onnx", "path", required=True, type=PATH, help="The file to write.")
@one_line_errors
def export(
    choice: ModelChoice,
    path: Path,
) -> None:
    """Write a model as ONNX and hold it against onnxruntime."""
    require_torch()
    require(("onnx", "onnxscript", "onnxruntime"), "avs-bench export", "pip install .[onnx]")
    import torch

    from avs_bench.checkpoints.opening import open_model
    from avs_bench.models.exporting import export_onnx

    opened = open_model(choice, torch.device("cpu"))
    for loaded in opened.loaded:
        click.echo(loaded.summary())
    if not opened.files:
        click.echo("no --weights given: the file will hold random ones", err=True)
    difference = export_onnx(opened.module, path, *opened.needs.example(1))
    click.echo(f"{path}: onnxruntime's logits within {difference:.1e} standard deviations")


def _shown(timing: Timing | None) -> str:
    if timing is None:
        return "not timed (--train)"
    return f"{timing.median:.1f} ms, 80 % within {timing.low:.1f} to {timing.high:.1f} ms"


def _mebibytes(amount: float | None) -> str:
    return "unknown here" if amount is None else f"{amount:.0f} MiB"


def _echo_lines(**lines: str) -> None:
    for title, value in lines.items():
        click.echo(f"{title.replace('_', ' '):14} {value}")
