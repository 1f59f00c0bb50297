"""What a user asks of a build, as one record, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from vpo_builder.build.supply import FolderSupply, Supply
from vpo_builder.classes import CLASS_TABLE
from vpo_builder.config import BuildConfig, ImportConfig, SinglePlusConfig
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.places import dataset_folder
from vpo_builder.dataset.schema import Split
from vpo_builder.publishing.funnel import Funnel
from vpo_builder.runtime.executors import ExecutorKind
from vpo_builder.sources.side_files import NO_SIDE_FILES, SideFiles

Config_co = TypeVar(
    "Config_co", bound=BuildConfig | SinglePlusConfig | ImportConfig, covariant=True
)


@dataclass(frozen=True)
class PublishedCopy:
    """A published copy of VPO to import; its recordings may lie elsewhere, its files be linked."""

    folder: Path
    audio: Path | None = None
    link: bool = True


@dataclass(frozen=True)
class Sources:
    """Where a dataset's sources lie; a folder is None where the user gives none.

    `images` lists other pictures and masks than COCO's, beside them or instead; `sounds` are other
    lists of recordings than VGGSound's, beside it or instead. `vggsound_csv` is given if VGGSound's
    csv lies elsewhere than beside its recordings; `exclude` lists published samples whose pictures
    may be in test alone; `synthetic` tells that the folders hold the embedded corpus.
    """

    coco: Path | None = None
    vggsound: Path | None = None
    avsbench: Path | None = None
    vggsounder: Path | None = None
    class_table: Path = CLASS_TABLE
    vggsound_csv: Path | None = None
    published_copy: PublishedCopy | None = None
    exclude: Path | None = None
    images: Path | None = None
    synthetic: bool = False
    sounds: tuple[Path, ...] = ()

    @property
    def wants_vggsound(self) -> bool:
        """Whether VGGSound is among the recordings: it is unless there are only others."""
        return self.vggsound is not None or not self.sounds


def needed(folder: Path | None) -> Path:
    """Return a source's folder: whoever builds from it has made sure that there is one."""
    assert folder is not None, "a build begins when its sources are complete"
    return folder


@dataclass(frozen=True)
class Work:
    """How the work is done: in how many processes, of whom, and whether damage stops it.

    `side_files` hold what an earlier plan kept of the lists; they change no byte of what comes out.
    """

    workers: int = 1
    executor: ExecutorKind = "local"
    strict: bool = False
    side_files: SideFiles = NO_SIDE_FILES


@dataclass(frozen=True)
class BuildRequest(Generic[Config_co]):
    """What a user asks for: which dataset, of which sources, by which choices, and how.

    With `published`, the dataset of that manifest is built again, and `allow_substitutes` tells
    whether clips that are gone are replaced. `supply` completes the sources while they are used.
    """

    split: Split
    out: Path
    sources: Sources
    config: Config_co
    seed: int = 0
    work: Work = field(default_factory=Work)
    published: Manifest | None = None
    allow_substitutes: bool = False
    supply: Supply = field(default_factory=FolderSupply)

    @property
    def folder(self) -> Path:
        """The dataset's folder."""
        return self.out / dataset_folder(self.split)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders of all datasets that are made: MSMI reads MS's files."""
        made: tuple[Split, ...] = ("ms", "msmi") if self.split == "msmi" else (self.split,)
        return tuple(replace(self, split=split).folder for split in made)


VpoRequest: TypeAlias = BuildRequest[BuildConfig]
SinglePlusRequest: TypeAlias = BuildRequest[SinglePlusConfig]
ImportRequest: TypeAlias = BuildRequest[ImportConfig]


@dataclass(frozen=True)
class BuildReport:
    """What came of a build; `already_built` when the folder held the dataset before.

    `notes` are lines for a person: what the sources lacked; `complete` is False when a dataset
    built again from its manifest lacks samples.
    """

    folder: Path
    already_built: bool = False
    funnel: Funnel = field(default_factory=dict)
    notes: Sequence[str] = ()
    complete: bool = True
