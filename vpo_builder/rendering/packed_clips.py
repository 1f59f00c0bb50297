"""Clips whose recordings lie in packed archives: each archive is read once, from its beginning.

Which clips a build takes is known only when it knows which can be used, and to find one anew an
archive would have to be read again. So the first question makes all the clips of the class table
that an archive holds; what was read to its end is noted and not read again.
"""

import hashlib
import shutil
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path

import msgspec

from vpo_builder.config import BuildConfig
from vpo_builder.records import Clip, Reason
from vpo_builder.rendering.clip_folder import ClipFolder
from vpo_builder.rendering.clip_sound import ClipTask, prepare_clip
from vpo_builder.runtime.errors import BAD_JSON
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.tasks import Executor
from vpo_builder.runtime.whole_files import write_atomically
from vpo_builder.sources.packed import DamagedArchiveError, packed_files

RECORD = ".packed.json"
UNPACKED = ".packed"
"""The folder, beside the clips, of recordings that are being worked off."""


class _Archive(msgspec.Struct, frozen=True):
    """An archive that was read to its end: the clips made of it, and those that are bad."""

    mark: str
    made: list[str]
    failed: dict[str, Reason]


class PackedClips(ClipFolder):
    """Writes the clips it is asked for, those without a file out of packed archives."""

    fetches = True  # a wav stays, be its archive gone

    def __init__(
        self,
        folder: Path,
        clips: Sequence[Clip],
        config: BuildConfig,
        executor: Executor,
        archives: Sequence[Path],
        clip_of: Callable[[str], str | None],
    ) -> None:
        super().__init__(folder, clips, config, executor)
        self._record, self._unpacked = folder.with_name(RECORD), folder.with_name(UNPACKED)
        self._archives, self._clip_of = archives, clip_of
        self._wanted = {clip.clip_id for clip in clips if clip.path is None}
        self._failed: dict[str, Reason] | None = None

    def seek(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        """Read the archives, the first time; return those clips that are not in them or bad."""
        if self._failed is None:
            shutil.rmtree(self._unpacked, ignore_errors=True)
            self._unpacked.mkdir(parents=True)
            self._failed = self._read_all()
            shutil.rmtree(self._unpacked, ignore_errors=True)
        return {clip: self._failed[clip] for clip in clip_ids if clip in self._failed}

    def _read_all(self) -> dict[str, Reason]:
        """Return every clip that no archive has, and those that cannot be used, with the reason."""
        left = set(self._not_in_place(sorted(self._wanted)))
        known = {archive.mark: archive for archive in _read_record(self._record)}
        asked = hashlib.sha256("\n".join(sorted(self._wanted)).encode()).hexdigest()
        failed: dict[str, Reason] = {}
        for number, path in enumerate(self._archives, start=1):
            status = path.stat()
            mark = f"{path.name} {status.st_size} {status.st_mtime_ns} {asked}"
            read = known.get(mark)
            if read is None or not left.isdisjoint(read.made):  # or its wavs are gone
                label = f"{path.name} ({number} of {len(self._archives)})"
                read, whole = self._read_one(path, mark, left, label)
                if whole:
                    known[mark] = read
                    write_atomically(self._record, msgspec.json.encode(list(known.values())))
            failed |= read.failed
            left -= failed.keys()
        return dict.fromkeys(left, Reason.CLIP_VANISHED) | failed

    def _read_one(self, path: Path, mark: str, left: set[str], label: str) -> tuple[_Archive, bool]:
        """Make the clips of an archive, taking them out of `left`; tell if it came to its end."""
        pending: deque[tuple[str, Path]] = deque()
        read, whole = _Archive(mark, [], {}), True

        def tasks() -> Generator[ClipTask, None, None]:
            nonlocal whole
            try:
                for clip_id, recording in self._recordings(path, left):
                    pending.append((clip_id, recording))
                    yield self.task(clip_id, recording)
            except DamagedArchiveError:
                whole = False

        reasons = self._executor.stream(prepare_clip, tasks())
        for reason in progress(reasons, None, label):
            clip_id, recording = pending.popleft()
            recording.unlink()
            if reason is None:
                read.made.append(clip_id)
            else:
                read.failed[clip_id] = reason
        return read, whole

    def _recordings(self, path: Path, left: set[str]) -> Iterator[tuple[str, Path]]:
        """Yield the clips of an archive that are left, each with its recording as a file."""
        for name, data in packed_files(path, lambda name: self._clip_of(name) in left):
            clip_id = self._clip_of(name)
            assert clip_id is not None, "only clips' files are wanted"
            left.discard(clip_id)
            recording = self._unpacked / f"{clip_id}{Path(name).suffix.lower()}"
            recording.write_bytes(data)
            yield clip_id, recording


def _read_record(path: Path) -> list[_Archive]:
    try:
        return msgspec.json.decode(read_regular(path), type=list[_Archive])
    except (FileNotFoundError, *BAD_JSON):
        return []  # then they are read again
