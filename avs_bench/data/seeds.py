"""Random generators that depend on what is drawn for, and on nothing drawn before.

A run killed and resumed, or read by another number of workers, therefore draws the same.
"""

import hashlib

import numpy as np


def numpy_generator(*keys: int | str) -> np.random.Generator:
    """Return a generator that is a function of `keys`, e.g. (seed, epoch, example id)."""
    return np.random.Generator(np.random.PCG64(digest(*keys)))


def digest(*keys: int | str) -> int:
    """Hash the keys to 63 bits; Python's own hash of a str differs from process to process."""
    text = "\0".join(map(str, keys)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1
