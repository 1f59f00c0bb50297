"""What the classes of a model are called whose file does not say it."""

import json
import tomllib
from pathlib import Path

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular

CLASS_NAMES = Path(__file__).parent / "class_names.toml"
LARGEST_LABELS = 1_000_000
EXPECTED = 'expected a json such as {"background": 0, "dog": 1}'
NO_TABLE = (ValueError, AttributeError, TypeError, RecursionError)


def class_names(classes: int, labels: Path | None = None) -> tuple[str, ...]:
    """Return the names of a class table of that size: from a file, a known one, or numbers."""
    if labels is not None:
        names = read_labels(labels)
        if len(names) != classes:
            raise InputError(
                f"{labels}: indices 0 to {len(names) - 1}: expected 0 to {classes - 1}, one for "
                "each class of the model"
            )
        return names
    known = tomllib.loads(CLASS_NAMES.read_text(encoding="utf-8"))
    names = known.get(str(classes), {}).get("names")
    return tuple(names or ["background", *(f"class {index}" for index in range(1, classes))])


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the names of a json of class names to indices, background first.

    A copy in the wild counts from 1 and is shifted (protocol §3). Raises InputError.
    """
    try:
        table = json.loads(read_regular(path, LARGEST_LABELS))
        pairs = sorted((int(index), str(name)) for name, index in table.items())
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; {EXPECTED}") from None
    except (ArithmeticError, *NO_TABLE):
        raise InputError(f"{path}: no json of class names to indices; {EXPECTED}") from None
    indices = [index for index, _ in pairs]
    first = indices[0] if indices else 0
    if first not in (0, 1) or indices != list(range(first, first + len(indices))) or not pairs:
        raise InputError(
            f"{path}: indices {indices[:3]}… of {len(indices)} names: expected each of 0 to "
            f"{max(len(indices) - 1, 1)} once, background's first"
        )
    return tuple(name for _, name in pairs)
