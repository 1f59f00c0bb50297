"""What a build is: the options and inputs that decide its bytes, and whether a folder holds it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from vpo_builder.dataset.manifest import META, STATE, read_meta
from vpo_builder.dataset.schema import Split
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.own_folders import refuse_content
from vpo_builder.runtime.whole_files import write_atomically

MISSING_LIMIT = "config.limits.max_missing_fraction"


@dataclass(frozen=True)
class BuildIdentity:
    """Everything that decides a dataset's bytes; where its inputs lie is no part of it."""

    split: Split
    seed: int
    config: dict[str, Any]
    inputs: dict[str, str]


def is_finished(folder: Path, identity: BuildIdentity) -> bool:
    """Tell whether `folder` holds this very dataset, finished.

    Raises InputError naming the differences when it holds another one, and what lies there when
    we have no note of it. One with a meta and a note is being made anew, which may be resumed with
    other inputs and another limit of what may be missing: completing the sources, or doing
    without, is why one resumes. Without a meta nothing was ever finished there, see
    `begun_otherwise`.
    """
    refuse_foreign(folder)
    if not (folder / META).exists():
        return False
    begun = (folder / STATE).exists()
    changed = _changes_since_begun(folder, identity) if begun else _changed(_held(folder), identity)
    if changed:
        raise InputError(
            f"{folder}: holds a dataset made with other options or inputs: {changed}; "
            "give another --out, or delete that folder"
        )
    return not begun


def begun_otherwise(folder: Path, identity: BuildIdentity) -> str:
    """Return a line if a build with other options was begun in `folder`, where none was finished.

    Whatever that one wrote is noted, and goes as this one is published.
    """
    if (folder / META).exists() or not (folder / STATE).exists():
        return ""
    changed = _changes_since_begun(folder, identity)
    told = f"{folder}: a build was begun there with other options and not finished: {changed}; "
    return f"{told}this one takes its place" if changed else ""


def refuse_foreign(folder: Path) -> None:
    """Raise InputError if `folder` has content of which neither a meta nor our note tells."""
    if not (folder / META).exists() and not (folder / STATE).exists():
        refuse_content(
            folder,
            "none of which this program wrote",
            "give another --out, or move them away; vpo-data import makes a dataset of a published "
            "copy of VPO, in another folder",
        )


def mark_started(folder: Path, identity: BuildIdentity) -> None:
    """Note in `folder` which dataset is being built there, so that only that one resumes."""
    write_atomically(folder / STATE, msgspec.json.encode(identity), durable=True)


def mark_finished(folder: Path) -> None:
    """Remove the note: the manifest's meta tells it from now on."""
    (folder / STATE).unlink(missing_ok=True)


def _held(folder: Path) -> BuildIdentity:
    meta = read_meta(folder)
    return BuildIdentity(meta.split, meta.seed, meta.config, meta.inputs)


def _changes_since_begun(folder: Path, wanted: BuildIdentity) -> str:
    held = replace(_read_state(folder / STATE), inputs=wanted.inputs)
    return _changed(held, wanted, ignored={MISSING_LIMIT})


def _read_state(path: Path) -> BuildIdentity:
    try:
        return msgspec.json.decode(path.read_bytes(), type=BuildIdentity)
    except BAD_JSON as error:
        raise InputError(
            f"{path}: not a build's note: {error}; give another --out, or move its folder away"
        ) from None


def _changed(held: BuildIdentity, wanted: BuildIdentity, ignored: Collection[str] = ()) -> str:
    """Return the first options that differ, with both values; "" if none does."""
    old, new = _flat(msgspec.to_builtins(held)), _flat(msgspec.to_builtins(wanted))
    keys = (old.keys() | new.keys()) - set(ignored)
    changed = sorted(key for key in keys if old.get(key) != new.get(key))
    shown = "; ".join(f"{key} is {_said(old, key)}, now {_said(new, key)}" for key in changed[:3])
    return shown + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")


def _said(tree: Mapping[str, Any], key: str) -> str:
    return repr(tree[key]) if key in tree else "not set"


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    return dict(_leaves(tree, prefix))


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
