"""Which label of VGGSound means the same as one of another set."""

import functools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from vpo_builder.sources.vggsound import known_labels

TABLE = Path(__file__).with_suffix(".toml")


@functools.cache
def equivalents(vocabulary: Literal["audioset", "esc50"]) -> Mapping[str, str]:
    """Return VGGSound's label for each label of a set that has one, by the label in small."""
    table: dict[str, dict[str, str]] = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    same = {label.lower(): label for label in known_labels()}
    return same | {label.lower(): ours for label, ours in table[vocabulary].items()}


def audioset_name(label: str) -> str:
    """Return AudioSet's name of a label of FSD50K."""
    return label.replace("_and_", ", ").replace("_", " ")
