"""Where a dataset's files lie, computed from ids alone (protocol §2 and §3, layout).

A build writes there, and a manifest that names another place is refused.
"""

from dataclasses import dataclass

from vpo_builder.dataset.schema import Split

MANIFEST = "manifest.jsonl"
META = "manifest.meta.json"
CHECKSUMS = "SHA256SUMS"

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
