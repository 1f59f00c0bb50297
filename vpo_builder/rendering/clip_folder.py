"""The folder of clips that the splits of one output folder share."""

import hashlib
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np

from vpo_builder.config import BuildConfig
from vpo_builder.dataset.schema import SUBSETS, Subset
from vpo_builder.records import ArchiveMember, Clip, Reason
from vpo_builder.rendering.clip_place import ClipPlace
from vpo_builder.rendering.clip_record import promised_clips, read_notes, recording_mark
from vpo_builder.rendering.clip_sound import (
    ClipTask,
    encode_wav,
    fewest_samples,
    prepare_clip,
)
from vpo_builder.rendering.decoding import Excerpt
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.tasks import Executor
from vpo_builder.runtime.whole_files import write_atomically

NOTE = "audios.json"


class ClipFolder:
    """Writes the clips it is asked for and tells which of them cannot be used."""

    fetches = False
    """Whether a wav may stay that was made of a recording which is not kept."""

    def __init__(
        self, folder: Path, clips: Sequence[Clip], config: BuildConfig, executor: Executor
    ) -> None:
        self._folder = folder
        self._paths = {clip.clip_id: clip.path for clip in clips if clip.path is not None}
        seconds = config.audio.seconds
        self._excerpts = {
            clip.clip_id: Excerpt(clip.begins, seconds) for clip in clips if clip.begins is not None
        }
        self._subsets: dict[str, Subset] = {clip.clip_id: clip.subset for clip in clips}
        self._digests: dict[str, str] = {}
        self._notes = read_notes(folder)
        self._promised = promised_clips(folder)
        self._made: set[str] = set()
        self._rounds = 0
        self._config = config
        self._executor = executor
        fewest = np.zeros(fewest_samples(config.audio), np.float32)
        self._smallest = len(encode_wav(fewest, config.audio.sample_rate))

    def check(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        """Put the clips' wavs in place and return those that cannot be used, with the reason.

        A wav that is there stays if it has the hash noted of it and its recording is the one it
        was made of; the others are made, and what lies in their place is judged by ClipPlace.
        """
        wanted = self._not_in_place(clip_ids)
        self._rounds += bool(wanted)
        here = [clip_id for clip_id in wanted if clip_id in self._paths]
        failed = self.seek(sorted(set(wanted) - set(here))) | self._write(here)
        self._made.update(set(wanted) - failed.keys())
        return failed

    @property
    def label(self) -> str:
        """What progress is shown under: planning asks again, for others in place of unusable."""
        again = f", round {self._rounds}, in place of those that cannot be used"
        return "clips" + again * (self._rounds > 1)

    def seek(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        """Return those clips without a recording that cannot be fetched: here, all of them."""
        return dict.fromkeys(clip_ids, Reason.CLIP_VANISHED)

    def task(
        self, clip_id: str, recording: Path | ArchiveMember, excerpt: Excerpt | None = None
    ) -> ClipTask:
        """Return the task that makes a clip's wav of its recording."""
        place = ClipPlace(
            self._folder / f"{clip_id}.wav",
            frozenset(note.sha256 for note in self._notes.get(clip_id, ())),
            self._promised.get(clip_id, {}),
        )
        excerpt = excerpt or self._excerpts.get(clip_id)
        return ClipTask(recording, place, self._config.clips, self._config.audio, excerpt)

    def _not_in_place(self, clip_ids: Sequence[str]) -> list[str]:
        """Return the clips whose wav is not there as it was noted; hash those that may be."""
        unseen = [c for c in clip_ids if c not in self._made and c not in self._digests]
        digests = self._hashed([clip_id for clip_id in unseen if clip_id in self._notes])
        self._digests.update(item for item in digests.items() if self._is_as_noted(*item))
        return [clip_id for clip_id in unseen if clip_id not in self._digests]

    def _is_as_noted(self, clip_id: str, digest: str) -> bool:
        notes = [note for note in self._notes[clip_id] if note.sha256 == digest]
        if clip_id not in self._paths:
            return self.fetches and bool(notes)
        mark = recording_mark(self._paths[clip_id], self._excerpts.get(clip_id))
        return any(mark and note.recording == mark for note in notes)

    def _write(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        if not clip_ids:
            return {}
        tasks = [self.task(clip_id, self._paths[clip_id]) for clip_id in clip_ids]
        reasons = self._executor(prepare_clip, tasks, self.label)
        outcomes = zip(clip_ids, reasons, strict=True)
        return {clip_id: reason for clip_id, reason in outcomes if reason is not None}

    def crossing(self, clip_ids: Collection[str]) -> dict[str, Reason]:
        """Return the clips whose sound a later subset's clip has too; they must have been checked.

        VGGSound holds some videos under two ids. Test keeps its clip, then val.
        """
        digests = self.sha256(clip_ids)
        latest: dict[str, int] = {}
        for clip_id, digest in digests.items():
            latest[digest] = max(latest.get(digest, 0), self._order(clip_id))
        return {
            clip_id: Reason.CLIP_IN_TWO_SUBSETS
            for clip_id, digest in digests.items()
            if self._order(clip_id) < latest[digest]
        }

    def sha256(self, clip_ids: Collection[str]) -> dict[str, str]:
        """Return the sha256 of the wavs of clips, which must have been checked.

        Of one made just now its note tells, unless an older wav was noted too: a line may be lost.
        """
        unknown = sorted(set(clip_ids) - self._digests.keys())
        if unknown:
            noted = read_notes(self._folder)
            for clip_id in (self._made & noted.keys()) - self._notes.keys():
                self._digests[clip_id] = noted[clip_id][-1].sha256
            self._digests |= self._hashed([c for c in unknown if c not in self._digests])
        return {clip_id: self._digests[clip_id] for clip_id in clip_ids}

    def _order(self, clip_id: str) -> int:
        return SUBSETS.index(self._subsets[clip_id])

    def _hashed(self, clip_ids: Sequence[str]) -> dict[str, str]:
        """Return the sha256 of each clip's wav, "" of one that cannot be read or is too short.

        Short ones were written before they were tiled; a finished dataset keeps what it lists.
        """
        with ThreadPoolExecutor() as threads:  # hashing leaves the interpreter's lock
            return dict(zip(clip_ids, threads.map(self._digest, clip_ids), strict=True))

    def _digest(self, clip_id: str) -> str:
        try:
            wav = read_regular(self._folder / f"{clip_id}.wav")
        except OSError:
            return ""
        if len(wav) < self._smallest and clip_id not in self._promised:
            return ""
        return hashlib.sha256(wav).hexdigest()


def claim_clip_folder(folder: Path, config: BuildConfig) -> None:
    """Let the splits of one output folder share their clips only if all make them alike."""
    note = folder.parent / NOTE
    wanted = msgspec.json.encode(
        {"audio": msgspec.to_builtins(config.audio), "clips": msgspec.to_builtins(config.clips)}
    )
    if not note.exists():
        write_atomically(note, wanted)
    if note.read_bytes() != wanted:  # by an earlier build, or by a shard that came first
        unread = not promised_clips(folder)
        delete = f", or delete {folder.parent}, which no finished dataset reads"
        raise InputError(
            f"{folder}: its clips were made with other audio.* or clips.* settings ({note.name} "
            f"holds them): give another --out, or the same settings{delete if unread else ''}"
        )
