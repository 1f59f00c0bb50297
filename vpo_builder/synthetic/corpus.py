"""The synthetic corpus as a whole: written once, recognised when it is there."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import write_atomically
from vpo_builder.synthetic.pictures import write_pictures
from vpo_builder.synthetic.recordings import write_recordings

STAMP = "synthetic.json"
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
    is. Raises InputError for a number below 1 (clips: 2) and for a folder that holds another one.
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
    if holds_corpus(folder, stamp):
        return corpus
    write_pictures(corpus.coco, images=images, seed=seed, awkward=awkward)
    write_recordings(corpus.vggsound, clips_per_class=clips_per_class, seed=seed, awkward=awkward)
    write_atomically(folder / STAMP, stamp, durable=True)
    return corpus


def _readable(stamp: bytes) -> str:
    return stamp.decode(errors="replace").strip()


def holds_corpus(folder: Path, stamp: bytes) -> bool:
    """Tell whether the corpus of `stamp` is complete in `folder`.

    Raises InputError if it holds another one.
    """
    path = folder / STAMP
    if not path.exists():
        return False
    found = path.read_bytes()
    if found != stamp:
        raise InputError(
            f"{folder}: holds a synthetic corpus of other options, {_readable(found)}, expected "
            f"{_readable(stamp)}: remove the folder or choose another"
        )
    return True
