"""Opens npz files of anybody: one array of plain numbers, and never a pickle."""

import io
import math
import zipfile
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vpo_builder.dataset.media_files import UNDECODABLE
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.outside_text import one_line

ARRAYS = ("pred", "probabilities", "logits")
"""The names that say what an array is: class indices [H, W], or floats [classes, H, W]."""
MOST_BYTES = 2**29
"""Of an array: 71 classes of 1280 x 720 are half of it in single precision."""
NUMBERS = "biuf"


def read_array(data: bytes, where: str) -> tuple[str, NDArray[Any]]:
    """Return the one array of an npz with its name; raise InputError naming `where`.

    Of several arrays it is the one whose name is in ARRAYS.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = {i.filename.removesuffix(".npy"): i for i in archive.infolist()}
            chosen = names if len(names) == 1 else [name for name in ARRAYS if name in names]
            if len(chosen) != 1:
                raise InputError(
                    f"{where}: {len(names)} arrays, expected one of the names {', '.join(ARRAYS)}"
                )
            (name,) = chosen
            if names[name].file_size > MOST_BYTES:
                raise InputError(
                    f"{where}: {names[name].file_size} bytes, expected at most {MOST_BYTES}"
                )
            return one_line(name[:40]), _plain_array(archive.read(names[name]), where)
    except (zipfile.BadZipFile, *UNDECODABLE) as error:
        raise InputError(f"{where}: no readable npz: {one_line(error)}: write it again") from None


def _plain_array(data: bytes, where: str) -> NDArray[Any]:
    """Return the array of a npy file, whose size its header must tell right."""
    file = io.BytesIO(data)
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"format {version} of npy")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, by_column, dtype = read(file)
    if dtype.kind not in NUMBERS:
        raise InputError(f"{where}: an array of {dtype}, expected plain numbers: never objects")
    begins, wanted = file.tell(), math.prod(shape) * dtype.itemsize
    if len(data) - begins != wanted or not wanted:
        raise ValueError(f"{len(data) - begins} bytes for {list(shape)} of {dtype}")
    flat = np.frombuffer(data, dtype, offset=begins)
    return flat.reshape(shape, order="F" if by_column else "C")
