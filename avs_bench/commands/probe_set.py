"""The command that writes the sounds of probes for other programs: `avs-bench probe-set`."""

from pathlib import Path

import click

from avs_bench.commands.options import DATA, PATH, listed, subset_option
from avs_bench.names import PROBE_NAMES
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.outside_text import say


@click.command(
    "probe-set",
    epilog=examples(
        "avs-bench probe-set --data data/VPO/VPO-SS --probe silence,noise,off-screen --out asked",
        "Answer asked/silence/*.wav and so on with your program into answers/silence/*.png, then:",
        "avs-bench score answers --data data/VPO/VPO-SS --probe silence,noise,off-screen",
    ),
)
@DATA
@click.option(
    "--probe",
    "probes",
    required=True,
    metavar="NAMES",
    help=f"Of {','.join(PROBE_NAMES)},toward-twin; right-sound writes the pictures' own.",
)
@click.option("--out", required=True, type=PATH, help="Folder for the sounds and their manifest.")
@subset_option("Whose pictures are asked about.")
@click.option("--probe-seed", default=0, show_default=True, help="Chooses the probes' sounds.")
@click.option(
    "--seconds",
    type=click.IntRange(1, 10),
    help="Length of a sound; 3 for pictures and 1 for frames of a video without it.",
)
@click.option(
    "--channels",
    type=click.IntRange(1, 2),
    help="1 mono, 2 panned stereo, which swap-channels needs and so has without it.",
)
@click.option(
    "--frame-step",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.01, 60),
    help="In videos, seconds from one frame's sound to the next one's.",
)
@one_line_errors
def probe_set(
    folder: Path,
    probes: str,
    out: Path,
    subset: Subset,
    probe_seed: int,
    seconds: int | None,
    channels: int | None,
    frame_step: float,
) -> None:
    """Write the sounds that eval --probe lets models hear, as wav for any program.

    OUT/<probe>/<sample id>.wav stands for the picture of that sample; probe-set.json names for
    each file its sample, its sha256, what is heard in it and what the right answer is.
    """
    from avs_bench.data.datasets import read_dataset
    from avs_bench.probes.choice import chosen_probes
    from avs_bench.probes.probe_set import NAME, Hearing, write_probe_set

    chosen = chosen_probes(listed(probes), and_right_sound=True)
    if not chosen:
        raise InputError(f"--probe {probes!r} names none: choose of {', '.join(PROBE_NAMES)}")
    dataset = read_dataset(folder)
    hearing = Hearing(
        seconds or (1 if dataset.videos else 3),
        channels or (2 if any(probe.stereo for probe in chosen) else 1),
        frame_step,
    )
    written = write_probe_set(
        dataset, subset, chosen, hearing, out, seed=probe_seed, label=f"{dataset.name} {subset}"
    )
    for asked in written.probes:
        say(f"{asked.probe}: {asked.sounds} sounds")
    if clipped := sum(sound.clipped > 0 for sound in written.sounds):
        say(
            f"{clipped} sounds are louder than 16 bits hold: their files hold 32-bit floats",
            err=True,
        )
    say(out / NAME)
