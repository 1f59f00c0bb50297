"""The user's own code, by MODULE:NAME: imported only where the user types it, never for a file.

A checkpoint, a preset or a run's folder may name such code; what they name is never imported for
them, since a stranger's file would choose what runs.
"""

import importlib
import re
import shlex
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from vpo_builder.runtime.errors import InputError

PATH = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
OURS = Path(__file__).parents[1]


def is_own_code(name: str) -> bool:
    """Whether a name is one of the user's own code, MODULE:NAME, and none of ours."""
    return ":" in name


def import_own(name: str, option: str) -> Any:
    """Return what lies at MODULE:NAME, as the user typed it behind `option`.

    The module is looked for where Python looks, and then in the current folder. Raises InputError
    for another form, for what is not there, and for code that fails as it is imported.
    """
    if not PATH.fullmatch(name):
        raise InputError(
            f"{option} {name}: expected MODULE:NAME, such as my_pkg.my_model:build, for the name "
            "build in my_pkg/my_model.py"
        )
    where, _, attribute = name.partition(":")
    module = _imported(where, option)
    found: Any = module
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{option} {name}: {_missing(found, part, module)}")
        found = getattr(found, part)
    if not callable(found):
        raise InputError(
            f"{option} {name}: is a {type(found).__name__}, which cannot be called: give the name "
            "of a function or a class"
        )
    return found


def refuse_unasked(name: str, option: str, where: str) -> None:
    """Raise InputError if a file names own code that the user has not typed behind `option`."""
    if is_own_code(name):
        again = shlex.quote(name) if PATH.fullmatch(name) else "MODULE:NAME"
        raise InputError(
            f"{where}: was made with code that is not part of avs-bench, {name}, and no file makes "
            f"it run: if it is yours or you trust it, add {option} {again}"
        )


def name_of(code: object) -> str:
    """Return MODULE:NAME of a class, a function or an object's class."""
    kind = code if hasattr(code, "__qualname__") else type(code)
    return f"{kind.__module__}:{getattr(kind, '__qualname__', '')}"


def told(error: BaseException) -> str:
    """Return on one line where in the user's code an error arose and what it says."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: SyntaxError: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_own(frame.filename)]
    last = (own or list(frames))[-1]
    lines = str(error).strip().splitlines() or ["no message"]
    return f"{last.filename}, line {last.lineno}: {type(error).__name__}: {lines[0]}"


def is_of_own(error: BaseException) -> bool:
    """Whether an error arose in, or was passed on by, a file that is neither ours nor installed."""
    return any(_is_own(frame.filename) for frame in traceback.extract_tb(error.__traceback__))


def _imported(where: str, option: str) -> ModuleType:
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.append(str(Path.cwd()))  # last: no file that lies about stands in for a package
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{where}.".startswith(f"{error.name}."):
            raise InputError(
                f"{option} {where}: no module {error.name}, neither installed nor in {Path.cwd()}: "
                "run the command in the folder that holds it, or install its package"
            ) from None
        raise InputError(f"{option} {where}: cannot be imported: {told(error)}") from error
    except (Exception, SystemExit) as error:
        raise InputError(f"{option} {where}: cannot be imported: {told(error)}") from error


def _missing(found: object, part: str, module: ModuleType) -> str:
    near = get_close_matches(part, dir(found), n=1)
    place = getattr(module, "__file__", None) or module.__name__
    return f"no {part!r} in {place}" + (f": did you mean {near[0]}?" if near else ": see its names")


def _is_own(filename: str) -> bool:
    path = Path(filename)
    outside = {"site-packages", "dist-packages"}.isdisjoint(path.parts)
    stdlib = Path(traceback.__file__).parent
    return path.is_absolute() and outside and not any(map(path.is_relative_to, (OURS, stdlib)))
