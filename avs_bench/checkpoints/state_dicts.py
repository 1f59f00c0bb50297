"""Reading state dicts from files that strangers made, and writing them as safetensors."""

import re
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import atomic_path

WRAPPERS = ("state_dict", "model_state_dict", "model")
PREFIXES = ("module.", "_orig_mod.")  # of DistributedDataParallel and torch.compile

UNREADABLE = (
    *(OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError),
    *(UnpicklingError, struct.error, zipfile.BadZipFile),
)
"""What torch.load raises on bytes that it did not write: its unpickler checks few of them."""

StateDict = dict[str, Tensor]


class NumpyValue:
    """Stands for a number of numpy's, which is read past: nothing of numpy is called for it.

    CAVP's trainer keeps its optimisers, whose learning rate is a float64 of numpy's (protocol §5).
    numpy's own constructors believe what a file says of memory, so they are not let in.
    """

    def __init__(self, *_: object) -> None:
        """Take what a file gives to numpy, and keep none of it."""

    def __setstate__(self, _: object) -> None:
        """Take what a file says of a dtype's layout, and keep none of it."""


NUMPY_VALUES: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    type(name, (NumpyValue,), {"__module__": module})
    for module, name in (
        ("numpy.core.multiarray", "scalar"),  # before numpy 2
        ("numpy._core.multiarray", "scalar"),
        ("numpy", "dtype"),
        ("numpy.dtypes", "Float64DType"),
    )
]
"""Found by torch's unpickler under numpy's names."""


def read_state_dict(path: Path) -> StateDict:
    """Return the tensors by name of a .safetensors file or of one made by torch.save.

    A state dict within a checkpoint ("state_dict", "model_state_dict", "model") is found, and
    the prefixes of parallel and compiled models are dropped. Pickled code is never run; numbers of
    numpy's beside the tensors are read past. Raises InputError for a missing, truncated or unsafe
    file and for one without tensors.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file: expected weights, as .safetensors or .pth")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    state = {name: value for name, value in content.items() if isinstance(value, Tensor)}
    if not state:
        keys = ", ".join(map(str, content)) or "nothing"
        raise InputError(f"{path}: no tensors by name in it: expected a state dict, found {keys}")
    return _without_prefixes(state)


def convert_to_safetensors(source: Path, target: Path) -> int:
    """Write the state dict of `source` to `target` as safetensors; return how many tensors.

    Names stay as they are (parallel prefixes aside), so a published checkpoint loads as before.
    """
    if target.suffix != ".safetensors":
        raise InputError(f"{target}: expected a name that ends in .safetensors")
    # Tensors that share memory would be refused: each gets its own.
    state = {name: value.clone().contiguous() for name, value in read_state_dict(source).items()}
    with atomic_path(target, durable=True) as temporary:
        save_file(state, temporary, metadata={"format": "pt"})
    return len(state)


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a whole safetensors file: {_first_line(error)}") from None


def _read_torch(path: Path) -> Mapping[str, Any]:
    try:
        with torch.serialization.safe_globals(NUMPY_VALUES):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        raise InputError(_why_refused(path, str(error))) from None
    except UNREADABLE as error:
        raise InputError(
            f"{path}: cut short, or no file of torch.save ({path.stat().st_size} bytes, "
            f"{_first_line(error)}): download it again"
        ) from None
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: expected a state dict, found a {type(content).__name__}")
    return content


def _why_refused(path: Path, message: str) -> str:
    found = re.search(r"GLOBAL (\S+)", message)
    if found is None:
        return f"{path}: cut short, or no plain file of torch.save: download it again"
    return (
        f"{path}: holds more than tensors ({found.group(1)}), which loading would run: refused; "
        "ask for a plain state dict, or save one from it where you trust the file"
    )


def _without_prefixes(state: StateDict) -> StateDict:
    for prefix in PREFIXES:
        if all(name.startswith(prefix) for name in state):
            return _without_prefixes({n.removeprefix(prefix): v for n, v in state.items()})
    return state


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
