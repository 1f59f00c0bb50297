from pathlib import Path

import pytest

from tests.builder.dataset_by_hand import DUETS, write_dataset


@pytest.fixture
def small_dataset(tmp_path: Path) -> Path:
    """A finished VPO-SS of eight samples."""
    return write_dataset(tmp_path / "data")


@pytest.fixture
def small_duets(tmp_path: Path) -> Path:
    """A finished VPO-MS of three samples with two sources each."""
    return write_dataset(tmp_path / "data", DUETS, "ms")
