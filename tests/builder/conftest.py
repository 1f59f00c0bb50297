import shutil
from pathlib import Path

import pytest

from tests.avsbench_trees import write_s4
from tests.builder.building_single_plus import build_from
from tests.builder.dataset_by_hand import DUETS, write_dataset


@pytest.fixture
def small_dataset(tmp_path: Path) -> Path:
    """A finished VPO-SS of eight samples."""
    return write_dataset(tmp_path / "data")


@pytest.fixture
def small_duets(tmp_path: Path) -> Path:
    """A finished VPO-MS of three samples with two sources each."""
    return write_dataset(tmp_path / "data", DUETS, "ms")


@pytest.fixture(scope="session")
def s4_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small S4 tree, for reading only."""
    return write_s4(tmp_path_factory.mktemp("avsbench"))


@pytest.fixture
def own_s4_tree(s4_tree: Path, tmp_path: Path) -> Path:
    """A copy of the S4 tree that a test may spoil."""
    return shutil.copytree(s4_tree, tmp_path / "avsbench")


@pytest.fixture(scope="session")
def single_plus(s4_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a Single+ build from that tree, for reading only."""
    out = tmp_path_factory.mktemp("data")
    build_from(s4_tree, out)
    return out
