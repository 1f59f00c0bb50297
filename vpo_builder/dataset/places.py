"""Where a dataset's files lie, computed from ids alone (protocol §2 and §3, layout).

A build writes there, and a manifest that names another place is refused.
"""

from dataclasses import dataclass
from pathlib import Path

from vpo_builder.dataset.schema import SPLIT_NAMES, SPLITS, Split

MANIFEST = "manifest.jsonl"
META = "manifest.meta.json"
CHECKSUMS = "SHA256SUMS"
REJECTIONS = "rejections.jsonl"

AUDIO_FOLDER = "vggsound_bench/VGGSound/audios"
"""The clips of every VPO split, below the output folder."""
MS_HOME = "../VPO-MS/"
"""Where MSMI, seen from its own folder, reads the pictures that it shares with MS."""
SINGLE_PLUS_AUDIOS = "audios"


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """A sample's id, and the paths of its image and mask relative to the dataset's folder."""

    sample_id: str
    image: str
    mask: str


def dataset_folder(split: Split) -> str:
    """Return a split's folder relative to the output folder."""
    if split == "avsbench-single-plus":
        return "avsbench_data_single_plus"
    return f"VPO/{SPLIT_NAMES[split]}"


def datasets_below(folder: Path) -> list[Path]:
    """Return the finished datasets below an output folder, or beside each other right in it."""
    places = [Path(dataset_folder(split)) for split in SPLITS]
    found = [folder / place for place in places] + [folder / place.name for place in places]
    return [path for path in dict.fromkeys(found) if (path / META).is_file()]


def audio_folder(split: Split) -> str:
    """Return the folder of a split's clips relative to the dataset's folder."""
    return SINGLE_PLUS_AUDIOS if split == "avsbench-single-plus" else f"../../{AUDIO_FOLDER}"


def vpo_files(
    split: Split, image_id: int, category: str, ann_id: int, home: str = ""
) -> SampleFiles:
    """Return the files of a VPO sample; `category` and `ann_id` are its first source's.

    `home` is MS_HOME for what MSMI reads from MS.
    """
    image = sample_id = f"{image_id:012d}"
    folder = ""
    if split == "ss":
        sample_id, folder = f"{image}_{ann_id:012d}", f"{category}/"
    return SampleFiles(
        sample_id, f"{home}data/{folder}{image}.jpg", f"{home}mask/{folder}{sample_id}.png"
    )


def single_plus_files(sample_id: str) -> SampleFiles:
    """Return the files of a frame of AVSBench-Single+."""
    return SampleFiles(sample_id, f"frames/{sample_id}.png", f"labels/{sample_id}.png")
