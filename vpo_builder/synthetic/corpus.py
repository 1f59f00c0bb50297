"""The synthetic corpus as a whole: written once, recognised when it is there."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.own_folders import refuse_content
from vpo_builder.runtime.whole_files import flush, remove_leftovers, state_change, write_atomically
from vpo_builder.synthetic.pictures import write_pictures
from vpo_builder.synthetic.recordings import write_recordings
from vpo_builder.synthetic.scenes import plan_scene

STAMP = "synthetic.json"
BEGUN = ".synthetic-begun.json"
_VERSION = 1
"""Raised whenever the same options give other bytes."""


@dataclass(frozen=True)
class SyntheticCorpus:
    """Two folders that the readers of the real sources can be given."""

    coco: Path
    vggsound: Path


def write_synthetic_corpus(
    folder: Path,
    *,
    images: int = 400,
    seed: int = 0,
    awkward: bool = True,
    clips_per_class: int = 20,
) -> SyntheticCorpus:
    """Write a corpus into `folder` and return where its halves lie.

    A quarter of the `images` is val2017, 30 % of the clips are VGGSound's test split; `awkward`
    adds the cases that `scenes` and `recordings` list. The bytes depend on the options alone, and
    those of one picture or clip on the seed and its number, so a small corpus begins a large one.
    A clip takes 320 kB, a picture 13 kB. A folder that already holds this corpus is left as it
    is. Raises InputError for a number below 1 (clips: 2) and for a folder that holds anything else.
    """
    if images < 1 or clips_per_class < 2 or seed < 0:
        raise InputError(
            f"synthetic corpus: expected images >= 1, clips_per_class >= 2 and seed >= 0, got "
            f"{images}, {clips_per_class} and {seed}"
        )
    corpus = SyntheticCorpus(folder / "coco", folder / "vggsound")
    options = {
        "version": _VERSION, "images": images, "seed": seed, "awkward": awkward,
        "clips_per_class": clips_per_class,
    }  # fmt: skip
    stamp = msgspec.json.encode(options) + b"\n"
    if claim_corpus(folder, stamp):
        return corpus
    scenes = {index: plan_scene(seed, index, awkward=awkward) for index in range(images)}
    write_pictures(corpus.coco, scenes, seed)
    write_recordings(corpus.vggsound, clips_per_class=clips_per_class, seed=seed, awkward=awkward)
    finish_corpus(folder)
    return corpus


def _readable(stamp: bytes) -> str:
    return stamp.decode(errors="replace").strip()


def claim_corpus(folder: Path, stamp: bytes) -> bool:
    """Tell whether the corpus of `stamp` is complete in `folder`; else note that it is begun.

    Raises InputError if the folder holds another one, or anything that no note of ours tells of.
    """
    for path in (folder / STAMP, folder / BEGUN):
        if path.exists():
            _refuse_other(path, stamp)
            remove_leftovers(folder)
            return path.name == STAMP
    refuse_content(
        folder,
        "none of which this program wrote",
        "move them away, or choose another folder",
    )
    write_atomically(folder / BEGUN, stamp, durable=True)
    return False


def finish_corpus(folder: Path) -> None:
    """Make the note of a corpus begun the stamp of one that is complete."""
    (folder / BEGUN).replace(folder / STAMP)
    flush(folder)
    state_change(f"{STAMP} renamed")


def _refuse_other(path: Path, stamp: bytes) -> None:
    found = path.read_bytes()
    if found != stamp:
        raise InputError(
            f"{path.parent}: holds a synthetic corpus of other options, {_readable(found)}, "
            f"expected {_readable(stamp)}: remove the folder or choose another"
        )
