"""Datasets built from the sources of `media.py`, kept for the benchmarks that read them."""

import hashlib
from pathlib import Path

from full_size import benchmark_folder
from measuring import in_silence
from media import media_sources

from vpo_builder.build.build import build
from vpo_builder.build.request import BuildReport, BuildRequest, Sources
from vpo_builder.config import load_config
from vpo_builder.dataset.schema import Split


def build_of(images: int, split: Split, out: Path, overrides: tuple[str, ...] = ()) -> BuildReport:
    """Build a split of so many pictures into `out`, in this process."""
    made = media_sources(images)
    config = load_config("default", overrides)
    request = BuildRequest(split, out, Sources(made.coco, made.vggsound), config)
    with in_silence():
        return build(request)


def kept_build(images: int, split: Split) -> Path:
    """Return the folder of such a dataset, built unless it was before; a finished one is kept."""
    version = hashlib.sha256(Path(__file__).with_name("media.py").read_bytes()).hexdigest()[:12]
    return build_of(images, split, benchmark_folder() / f"built-{version}-{images}").folder
