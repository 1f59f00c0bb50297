"""The place of a clip's wav: what lies there is replaced only if it is ours, or lost already."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from vpo_builder.rendering.clip_record import ClipNote, add_note
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.whole_files import write_atomically

BLOCK_BYTES = 4096
"""What file systems allot at once: less than this at a wav's end may well be silence."""


@dataclass(frozen=True)
class ClipPlace:
    """Where a clip's wav goes.

    `ours` holds the sha256 of every wav that we noted for it; `promised` what each finished
    dataset, by its name, lists it with.
    """

    target: Path
    ours: frozenset[str] = frozenset()
    promised: Mapping[str, str] = field(default_factory=dict)

    def put(self, wav: bytes, recording: str, tiled_from: float | None = None) -> None:
        """Note a wav, with the mark and the repeated seconds of its recording, and put it in place.

        Raises InputError for a file there that is neither ours nor what a crash has left of one,
        and where the wav is not what a finished dataset was promised.
        """
        sha256 = hashlib.sha256(wav).hexdigest()
        found = self._found()
        if found is not None and found != wav:
            self._refuse_foreign(found, wav)
        broken = sorted(name for name, kept in self.promised.items() if kept != sha256)
        if broken:
            raise InputError(
                f"{self.target}: its recording has been replaced since {broken[0]} was built, "
                "which reads this clip too: give another --out, or delete that dataset first"
            )
        add_note(self.target.parent, ClipNote(self.target.stem, sha256, recording, tiled_from))
        if found != wav:
            write_atomically(self.target, wav)

    def clear(self) -> None:
        """Remove the wav of a recording that can no longer be used, if it is ours alone."""
        if self.ours and not self.promised:
            found = self._found()
            if found is not None and hashlib.sha256(found).hexdigest() in self.ours:
                self.target.unlink()

    def _found(self) -> bytes | None:
        if not os.path.lexists(self.target):
            return None
        try:
            return read_regular(self.target)
        except OSError as error:  # a folder, a pipe, a link to a disk that is not there
            raise InputError(
                f"{self.target}: {error.strerror}: expected a wav or nothing: move away what lies "
                "there"
            ) from None

    def _refuse_foreign(self, found: bytes, wav: bytes) -> None:
        if hashlib.sha256(found).hexdigest() in self.ours or _is_remnant(found, wav):
            return
        if self.ours and _is_torn(found):  # of a recording that has been replaced meanwhile
            return
        raise InputError(
            f"{self.target}: this program did not write it, and would write another: move it "
            "away, with its folder if that holds recordings of your own, or give another --out"
        )


def _is_remnant(found: bytes, wav: bytes) -> bool:
    """Tell whether all that a file holds is zeros and bytes that the wav has there, too."""
    if not any(found):
        return True
    if len(found) > len(wav):
        return False
    held = np.frombuffer(found, np.uint8)
    return bool(np.all((held == 0) | (held == np.frombuffer(wav, np.uint8, len(held)))))


def _is_torn(found: bytes) -> bool:
    """Tell by a file alone whether it is cut short or ends in blocks that were never written."""
    announced = 8 + int.from_bytes(found[4:8], "little")
    return found[:4] != b"RIFF" or announced > len(found) or not any(found[-BLOCK_BYTES:])
