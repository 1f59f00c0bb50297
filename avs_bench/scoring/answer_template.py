"""The list of what a program is asked to answer, and the empty folder to answer into."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from avs_bench.data.example import AVSDataset
from avs_bench.scoring.answer_files import MANIFEST, AnswerFiles
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.whole_files import write_atomically

HOW = (
    "Write one file for each of `answers` into this folder: `file`, a PNG of 8 bits whose pixels "
    "are indices into `classes`, `width` x `height`; or the same name with .npz and one array, "
    "pred [H, W], probabilities or logits [classes, H, W]. Then run `command`."
)


@dataclass(frozen=True)
class Wanted:
    """One answer: the sample's id, the file's name, and the size of its mask in pixels."""

    id: str
    file: str
    width: int
    height: int


@dataclass(frozen=True)
class Template:
    """Everything that is wanted of a program, for one build of a dataset."""

    dataset: str
    dataset_sha256: str
    subset: Subset
    classes: tuple[str, ...]
    answers: tuple[Wanted, ...]
    command: str
    how: str = HOW
    kind: Literal["avs-bench answers"] = "avs-bench answers"


def write_template(folder: Path, dataset: AVSDataset, subset: Subset, command: str) -> Path:
    """Write the list of what is wanted into a new folder; return the list's path.

    Raises InputError for a folder that holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: holds something already: give a new folder for the answers")
    wanted = tuple(
        Wanted(one.example_id, f"{one.example_id}.png", one.width, one.height)
        for one in dataset.subsets[subset]
    )
    made = Template(dataset.name, dataset.sha256, subset, dataset.classes, wanted, command)
    path = folder / MANIFEST
    write_atomically(path, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return path


def refuse_other_template(files: AnswerFiles, dataset: AVSDataset, subset: Subset) -> None:
    """Raise InputError if answers come with a list that was made for other data."""
    data = files.template()
    if data is None:
        return
    where = files.where(MANIFEST)
    try:
        made = msgspec.json.decode(data, type=Template)
    except BAD_JSON as error:
        raise InputError(f"{where}: not what --template writes: {error}: remove it") from None
    if (made.dataset_sha256, made.subset) != (dataset.sha256, subset):
        raise InputError(
            f"{where}: made for {made.subset} of {made.dataset[:40]} (manifest "
            f"{made.dataset_sha256[:12]}), scored is {subset} of {dataset.name} "
            f"({dataset.sha256[:12]}): give the data that was answered"
        )
