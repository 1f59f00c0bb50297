"""Our record of the clips: the hash of every wav that we wrote, and the recording it was made of.

It lies beside the folder of clips and serves every dataset that reads from it. Each wav is noted
before it gets its name, so that what carries a noted hash is ours, whatever was killed when. A
line that is lost or garbled costs the comparison of one clip, nothing else: several processes, on
several machines, may add lines at once.
"""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from vpo_builder.dataset.manifest import CHECKSUMS, META, STATE
from vpo_builder.dataset.places import AUDIO_FOLDER, audio_folder, dataset_folder
from vpo_builder.dataset.schema import Sample, Split
from vpo_builder.dataset.tiled_clips import TiledClip
from vpo_builder.records import ArchiveMember
from vpo_builder.rendering.decoding import Excerpt
from vpo_builder.runtime.errors import BAD_JSON
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.whole_files import state_change

RECORD = ".audios.jsonl"
READERS: tuple[Split, ...] = ("ss", "ms", "msmi")
"""The datasets of an output folder that read from its folder of clips."""


class ClipNote(msgspec.Struct, frozen=True, omit_defaults=True):
    """A wav that we wrote: its clip's id, its sha256, and the mark of its recording.

    `tiled_from` is the seconds of a recording that the wav repeats, if it does.
    """

    clip: str
    sha256: str
    recording: str
    tiled_from: float | None = None


def record_path(folder: Path) -> Path:
    """Return where the record of a folder of clips lies."""
    return folder.with_name(RECORD)


def read_notes(folder: Path) -> Mapping[str, tuple[ClipNote, ...]]:
    """Return what is noted of each clip of a folder, in the order of writing."""
    decoder = msgspec.json.Decoder(ClipNote)
    notes: dict[str, list[ClipNote]] = defaultdict(list)
    try:
        lines = read_regular(record_path(folder)).split(b"\n")
    except FileNotFoundError:
        return {}
    for line in filter(None, lines):
        try:
            note = decoder.decode(line)
        except BAD_JSON:
            continue  # a line that was being written as the power went
        notes[note.clip].append(note)
    return {clip: tuple(found) for clip, found in notes.items()}


def tiled_clips(folder: Path, samples: Iterable[Sample]) -> list[TiledClip]:
    """Return those clips of the samples whose wav repeats its recording, in the order of ids."""
    notes, found = read_notes(folder), []
    for clip_id in sorted({source.clip_id for sample in samples for source in sample.sources}):
        seconds = {n.sha256: n.tiled_from for n in notes.get(clip_id, ()) if n.tiled_from}
        if seconds:
            digest = hashlib.sha256(read_regular(folder / f"{clip_id}.wav")).hexdigest()
            if digest in seconds:
                found.append(TiledClip(clip_id, seconds[digest]))
    return found


def add_note(folder: Path, note: ClipNote) -> None:
    """Add a line to a folder's record, in one write: others may be adding theirs."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    descriptor = os.open(record_path(folder), flags, 0o644)
    try:
        os.write(descriptor, b"\n" + msgspec.json.encode(note))  # ends what may be half a line
    finally:
        os.close(descriptor)
    state_change(f"{note.clip} noted")


def recording_mark(recording: Path | ArchiveMember, excerpt: Excerpt | None = None) -> str:
    """Return what changes whenever a recording is replaced, "" if it cannot be looked at.

    So does it for another part of it.

    Beside size and time of change that is the inode's own time, which no program can set: files
    unpacked from archives often share the other two. For a member, they are its archive's.
    """
    if isinstance(recording, Path):
        file, name = recording, ""
    else:
        file, name = recording.archive, recording.path
    try:
        status = file.stat()
    except OSError:
        return ""
    part = "" if excerpt is None else f" from {excerpt.start:g}"
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {name}".rstrip() + part


def promised_clips(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """Return, for each clip, its sha256 in every finished dataset that reads from a folder.

    A dataset that is being made anew holds a note of that, and takes what there is then.
    """
    promised: dict[str, dict[str, str]] = defaultdict(dict)
    out = folder.parents[len(Path(AUDIO_FOLDER).parts) - 1]
    for split in READERS:
        dataset = out / dataset_folder(split)
        if not (dataset / META).is_file() or (dataset / STATE).exists():
            continue
        clips = f"{audio_folder(split)}/"
        for line in (dataset / CHECKSUMS).read_text("utf-8", errors="replace").splitlines():
            sha256, _, path = line.partition("  ")
            if path.startswith(clips):
                promised[path.removeprefix(clips).removesuffix(".wav")][dataset.name] = sha256
    return promised
