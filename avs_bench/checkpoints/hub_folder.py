"""A model as a hub keeps it: weights as safetensors, and beside them what they are, as json.

The folder that `avs-bench convert` writes opens as a run's checkpoint does, from disk or from a
hub. Nothing in it can run code.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from safetensors.torch import save

from avs_bench.checkpoints.run_checkpoint import Checkpoint, Origin
from avs_bench.checkpoints.state_dicts import read_state_dict
from avs_bench.config import Settings
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.own_folders import refuse_content
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.settings import from_tree, to_tree
from vpo_builder.runtime.whole_files import write_atomically

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
KIND = "avs-bench model"
FORMAT = 1
LARGEST_CONFIG = 10_000_000


@dataclass(frozen=True)
class HubConfig:
    """What the weights are: all of a checkpoint but its tensors, and their file's sha256."""

    settings: dict[str, Any]
    classes: tuple[str, ...]
    dataset: str
    manifest_sha256: str
    epochs: int
    weights_sha256: str
    kind: str = KIND
    format: int = FORMAT


def write_hub_model(folder: Path, checkpoint: Checkpoint) -> HubConfig:
    """Write weights and config into a folder; return the latter. Equal checkpoints, equal bytes."""
    # Tensors that share memory would be refused: each gets its own.
    state = {name: value.clone().contiguous() for name, value in checkpoint.model.items()}
    weights = save(state, metadata={"format": "pt"})
    write_atomically(folder / WEIGHTS, weights)
    origin = checkpoint.origin
    config = HubConfig(
        settings=to_tree(origin.settings),
        classes=origin.classes,
        dataset=origin.dataset,
        manifest_sha256=origin.manifest_sha256,
        epochs=checkpoint.epochs,
        weights_sha256=hashlib.sha256(weights).hexdigest(),
    )
    content = msgspec.json.format(msgspec.json.encode(config), indent=2)
    write_atomically(folder / CONFIG, content + b"\n")
    return config


def refuse_other_folder(folder: Path) -> None:
    """Raise InputError unless a folder is absent, empty, or holds what was converted alone.

    What else lies there, such as the history of a clone of the hub's, would be lost.
    """
    ours = frozenset[str]()
    if (folder / CONFIG).is_file():
        read_config(folder / CONFIG)
        scores = (path.name for path in folder.glob("scores-*.json"))
        ours = frozenset({WEIGHTS, CONFIG, CARD, *scores})
    expected = "expected an empty folder or one that avs-bench convert wrote"
    refuse_content(folder, expected, "give another --hub-folder", ours=ours)


def read_hub_model(path: Path) -> Checkpoint:
    """Return the weights at `path` with the config beside them; raise InputError for others."""
    where = path.with_name(CONFIG)
    if not path.is_file():
        raise InputError(f"{path}: no such file: expected weights as .safetensors")
    if not where.is_file():
        raise InputError(
            f"{path}: no {CONFIG} of avs-bench convert beside it, so nothing says what model it "
            "is: give --model NAME or --preset NAME"
        )
    config = read_config(where)
    if config.weights_sha256 != _sha256(path):
        raise InputError(
            f"{path}: its sha256 is not that in {CONFIG} beside it: the two are of different "
            "models, or one was edited; get both again"
        )
    settings = from_tree(Settings, config.settings, str(where))
    origin = Origin(settings, config.classes, config.dataset, config.manifest_sha256)
    return Checkpoint(origin, config.epochs, read_state_dict(path), {}, str(path))


def read_config(path: Path) -> HubConfig:
    """Return a config; raise InputError for anything that `write_hub_model` has not written."""
    try:
        content = msgspec.json.decode(read_regular(path, LARGEST_CONFIG), type=dict[str, Any])
        if (content.get("kind"), content.get("format")) != (KIND, FORMAT):
            raise InputError(
                f"{path}: not written by avs-bench convert of this version (format {FORMAT}): "
                "give --model NAME or --preset NAME for the weights beside it"
            )
        return msgspec.convert(content, HubConfig)
    except (OSError, *BAD_JSON) as error:
        raise InputError(f"{path}: no config of a model: {error}: get it again") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
