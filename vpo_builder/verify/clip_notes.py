"""Holds the listed clips against the builder's own record of them, where that is at hand."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from vpo_builder.dataset.faults import Fault
from vpo_builder.rendering.clip_record import read_notes


def clips_other_than_noted(folder: Path, audio: str, listed: Mapping[str, str]) -> Iterator[Fault]:
    """Yield a fault for each clip that is listed with another hash than it was written with.

    A wav that was torn before its dataset was finished is listed as it was then.
    """
    try:
        notes = read_notes(folder / audio)
    except OSError:
        return  # no part of the dataset
    for path, sha256 in listed.items():
        parent, _, name = path.rpartition("/")
        known = notes.get(name.removesuffix(".wav"), ()) if parent == audio else ()
        if known and sha256 not in {note.sha256 for note in known}:
            yield Fault(path, "listed with another sha256 than it was written with: torn")
