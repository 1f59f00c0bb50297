"""Reads FSD50K and ESC-50 as published: sets of sounds from Freesound, each with its author."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from vpo_builder.dataset.clip_ids import safe_clip_id
from vpo_builder.dataset.sound_credits import LONGEST_TEXT, SoundCredit, credit_faults
from vpo_builder.records import SoundRow
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.sources.files_below import named_below
from vpo_builder.sources.label_equivalents import audioset_name, equivalents
from vpo_builder.sources.licence_names import licence_of
from vpo_builder.sources.selecting import Listed, SoundList, read_text

FSD50K, ESC_50 = "FSD50K", "ESC-50"
FSD50K_LISTS = {"dev.csv": "train", "eval.csv": "test"}
ESC_50_LIST = "esc50.csv"
ESC_50_TERMS = {"True": "CC BY 3.0", "False": "CC BY-NC 3.0"}
"""Of the clips in ESC-10 and of the others, by the file LICENSE of ESC-50."""
_NUMBER = re.compile(r"[0-9]{1,12}", re.ASCII)
_FILE = re.compile(r"[A-Za-z0-9_-]{1,60}\.wav", re.ASCII)
_MADE_OF = re.compile(
    r"- \[([0-9]+-[0-9]+-[A-Z]+)\.ogg\]:.* \((https?://[^\s)]+)\) by (.{1,200}) \[([^\]]+)\]"
)


class _Table(NamedTuple):
    """The rows of a csv, each with its line, and the file's sha256."""

    path: Path
    rows: Sequence[tuple[int, Mapping[str, str]]]
    sha256: str


class _About(msgspec.Struct, frozen=True):
    """What FSD50K's metadata tell of a clip, of which only these are read."""

    uploader: str
    license: str


def read_fsd50k(folder: Path, lists: Mapping[str, Path]) -> SoundList:
    """Return the clips of FSD50K: dev is train, eval is test, and a group is who uploaded it.

    `lists` are its dev.csv and eval.csv, or one of them. Raises InputError naming file and line
    for what is not as published, and if the metadata, which name uploaders and licences, are not
    there.
    """
    about_names = {name: f"{name.removesuffix('.csv')}_clips_info_FSD50K.json" for name in lists}
    tables = {name: _read_table(path, ("fname", "labels")) for name, path in sorted(lists.items())}
    wavs = {f"{row['fname']}.wav" for table in tables.values() for _, row in table.rows}
    files = named_below(folder, wavs | set(about_names.values()))
    listed: list[Listed] = []
    inputs: dict[str, str] = {}
    for name, table in tables.items():
        if about_names[name] not in files:
            raise InputError(
                f"{folder}: no {about_names[name]}: licences and uploaders are told there: unpack "
                "FSD50K.metadata.zip into it"
            )
        about, sha256 = _read_about(files[about_names[name]])
        listed += _fsd50k_clips(table, FSD50K_LISTS[name], about, files)
        inputs |= {f"{FSD50K}/{name}": table.sha256, f"{FSD50K}/{about_names[name]}": sha256}
    return SoundList(folder, _sorted(listed, folder), inputs)


def _fsd50k_clips(
    table: _Table, split: str, about: Mapping[str, _About], files: Mapping[str, Path]
) -> Iterator[Listed]:
    alike = equivalents("audioset")
    for line, row in table.rows:
        number, labels = row["fname"], tuple(filter(None, row["labels"].split(",")))
        where = f"{table.path}, line {line}"
        if not _NUMBER.fullmatch(number) or number not in about:
            raise InputError(f"{where}: fname {number[:80]!r} is no clip of the metadata")
        _refuse_labels(labels, where)
        known = about[number]
        licence = licence_of(known.license)
        credit = SoundCredit(
            clip_id=f"fsd50k-{number}",
            group=_group(known.uploader),
            source=FSD50K,
            licence=licence.name,
            licence_url=licence.url,
            author=known.uploader,
            page=f"https://freesound.org/s/{number}/",
        )
        ours = (alike.get(audioset_name(label).lower()) for label in labels)
        yield Listed(
            SoundRow(credit.clip_id, credit.group, labels, split),
            f"{number}.wav",
            files.get(f"{number}.wav"),
            credit,
            tuple(dict.fromkeys(filter(None, ours))),
        )


def read_esc50(folder: Path, path: Path) -> SoundList:
    """Return the clips of ESC-50's csv; a group is who uploaded a clip's original to Freesound.

    Where ESC-50's LICENSE, which names them, does not lie beside it, a group is the original.
    """
    table = _read_table(path, ("filename", "category", "esc10", "src_file"))
    files = named_below(folder, {"LICENSE", *(row["filename"] for _, row in table.rows)})
    inputs = {f"{ESC_50}/{path.name}": table.sha256}
    originals: dict[str, tuple[str, str, str]] = {}
    if "LICENSE" in files:
        text, inputs[f"{ESC_50}/LICENSE"] = read_text(files["LICENSE"])
        originals = {found[1]: (found[2], found[3], found[4]) for found in _MADE_OF.finditer(text)}
    listed = []
    for line, row in table.rows:
        where = f"{path}, line {line}"
        name, source, terms = row["filename"], row["src_file"], ESC_50_TERMS.get(row["esc10"])
        if not _FILE.fullmatch(name) or not _NUMBER.fullmatch(source) or terms is None:
            raise InputError(f"{where}: not a row of ESC-50: {name[:80]!r}, {source[:80]!r}")
        _refuse_labels((row["category"],), where)
        page, author, original = originals.get(
            name.rpartition("-")[0], (f"https://freesound.org/s/{source}/", "", "")
        )
        credit = SoundCredit(
            clip_id=safe_clip_id(f"esc50-{name.removesuffix('.wav')}"),
            group=_group(author) if author else page,
            source=ESC_50,
            licence=f"{terms} (its original: {original})" if original else terms,
            licence_url=licence_of(terms).url,
            author=author,
            page=page,
        )
        alike = equivalents("esc50").get(row["category"].lower())
        labels = (row["category"],)
        sound = SoundRow(credit.clip_id, credit.group, labels, "")
        listed.append(Listed(sound, name, files.get(name), credit, (alike,) if alike else ()))
    return SoundList(folder, _sorted(listed, path), inputs)


def _group(uploader: str) -> str:
    return f"freesound.org/people/{uploader}"


def _sorted(listed: Sequence[Listed], where: Path) -> tuple[Listed, ...]:
    """Return the clips in the order of ids; raise InputError for one that is no safe record."""
    clips: dict[str, Listed] = {}
    for item in listed:
        for fault in credit_faults(item.credit):
            raise InputError(f"{where}: clip {item.credit.clip_id[:80]}: {fault}")
        if clips.setdefault(item.row.clip_id, item) != item:
            raise InputError(f"{where}: clip {item.row.clip_id} stands there twice")
    return tuple(clips[clip_id] for clip_id in sorted(clips))


def _refuse_labels(labels: Sequence[str], where: str) -> None:
    for label in labels:
        if not label.isprintable() or len(label) > LONGEST_TEXT:
            raise InputError(f"{where}: label {label[:80]!r}: expected a short name that prints")
    if not labels or not labels[0]:
        raise InputError(f"{where}: no label")


def _read_table(path: Path, needed: Sequence[str]) -> _Table:
    text, sha256 = read_text(path)
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(f"{path}: no column {', '.join(missing)}: get the list again")
        rows = [(reader.line_num, {n: row[n] or "" for n in needed}) for row in reader]
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not a csv: {error}") from None
    return _Table(path, rows, sha256)


def _read_about(path: Path) -> tuple[dict[str, _About], str]:
    text, sha256 = read_text(path)
    try:
        return msgspec.json.decode(text, type=dict[str, _About]), sha256
    except BAD_JSON as error:
        raise InputError(f"{path}: not FSD50K's metadata: {error}: get it again") from None
