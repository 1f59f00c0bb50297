"""Four shards at once and their merging, killed at random moments: the bytes of a whole build."""

import itertools
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.builder.building import build_from, run_build, source_options
from tests.builder.fetching import loopback
from tests.builder.fetching.loopback import Loopback
from tests.builder.small_corpus import farm
from vpo_builder.dataset.manifest import CHECKSUMS, MANIFEST, META
from vpo_builder.dataset.places import AUDIO_FOLDER
from vpo_builder.verify.verify import verify

SS = "VPO/VPO-SS"
SHARDS = [("--shard", f"{number}/4") for number in range(1, 5)]
KILLS = int(os.environ.get("AVS_TEST_KILLS", "6"))  # 20 take a minute on two processors


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small corpus that no test changes."""
    return farm(tmp_path_factory.mktemp("farm")).folder


@pytest.fixture
def server(farm_folder: Path, tmp_path: Path) -> Iterator[Loopback]:
    with loopback.running() as running:
        running.add_corpus(farm_folder, tmp_path / "annotations.zip")
        yield running


def published(out: Path) -> dict[str, bytes]:
    return {name: (out / SS / name).read_bytes() for name in (MANIFEST, META, CHECKSUMS)}


def started(options: tuple[object, ...]) -> int:
    """Start a build in a forked child, in a group of its own, and return the child's number."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        code = 1
        try:
            code = run_build(*options).exit_code
        finally:
            os._exit(code)
    with suppress(OSError):  # whoever of the two comes first
        os.setpgid(child, child)
    return child


def code_of(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_at_random(children: list[int], seconds: float, draw: random.Random) -> int:
    """Kill each child at a moment of its own within so many seconds; return how many still ran."""
    began = time.monotonic()
    for moment, child in sorted((draw.uniform(0, seconds), child) for child in children):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        os.kill(child, signal.SIGKILL)
    return [code_of(child) for child in children].count(-signal.SIGKILL)


@pytest.mark.proof
def test_shards_killed_at_random_moments_merge_to_the_bytes_of_a_whole_build(
    server: Loopback, farm_folder: Path, tmp_path: Path
) -> None:
    build_from(farm_folder, tmp_path / "whole")
    draw, kills, seconds = random.Random(14), 0, {}
    for number in itertools.count():
        if kills >= KILLS:
            break
        assert number < 4 * KILLS, "the shards had ended before they were to be killed"
        out, fetched = tmp_path / f"out-{number}", number % 2
        sources = server.options() if fetched else source_options(farm_folder)
        options = ("--split", "ss", "--workers", 1, *sources, "--out")
        if fetched not in seconds:
            began = time.monotonic()
            children = [started((*options, tmp_path / f"timed-{fetched}", *s)) for s in SHARDS]
            assert [code_of(child) for child in children] == [0] * 4
            seconds[fetched] = time.monotonic() - began
        kills += kill_at_random(
            [started((*options, out, *s)) for s in SHARDS], seconds[fetched], draw
        )
        again = [started((*options, out, *shard)) for shard in SHARDS]
        assert [code_of(child) for child in again] == [0] * 4
        kill_at_random([started((*options, out, "--merge"))], seconds[fetched], draw)
        assert code_of(started((*options, out, "--merge"))) == 0
        assert published(out) == published(tmp_path / "whole")
        assert not verify(out / SS, decode=True).faults
        clips = {path.name for path in (tmp_path / "whole" / AUDIO_FOLDER).iterdir()}
        assert {path.name for path in (out / AUDIO_FOLDER).iterdir()} == clips
        left = [path for path in out.rglob("*") if ".tmp" in path.name or ".part" in path.name]
        assert not left
