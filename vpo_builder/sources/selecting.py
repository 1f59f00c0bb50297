"""Of the clips of a list, those that a class table asks for, and where their files lie."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from msgspec import structs

from vpo_builder.dataset.sound_credits import SOUND_INPUT, SoundCredit
from vpo_builder.records import ArchiveMember, SoundRow, Sounds
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.sources.files_below import seen_below


@dataclass(frozen=True)
class Listed:
    """A clip as a list has it: its row, the name of its file, where that lies, and whose it is.

    `alike` are labels of VGGSound that mean the same as its own.
    """

    row: SoundRow
    file: str
    place: Path | ArchiveMember | None
    credit: SoundCredit
    alike: tuple[str, ...] = ()


@dataclass(frozen=True)
class SoundList:
    """The clips that lie at `where`, by its lists; `inputs` maps each list to its sha256."""

    where: Path
    listed: Sequence[Listed]
    inputs: Mapping[str, str]

    @cached_property
    def labels(self) -> frozenset[str]:
        """Every label in it."""
        return frozenset(label for item in self.listed for label in item.row.labels)

    def select(self, wanted: frozenset[str]) -> Sounds:
        """Return the clips with a wanted label, or one alike, and the files that are there.

        Raises InputError if none of the wanted clips has a file.
        """
        counts: Counter[str] = Counter()
        kept: dict[str, Listed] = {}
        rows = []
        for item in self.listed:
            labels = [label for label in item.row.labels if label in wanted]
            labels = labels or [label for label in item.alike if label in wanted]
            counts[labels[0] if labels else item.row.labels[0]] += 1
            if labels:
                kept[item.row.clip_id] = item
                rows.append(structs.replace(item.row, labels=tuple(labels)))
        places = {clip_id: item.place for clip_id, item in kept.items()}
        paths = {clip_id: place for clip_id, place in places.items() if place and _is_there(place)}
        if kept and not paths:
            folder = self.where if self.where.is_dir() else self.where.parent
            raise InputError(
                f"{folder}: none of the {len(kept)} clips of the class table's labels has a file: "
                f"looked for {next(iter(kept.values())).file}; {seen_below(folder)}"
            )
        return Sounds(
            tuple(rows),
            paths,
            counts,
            {f"{SOUND_INPUT}{name}": sha256 for name, sha256 in self.inputs.items()},
            {clip_id: item.credit for clip_id, item in kept.items()},
        )


def _is_there(place: Path | ArchiveMember) -> bool:
    return place.is_file() if isinstance(place, Path) else True


def read_text(path: Path, advice: str = "get it again") -> tuple[str, str]:
    """Return a list's text and sha256; raise InputError if it cannot be read or is no text."""
    try:
        data = read_regular(path)
        return data.decode("utf-8-sig"), hashlib.sha256(data).hexdigest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text: {advice}") from None
