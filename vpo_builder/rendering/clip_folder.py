"""The folder of clips that the splits of one output folder share."""

import hashlib
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from vpo_builder.config import BuildConfig
from vpo_builder.dataset.schema import SUBSETS, Subset
from vpo_builder.records import ArchiveMember, Clip, Reason
from vpo_builder.rendering.clip_sound import ClipTask, prepare_clip
from vpo_builder.rendering.decoding import Excerpt
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.tasks import Executor
from vpo_builder.runtime.whole_files import write_atomically

NOTE = "audios.json"


class ClipFolder:
    """Writes the clips it is asked for and tells which of them cannot be used."""

    def __init__(
        self, folder: Path, clips: Sequence[Clip], config: BuildConfig, executor: Executor
    ) -> None:
        self._folder = folder
        self._paths = {clip.clip_id: clip.path for clip in clips if clip.path is not None}
        self._subsets: dict[str, Subset] = {clip.clip_id: clip.subset for clip in clips}
        self._digests: dict[str, str] = {}
        self._config = config
        self._executor = executor

    def check(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        """Write the clips' wavs and return those that cannot be used, with the reason."""
        here = [clip_id for clip_id in clip_ids if clip_id in self._paths]
        return self.seek(sorted(set(clip_ids) - set(here))) | self._write(here)

    def seek(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        """Return those clips without a recording that cannot be had: here, all of them."""
        return dict.fromkeys(clip_ids, Reason.CLIP_VANISHED)

    def task(
        self, clip_id: str, recording: Path | ArchiveMember, excerpt: Excerpt | None = None
    ) -> ClipTask:
        """Return the task that makes a clip's wav of its recording."""
        target = self._folder / f"{clip_id}.wav"
        return ClipTask(recording, target, self._config.clips, self._config.audio, excerpt)

    def _write(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        if not clip_ids:
            return {}
        tasks = [self.task(clip_id, self._paths[clip_id]) for clip_id in clip_ids]
        reasons = self._executor(prepare_clip, tasks, "clips")
        outcomes = zip(clip_ids, reasons, strict=True)
        return {clip_id: reason for clip_id, reason in outcomes if reason is not None}

    def crossing(self, clip_ids: Collection[str]) -> dict[str, Reason]:
        """Return the clips whose sound a later subset's clip has too; they must have been checked.

        VGGSound holds some videos under two ids. Test keeps its clip, then val.
        """
        new = sorted(set(clip_ids) - self._digests.keys())
        with ThreadPoolExecutor() as threads:  # hashing leaves the interpreter's lock
            self._digests.update(zip(new, threads.map(self._digest, new), strict=True))
        latest: dict[str, int] = {}
        for clip_id in clip_ids:
            digest = self._digests[clip_id]
            latest[digest] = max(latest.get(digest, 0), self._order(clip_id))
        return {
            clip_id: Reason.CLIP_IN_TWO_SUBSETS
            for clip_id in clip_ids
            if self._order(clip_id) < latest[self._digests[clip_id]]
        }

    def _order(self, clip_id: str) -> int:
        return SUBSETS.index(self._subsets[clip_id])

    def _digest(self, clip_id: str) -> str:
        return hashlib.sha256((self._folder / f"{clip_id}.wav").read_bytes()).hexdigest()


def claim_clip_folder(folder: Path, config: BuildConfig) -> None:
    """Let the splits of one output folder share their clips only if all make them alike."""
    note = folder.parent / NOTE
    wanted = msgspec.json.encode(
        {"audio": msgspec.to_builtins(config.audio), "clips": msgspec.to_builtins(config.clips)}
    )
    if not note.exists():
        write_atomically(note, wanted)
    elif note.read_bytes() != wanted:
        raise InputError(
            f"{folder}: its clips were made with other audio.* or clips.* settings "
            f"({note.name} holds them): give another --out, or the same settings"
        )
