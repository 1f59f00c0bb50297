"""The command `avs-bench embed-sounds`."""

from pathlib import Path

import click

from avs_bench.commands.options import PATH
from avs_bench.runtime.optional_packages import require_torch
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.outside_text import say


@click.command(
    name="embed-sounds",
    epilog=examples(
        "vpo-data export data/VPO/VPO-SS --format vpo-clean --out clean",
        "avs-bench embed-sounds clean --weights vggish-10086976.pth",
        "For AVSBench's own readers of S4 and MS3:",
        "avs-bench embed-sounds avsbench_data --log-mel",
    ),
)
@click.argument("folder", type=PATH)
@click.option("--weights", type=PATH, help="VGGish's, as torchvggish publishes them.")
@click.option(
    "--log-mel", is_flag=True, help="Write audio_log_mel/ of S4 and MS3 instead, as pickles."
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, auto.")
@one_line_errors
def embed_sounds(folder: Path, weights: Path | None, log_mel: bool, device: str) -> None:
    """Write VGGish's embedding of each sound in FOLDER, an export of format vpo-clean, for EASE.

    With --log-mel FOLDER is AVSBench's S4 or MS3, and what its own readers want of each sound is
    written: a pickle, which none of our commands reads.
    """
    require_torch()
    if log_mel == (weights is not None):
        raise InputError("embed-sounds: give either --weights FILE, for embeddings, or --log-mel")
    if weights is None:
        from avs_bench.prediction.log_mels import LOG_MELS, write_log_mels

        written, kept = write_log_mels(folder)
        say(f"{folder}: {written} log-mels written to {LOG_MELS}/, {kept} were there")
        return
    from avs_bench.prediction.sound_embeddings import EMBEDDING, embed_sounds, find_sounds
    from avs_bench.runtime.device import open_device

    sounds = find_sounds(folder)
    loaded = embed_sounds(sounds, weights, open_device(device))
    say(loaded.summary())
    say(f"{folder}: {EMBEDDING} beside each of {len(sounds)} sounds")
