"""Settings: frozen dataclass <- TOML preset <- `--set key=value`, checked by type, name and range.

A preset is one of ours by name, or a file of the user's own, by a path that ends in .toml. It may
begin with `extends = "other"`, a name or a path beside it; the values below it then replace the
other's, key by key. Dataclasses carry no defaults: the presets are the only place where a value is
written, and the comment beside it says where it comes from. The range of a number stands with its
field: `epochs: Annotated[int, Range(1, 1000)]`. So does, for a setting that was added later, what
held before it: `Later`.
"""

import dataclasses
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular

LARGEST_PRESET = 1_000_000
T = TypeVar("T")
Tree = dict[str, Any]


@dataclass(frozen=True)
class Range:
    """The values of a setting that make sense, both ends included; each of a list's or table's.

    `below` leaves `highest` itself out, `zero` lets 0 in, where 0 means "off". A list that has a
    range has at least one value.
    """

    lowest: float
    highest: float
    below: bool = False
    zero: bool = False

    def holds(self, value: Any) -> bool:
        """Return whether a number, or every number of a list or table, is in the range."""
        if isinstance(value, dict):
            return all(map(self.holds, value.values()))
        if isinstance(value, tuple):
            return bool(value) and all(map(self.holds, value))
        inside = self.lowest <= value < self.highest or (value == self.highest and not self.below)
        return inside or (self.zero and value == 0)

    def __str__(self) -> str:
        closing = ")" if self.below else "]"
        return f"{'0 or ' * self.zero}[{self.lowest}, {self.highest}{closing}"


@dataclass(frozen=True)
class Later:
    """What a setting was before it existed, which is how a record that lacks it is read.

    It is stored only where it is something else, so that older records keep their bytes.
    """

    value: Any


def load_settings(
    kind: type[T], folder: Path, preset: str, overrides: Iterable[str] = (), prefix: str = ""
) -> T:
    """Return `kind` filled from a preset and the `key.path=value` overrides.

    `preset` is a name in `folder` or the path of a .toml. `prefix` is what the user writes before
    each key.

    Raises InputError naming the key and the choices for an unknown preset or key, and the key
    and the expected type or range for a wrong value; and for a file that cannot be read or whose
    `extends` comes back to it.
    """
    tree: Tree = {}
    for path in reversed(preset_files(folder, preset)):
        tree = _merged(tree, _read_toml(path))
    tree.pop("extends", None)
    for override in overrides:
        _apply(tree, override)
    missing = 'begin the file with extends = "NAME", a preset that has it'
    return from_tree(kind, tree, f"preset {preset}", prefix, missing)


def from_tree(
    kind: type[T],
    tree: Mapping[str, Any],
    where: str,
    prefix: str = "",
    missing: str = "it was edited, or another version wrote it: use that version, or begin anew",
) -> T:
    """Return `kind` from nested mappings.

    `where` names their source in the errors, and `missing` says what to do where a setting is.
    """
    _refuse_unknown_keys(kind, tree, "", where)
    try:
        settings = msgspec.convert(_completed(kind, tree), kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {_readable(error, kind, prefix, missing)}") from None
    for path, value, range_ in _ranged(settings):
        if not range_.holds(value):
            raise InputError(
                f"{where}: setting {prefix}{path}: {_shown(value)} is outside {range_}: "
                "give a value in that range"
            )
    return settings


def to_tree(settings: Any) -> Tree:
    """Return the settings as nested mappings of json's values, equal to what json gives back.

    A setting that was added later is left out where it has the value of before (`Later`).
    """
    tree: Tree = msgspec.json.decode(msgspec.json.encode(settings), type=dict)
    for name, hint in get_type_hints(type(settings), include_extras=True).items():
        value = getattr(settings, name)
        if dataclasses.is_dataclass(value):
            tree[name] = to_tree(value)
        elif any(later.value == value for later in _of_kind(Later, hint)):
            del tree[name]
    return tree


def preset_names(folder: Path) -> list[str]:
    """Return the names that `load_settings` accepts for `folder`, sorted.

    A name that begins with "_" is no preset by itself but what several extend.
    """
    return sorted(path.stem for path in folder.glob("*.toml") if not path.name.startswith("_"))


def preset_files(folder: Path, preset: str) -> list[Path]:
    """Return the file of a preset and those that it extends, itself first; raise InputError."""
    if not preset.endswith(".toml") and preset not in preset_names(folder):
        raise _unknown_preset(folder, preset)
    files: list[Path] = []
    named, beside = preset, Path()
    while True:
        path = beside / named if named.endswith(".toml") else folder / f"{named}.toml"
        if any(path.resolve() == earlier.resolve() for earlier in files):
            raise InputError(f"{path}: extends itself, by {files[-1]}: extend another preset there")
        parent = _read_toml(path, files[-1] if files else None).get("extends")
        files.append(path)
        if parent is None:
            return files
        if not isinstance(parent, str):
            raise InputError(
                f"{path}: extends = {parent!r}: expected the name of a preset, or a path that ends "
                "in .toml"
            )
        named, beside = parent, path.parent


def _unknown_preset(folder: Path, preset: str) -> InputError:
    choices = f"choose one of {', '.join(preset_names(folder))}"
    if Path(preset).is_file():
        return InputError(
            f"{preset}: a file with a preset has a name that ends in .toml: rename it if it is "
            f"one, or {choices}"
        )
    return InputError(f"no preset {preset!r}: {choices}, or give a path that ends in .toml")


def _read_toml(path: Path, extended_by: Path | None = None) -> Tree:
    try:
        return tomllib.loads(read_regular(path, LARGEST_PRESET).decode("utf-8-sig"))
    except FileNotFoundError:
        by = f", which {extended_by} extends" if extended_by else ""
        raise InputError(f"{path}: no such preset{by}: give a name or another path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not TOML: {error}") from None


def _merged(below: Tree, above: Tree) -> Tree:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _apply(tree: Tree, override: str) -> None:
    path, equals, text = override.partition("=")
    *parents, leaf = path.strip().split(".")
    if not equals or not leaf:
        raise InputError(f"--set {override}: expected key.path=value")
    node = tree
    for parent in parents:
        child = node.setdefault(parent, {})
        if not isinstance(child, dict):
            raise InputError(f"--set {override}: {parent!r} is a value, not a group of settings")
        node = child
    node[leaf] = _value(text.strip())


def _value(text: str) -> Any:
    """Read a TOML value; what is no TOML value is a plain string, so quotes are optional."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def toml_value(value: Any) -> str:
    """Return a setting's value as TOML, on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{toml_value(k)} = {toml_value(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return msgspec.json.encode(value).decode()  # a text, number or truth is the same in both


def _refuse_unknown_keys(kind: Any, tree: Mapping[str, Any], prefix: str, where: str) -> None:
    hints = get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    for key, value in tree.items():
        if key not in names:
            choices = ", ".join(prefix + name for name in names)
            raise InputError(f"{where}: unknown setting {prefix + key!r}: choose one of {choices}")
        if dataclasses.is_dataclass(hints[key]) and isinstance(value, Mapping):
            _refuse_unknown_keys(hints[key], value, f"{prefix}{key}.", where)


def _completed(kind: Any, tree: Mapping[str, Any]) -> Tree:
    """Return the tree with the value of before for each later setting that it lacks."""
    whole = dict(tree)
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if dataclasses.is_dataclass(hint) and isinstance(whole.get(name), Mapping):
            whole[name] = _completed(hint, whole[name])
        for later in _of_kind(Later, hint):
            whole.setdefault(name, later.value)
    return whole


def _of_kind(kind: type[T], hint: Any) -> Iterator[T]:
    """Yield what is said of a setting beside its type."""
    return (said for said in getattr(hint, "__metadata__", ()) if isinstance(said, kind))


def _ranged(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any, Range]]:
    """Yield path, value and range of every setting that has a range."""
    for name, hint in get_type_hints(type(settings), include_extras=True).items():
        value, path = getattr(settings, name), prefix + name
        if dataclasses.is_dataclass(value):
            yield from _ranged(value, f"{path}.")
        for range_ in _of_kind(Range, hint):
            yield path, value, range_


def _shown(value: Any) -> str:
    return str(list(value) if isinstance(value, tuple) else value)


def _readable(error: msgspec.ValidationError, kind: Any, prefix: str, remedy: str) -> str:
    """Turn msgspec's "... - at `$.a.b`" into "setting a.b: ...", with a Literal's choices."""
    text, _, place = str(error).partition(" - at `")
    path = place.removeprefix("key` in `").strip("`$.")
    missing = re.fullmatch(r"Object missing required field `(\w+)`", text)
    if missing:
        name = ".".join(filter(None, [path, missing.group(1)]))
        return f"setting {prefix}{name} is missing: {remedy}"
    hint = kind
    for name in filter(None, path.split(".")):
        hint = get_type_hints(hint).get(name) if dataclasses.is_dataclass(hint) else None
    args = getattr(hint, "__args__", ())  # those of a Literal, or the keys of a table
    choices = [c for a in args for c in getattr(a, "__args__", (a,)) if isinstance(c, str)]
    among = f" (choose one of {', '.join(choices)})" if choices else ""
    return f"setting {prefix}{path}: {text}{among}" if path else text
