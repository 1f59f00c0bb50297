"""A stateless hash: the same ids give the same number, whatever else is in the corpus.

Random choices made this way do not depend on order, on the number of workers or on which other
images and clips exist, so a dataset changes only where its inputs changed.
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]


def text_key(text: str) -> int:
    """Return the 64-bit key of a string."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def mix(purpose: str, *parts: Any) -> Hashes:
    """Return the 64-bit hash of integers or broadcastable integer arrays.

    `purpose` separates draws that must not be correlated. The mixing step is the finaliser of
    splitmix64 (Steele, Lea and Flood, OOPSLA 2014), applied after each part.
    """
    with np.errstate(over="ignore"):
        state: Any = np.uint64(text_key(purpose))
        for part in parts:
            state = _finalise(state ^ _unsigned(part))
    return np.asarray(state, dtype=np.uint64)


def unit(hashes: Hashes) -> NDArray[np.float64]:
    """Return hashes as numbers in (0, 1)."""
    return ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _unsigned(part: Any) -> Any:
    if isinstance(part, int):
        return np.uint64(part % 2**64)
    return np.asarray(part).astype(np.uint64, copy=False)


def _finalise(state: Any) -> Any:
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
