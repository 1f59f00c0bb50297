"""What a user asks of a build, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vpo_builder.build.supply import FolderSupply, Supply
from vpo_builder.classes import CLASS_TABLE
from vpo_builder.config import BuildConfig
from vpo_builder.dataset.schema import Split
from vpo_builder.publishing.funnel import Funnel
from vpo_builder.runtime.executors import ExecutorKind


@dataclass(frozen=True)
class BuildRequest:
    """What a user asks for: the dataset, and where its sources and its output lie."""

    split: Split
    out: Path
    coco: Path
    vggsound: Path
    config: BuildConfig
    synthetic: bool = False
    seed: int = 0
    workers: int = 1
    executor: ExecutorKind = "local"
    strict: bool = False
    class_table: Path = CLASS_TABLE
    vggsounder: Path | None = None
    vggsound_csv: Path | None = None
    supply: Supply = field(default_factory=FolderSupply)


@dataclass(frozen=True)
class BuildReport:
    """What came of a build; `already_built` when the folder held the dataset before.

    `notes` are lines for a person: what the sources lacked; `complete` is False when a dataset
    rebuilt from its manifest lacks samples.
    """

    folder: Path
    already_built: bool = False
    funnel: Funnel = field(default_factory=dict)
    notes: Sequence[str] = ()
    complete: bool = True
