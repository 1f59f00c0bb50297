"""Of the clips of a list, those that a class table asks for, and where their files lie."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.dataset.sound_credits import SOUND_INPUT, SoundCredit
from vpo_builder.records import ArchiveMember, SoundRow, Sounds
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True)
class Listed:
    """A clip as a list has it: its row, the name of its file, where that should lie, and whose."""

    row: SoundRow
    file: str
    place: Path | ArchiveMember | None
    credit: SoundCredit


def select(
    listed: Sequence[Listed], wanted: frozenset[str], inputs: Mapping[str, str], where: Path
) -> Sounds:
    """Return the clips with a wanted label, with the files that are there.

    `inputs` maps the names of the lists to their sha256. Raises InputError if none of the wanted
    clips has a file.
    """
    counts: Counter[str] = Counter()
    kept = []
    for item in listed:
        label = next((label for label in item.row.labels if label in wanted), None)
        counts[label or item.row.labels[0]] += 1
        if label is not None:
            kept.append(item)
    paths = {item.row.clip_id: item.place for item in kept if _is_there(item.place)}
    if kept and not paths:
        raise InputError(
            f"{where}: none of the {len(kept)} clips of the class table's labels has a file: "
            f"looked for {kept[0].file}; {_seen(where)}"
        )
    return Sounds(
        tuple(item.row for item in kept),
        {clip_id: place for clip_id, place in paths.items() if place is not None},
        counts,
        {f"{SOUND_INPUT}{name}": sha256 for name, sha256 in inputs.items()},
        {item.row.clip_id: item.credit for item in kept},
    )


def _is_there(place: Path | ArchiveMember | None) -> bool:
    return place.is_file() if isinstance(place, Path) else place is not None


def _seen(where: Path) -> str:
    """Return the name of something that lies there."""
    folder = where if where.is_dir() else where.parent
    names = sorted(path.name for path in folder.iterdir() if path != where)
    return f"{folder} holds {names[0]} and {len(names) - 1} more" if names else "nothing is there"
