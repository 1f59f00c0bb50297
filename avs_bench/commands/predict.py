"""The command `avs-bench predict`."""

import shlex
import sys
from pathlib import Path

import click

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.commands.options import LABELS, PATH, PRECISION, hold, model_options
from avs_bench.config import AskedPrecision
from avs_bench.runtime.optional_packages import require_torch
from vpo_builder.runtime.command_help import PresetCommand, examples
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.outside_text import say


@click.command(
    cls=PresetCommand,
    epilog=examples(
        "A video, at its own rate of frames:",
        "avs-bench predict street.mp4 --run run --out predicted --fps native",
        "A picture with a recording; a folder of both under equal names:",
        "avs-bench predict dog.jpg --audio dog.wav --run run --out predicted",
        "avs-bench predict pictures --run run --out predicted",
    ),
)
@click.argument("inputs", nargs=-1, required=True, type=PATH)
@click.option("--out", required=True, type=PATH, help="Folder for masks, overlays and the page.")
@model_options("predicts", LABELS)
@click.option("--audio", type=PATH, help="What is heard with the one picture or video.")
@click.option("--fps", default="1", show_default=True, help="Masks a second, or native.")
@click.option("--long-side", type=click.IntRange(32), help="Pixels the model sees, at most.")
@click.option("--attention", is_flag=True, help="Show the audio-visual attention too.")
@PRECISION
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, auto.")
@one_line_errors
def predict(
    inputs: tuple[Path, ...],
    out: Path,
    choice: ModelChoice,
    audio: Path | None,
    fps: str,
    long_side: int | None,
    attention: bool,
    precision: AskedPrecision | None,
    device: str,
) -> None:
    """Predict what sounds in INPUTS: pictures with a recording, videos, or folders of them.

    A picture is heard with --audio or with the recording beside it that has its name; a video with
    its own sound, of which a mask's model hears the seconds around its frame.
    """
    require_torch()
    from avs_bench.checkpoints.opening import open_model
    from avs_bench.prediction.inputs import read_rate, tasks_of
    from avs_bench.prediction.predict import PAGE, predict_all
    from avs_bench.prediction.segmenter import Segmenter
    from avs_bench.runtime.device import open_device
    from vpo_builder.runtime.progress import say_beside

    tasks = tasks_of(inputs, audio, out, read_rate(fps))
    hold(out)
    opened = open_model(choice, open_device(device)).computing_in(precision)
    if long_side:
        opened = opened.seeing(long_side)
    made = predict_all(
        tasks,
        Segmenter(opened, attention),
        out,
        command=shlex.join(["avs-bench", *sys.argv[1:]]),
        note=say_beside,
    )
    for item in made.items:
        say(f"{item.name}: {', '.join(item.classes) or 'nothing'}")
    say(out / PAGE)
