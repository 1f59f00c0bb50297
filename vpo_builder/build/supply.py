"""Where what a build needs comes from: from folders as they are, or completed by fetching."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from vpo_builder.build.corpus import Corpus
from vpo_builder.config import BuildConfig
from vpo_builder.records import ArchiveMember, Clip, Photo
from vpo_builder.rendering.clip_folder import ClipFolder
from vpo_builder.runtime.tasks import Executor


class Supply(Protocol):
    """Gives a build its clips and its photographs."""

    @property
    def fetches(self) -> bool:
        """Whether files that are not here are fetched."""

    def clips(
        self, folder: Path, clips: Sequence[Clip], config: BuildConfig, executor: Executor
    ) -> ClipFolder:
        """Return the folder of clips that a build's wavs go to."""

    def photos(
        self, corpus: Corpus, photos: Sequence[Photo]
    ) -> Callable[[Photo], Path | ArchiveMember]:
        """Return where the files of `photos` should be."""

    def retries(self, folder: Path) -> bool:
        """Tell whether the finished dataset in `folder` is to be made again with what it lacked."""

    def notes(self) -> list[str]:
        """Return lines for a person: what could not be fetched."""


class FolderSupply:
    """The folders as they are."""

    fetches = False

    def clips(
        self, folder: Path, clips: Sequence[Clip], config: BuildConfig, executor: Executor
    ) -> ClipFolder:
        """See Supply."""
        return ClipFolder(folder, clips, config, executor)

    def photos(
        self, corpus: Corpus, photos: Sequence[Photo]
    ) -> Callable[[Photo], Path | ArchiveMember]:
        """See Supply."""
        return corpus.image_path

    def retries(self, folder: Path) -> bool:
        """See Supply."""
        return False

    def notes(self) -> list[str]:
        """See Supply."""
        return []
