"""What the classes of a model are called whose file does not say it."""

import json
import tomllib
from pathlib import Path

from vpo_builder.runtime.errors import InputError

CLASS_NAMES = Path(__file__).parent / "class_names.toml"


def class_names(classes: int, labels: Path | None = None) -> tuple[str, ...]:
    """Return the names of a class table of that size: from a file, a known one, or numbers."""
    if labels is not None:
        return _read_labels(labels, classes)
    known = tomllib.loads(CLASS_NAMES.read_text(encoding="utf-8"))
    names = known.get(str(classes), {}).get("names")
    return tuple(names or ["background", *(f"class {index}" for index in range(1, classes))])


def _read_labels(path: Path, classes: int) -> tuple[str, ...]:
    """Read names to indices; a copy in the wild counts from 1 and is shifted (protocol §3)."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        pairs = sorted((int(index), str(name)) for name, index in table.items())
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: no json of class names to indices: {error}") from None
    indices = [index for index, _ in pairs]
    first = indices[0] if indices else 0
    if first not in (0, 1) or indices != list(range(first, first + classes)):
        raise InputError(
            f"{path}: indices {indices[:3]}… of {len(indices)} names: expected 0 to {classes - 1}, "
            "one for each class of the model"
        )
    return tuple(name for _, name in pairs)
