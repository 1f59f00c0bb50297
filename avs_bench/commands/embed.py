"""The command `avs-bench embed-sounds`."""

from pathlib import Path

import click

from avs_bench.commands.options import PATH
from avs_bench.runtime.optional_packages import require_torch
from vpo_builder.runtime.command_help import examples
from vpo_builder.runtime.errors import one_line_errors
from vpo_builder.runtime.outside_text import say


@click.command(
    name="embed-sounds",
    epilog=examples(
        "vpo-data export data/VPO/VPO-SS --format vpo-clean --out clean",
        "avs-bench embed-sounds clean --weights vggish-10086976.pth",
    ),
)
@click.argument("folder", type=PATH)
@click.option(
    "--weights", required=True, type=PATH, help="VGGish's, as torchvggish publishes them."
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, auto.")
@one_line_errors
def embed_sounds(folder: Path, weights: Path, device: str) -> None:
    """Write VGGish's embedding of each sound in FOLDER, an export of format vpo-clean, for EASE."""
    require_torch()
    from avs_bench.prediction.sound_embeddings import EMBEDDING, embed_sounds, find_sounds
    from avs_bench.runtime.device import open_device

    sounds = find_sounds(folder)
    loaded = embed_sounds(sounds, weights, open_device(device))
    say(loaded.summary())
    say(f"{folder}: {EMBEDDING} beside each of {len(sounds)} sounds")
