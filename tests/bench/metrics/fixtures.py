"""Outputs of the published metric code on fixed inputs; tests that need them skip without them."""

import json
from typing import Any

import numpy as np
import pytest

from tests.shared_material import SHARED

FOLDER = SHARED / "fixtures" / "metrics"
RELATIVE = 1e-6
"""What the published float32 sums allow."""


def load(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the expected figures of one fixture."""
    if not FOLDER.is_dir():
        pytest.skip(f"parity fixtures not found at {FOLDER}")
    with np.load(FOLDER / f"{name}.npz") as archive:
        arrays = dict(archive)
    return arrays, json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
