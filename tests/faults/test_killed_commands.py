"""Commands killed by SIGKILL at random moments: the same bytes as undisturbed, nothing left over.

`make prove-kills` kills each twenty times; builds, their workers and shards have tests of their own
in tests/builder/fetching, training in tests/bench/training.
"""

import random
import time
from pathlib import Path

import pytest

from tests.faults.commands import begun, code_of, commands, contents, killed, prepare, write_inputs

pytestmark = pytest.mark.proof
KILLS = 20
NAMES = tuple(name for name in commands(Path("home"), Path("out")) if name != "train")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    write_inputs(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_a_command_killed_at_random_moments_ends_as_one_that_never_was(
    name: str, home: Path, tmp_path: Path
) -> None:
    out, draw = tmp_path / "out", random.Random(name)
    words = commands(home, out)[name]
    prepare(name, home, out)
    untouched = contents(home)
    seconds = []
    for _ in range(2):  # the first may be slower, by what it imports
        prepare(name, home, out)
        began = time.monotonic()
        assert code_of(begun(words)) == 0
        seconds.append(time.monotonic() - began)
    whole = contents(out)
    assert whole
    kills = attempts = 0
    while kills < KILLS:
        assert (attempts := attempts + 1) < 5 * KILLS, "had ended before it was to be killed"
        if kills % 3 == 0:  # else what stands is written over, and a second kill finds the first's
            prepare(name, home, out)
        kills += killed(words, draw.uniform(0, seconds[-1]))
        if name.startswith("export") and (out / "made").exists():
            assert contents(out / "made") == contents_below(whole, "made/")
            prepare(name, home, out)  # an export is never written over another
        if kills % 2 == 0:
            assert code_of(begun(words)) == 0
            assert contents(out) == whole
            if name.startswith("export"):
                prepare(name, home, out)
    prepare(name, home, out) if name.startswith("export") else None
    assert code_of(begun(words)) == 0
    assert contents(out) == whole
    assert contents(home) == untouched
    print(f"{name}: {kills} kills within {seconds[-1]:.2f} s")


def contents_below(files: dict[str, bytes], start: str) -> dict[str, bytes]:
    return {
        name.removeprefix(start): data for name, data in files.items() if name.startswith(start)
    }
