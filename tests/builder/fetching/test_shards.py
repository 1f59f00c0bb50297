"""One process, several, shards and Ray: the same manifest."""

import contextlib
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builder.building import build_from, run_build, source_options
from tests.builder.fetching import loopback
from tests.builder.fetching.loopback import Loopback
from tests.builder.small_corpus import farm
from vpo_builder.dataset.manifest import CHECKSUMS, MANIFEST, META
from vpo_builder.fetching.ledger import FETCHED, LEDGER, STATE_FOLDER, read_attempts
from vpo_builder.fetching.shards import Shard, parse_shard
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.executors import open_executor

SS = "VPO/VPO-SS"


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback.running() as running:
        yield running


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of which a tenth of the clips is gone and some are cut short."""
    folder = farm(tmp_path_factory.mktemp("farm")).folder
    for number, path in enumerate(sorted((folder / "vggsound/audios").iterdir())):
        if number % 10 == 0:
            path.unlink()
        elif number % 10 == 3:
            path.write_bytes(path.read_bytes()[:3000])
    return folder


@pytest.fixture(scope="module")
def expected(farm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return published(build_from(farm_folder, tmp_path_factory.mktemp("serial")).folder)


def published(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in (MANIFEST, META, CHECKSUMS)}


def test_four_processes_give_the_same_bytes(
    server: Loopback, farm_folder: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    server.add_corpus(farm_folder, tmp_path / "annotations.zip")
    options = ("--split", "ss", "--out", tmp_path / "out", *server.options())
    assert run_build(*options, "--workers", 4).exit_code == 0
    assert published(tmp_path / "out" / SS) == expected


def test_three_shards_merged_give_the_same_bytes_and_fetch_nothing_twice(
    server: Loopback, farm_folder: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    server.add_corpus(farm_folder, tmp_path / "annotations.zip")
    options = ("--split", "ss", "--out", tmp_path / "out", "--workers", 1, *server.options())
    for number in (3, 1, 2):
        result = run_build(*options, "--shard", f"{number}/3")
        assert result.exit_code == 0, result.output
        assert f"shard {number}/3 of ss: " in result.output
    assert not (tmp_path / "out" / SS).exists()
    before = server.requests.total()
    merged = run_build(*options, "--merge")
    assert merged.exit_code == 0, merged.output
    assert "not ended" not in merged.stderr
    assert published(tmp_path / "out" / SS) == expected
    assert server.requests.total() - before <= 3, "all but a clip that two shards fell back on"
    assert max(server.completed.values()) == 1
    rows = list(read_attempts(tmp_path / "out" / STATE_FOLDER / LEDGER))
    assert {row.record for row in rows if row.kind == "clip" and row.outcome == FETCHED}
    assert len({(row.kind, row.record, row.started, row.outcome) for row in rows}) == len(rows)


def test_shards_of_folders_are_merged_too_and_a_missing_one_is_told_of(
    farm_folder: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    sources = source_options(farm_folder)
    options = ("--split", "ss", "--out", tmp_path / "out", "--workers", 1, *sources)
    nothing = run_build(*options, "--merge")
    assert nothing.exit_code == 2
    assert "--merge: no shard has worked in" in nothing.stderr
    for number in (1, 3):
        assert run_build(*options, "--shard", f"{number}/3").exit_code == 0
    merged = run_build(*options, "--merge")
    assert merged.exit_code == 0, merged.output
    assert "of 3 shards, not ended: 2; their share is done now" in merged.stderr
    assert published(tmp_path / "out" / SS) == expected


def test_a_shard_is_read_from_its_option_or_from_slurm() -> None:
    assert parse_shard("2/16", {}) == Shard(2, 16)
    assert parse_shard("/16", {"SLURM_ARRAY_TASK_ID": "0"}) == Shard(1, 16)
    first = {"SLURM_ARRAY_TASK_ID": "16", "SLURM_ARRAY_TASK_MIN": "1"}
    assert parse_shard("/16", first) == Shard(16, 16)
    for text in ("0/3", "4/3", "1", "a/b", "-1/3", "1/3/5", "/3", "1/0"):
        with pytest.raises(InputError, match=f"--shard {text}"):
            parse_shard(text, {})


def test_every_record_is_of_exactly_one_shard() -> None:
    shards = [Shard(number, 7) for number in range(1, 8)]
    for record in (f"clip-{number}" for number in range(200)):
        assert sum(shard.owns(record) for shard in shards) == 1


@pytest.fixture(scope="session")
def ray() -> Iterator[Any]:
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    root = str(Path(__file__).parents[3])
    before = os.environ.get("PYTHONPATH", "")
    os.environ |= {"PYTHONPATH": f"{root}:{before}", "RAY_USAGE_STATS_ENABLED": "0"}
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 * 2**20,
        log_to_driver=False,
    )
    yield ray
    ray.shutdown()
    os.environ["PYTHONPATH"] = before


def test_ray_gives_the_same_bytes_and_so_it_does_when_a_worker_is_killed(
    ray: Any, farm_folder: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    options = ("--split", "ss", "--executor", "ray", *source_options(farm_folder))
    assert run_build(*options, "--out", tmp_path / "whole").exit_code == 0
    assert published(tmp_path / "whole" / SS) == expected
    process_id = ray.remote(lambda: os.getpid())
    workers = set(ray.get([process_id.remote() for _ in range(8)]))
    killed = threading.Event()

    def kill_one() -> None:
        while not list((tmp_path / "out").glob("vggsound_bench/**/*.wav")):
            time.sleep(0.001)
        os.kill(workers.pop(), signal.SIGKILL)
        killed.set()

    threading.Thread(target=kill_one, daemon=True).start()
    assert run_build(*options, "--out", tmp_path / "out").exit_code == 0
    assert killed.is_set()
    assert published(tmp_path / "out" / SS) == expected


def worker_processes() -> list[int]:
    """Return the processes below this one that are Ray's workers, idle or at our tasks."""
    parents, names = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):  # it has just ended
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(status[1])
                names[int(entry.name)] = (entry / "cmdline").read_bytes()

    def is_ours(process: int) -> bool:
        while process in parents and process != os.getpid():
            process = parents[process]
        return process == os.getpid()

    workers = (b"ray::IDLE", b"ray::run_batch")
    return sorted(p for p, name in names.items() if name.startswith(workers) and is_ours(p))


@pytest.mark.proof
def test_workers_of_ray_killed_at_random_moments_change_no_byte(
    ray: Any, farm_folder: Path, expected: dict[str, bytes], tmp_path: Path
) -> None:
    options = ("--split", "ss", "--executor", "ray", *source_options(farm_folder))
    draw, kills, rounds = random.Random(14), 0, 0
    while kills < int(os.environ.get("AVS_TEST_KILLS", "4")):  # each costs the start of a worker
        rounds += 1
        out, over = tmp_path / f"out-{rounds}", threading.Event()

        def kill_now_and_then(out: Path = out, over: threading.Event = over) -> None:
            nonlocal kills
            while not over.wait(draw.uniform(0.0, 0.3)):
                if out.exists() and (workers := worker_processes()):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(draw.choice(workers), signal.SIGKILL)
                        kills += 1

        killer = threading.Thread(target=kill_now_and_then)
        killer.start()
        result = run_build(*options, "--out", out)
        over.set()
        killer.join()
        if result.exit_code:
            assert "a worker process was killed 3 times" in result.stderr
            assert run_build(*options, "--out", out).exit_code == 0
        assert published(out / SS) == expected
        assert not [path for path in out.rglob("*") if ".tmp" in path.name]
        shutil.rmtree(out)
        assert rounds < 20


def fill_the_disk(_: object) -> None:
    raise OSError(28, "No space left on device", "/somewhere")


def test_an_error_comes_through_ray_whole(ray: Any) -> None:
    with pytest.raises(OSError, match="No space") as caught, open_executor("ray", 2) as executor:
        executor(fill_the_disk, [0], "writing")
    assert (caught.value.errno, caught.value.filename) == (28, "/somewhere")


def test_without_ray_its_executor_says_what_to_install(
    tmp_path: Path, farm_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    options = ("--split", "ss", "--executor", "ray", *source_options(farm_folder))
    result = run_build(*options, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--executor ray: Ray is not installed: pip install" in result.stderr
