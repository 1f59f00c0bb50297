"""No space at ten points of a command: one line names the file, and room lets the same finish."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.commands import write_inputs
from tests.faults.full_disk import POINTS
from vpo_builder.export.export import FORMATS

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(
        subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode
        != 0,
        reason="no user namespaces: a full disk cannot be made here",
    ),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write_inputs(folder)
    return folder


@pytest.mark.parametrize("name", ["gallery", *(f"export {form}" for form in FORMATS), "train"])
def test_a_full_disk_is_one_line_and_room_lets_the_same_command_finish(
    name: str, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    driver = [sys.executable, "-m", "tests.faults.full_disk", name, str(home), f"{tmp_path}/disk"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        ["unshare", "-rm", *driver], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert done.returncode == 0, done.stderr
    points = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(points) == POINTS
    for point in points:
        assert point["code"] == 2, point
        line = point["said"].splitlines()[-1]
        assert line.startswith(f"error: {tmp_path}/disk/out/"), line
        assert "no space left: make room and run the command again" in line
        assert ".tmp" not in line
        assert not [path for path in point["left"] if ".tmp" in path], point
        assert not point["torn"], point
        if name != "train":  # whose files come one after the other
            assert point["left"] == [], point
        assert point["again"] == 0, point
        assert point["same"], point["other"]
        print(f"{name}: {line.partition('disk/')[2][:70]}")
