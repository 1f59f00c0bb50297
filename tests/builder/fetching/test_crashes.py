"""Builds killed at every change of state, at random times, and by the two signals."""

import random
import re
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.builder.building import BUILD
from tests.builder.fetching import loopback
from tests.builder.fetching.fetching_build import (
    build_by_fetching,
    fetch_options,
    hamlet,
    in_child,
    silence,
)
from tests.builder.fetching.loopback import Loopback
from vpo_builder.dataset.manifest import CHECKSUMS, MANIFEST, META, read_manifest
from vpo_builder.fetching.fetch_request import FetchOptions
from vpo_builder.runtime.whole_files import on_state_change
from vpo_builder.verify.verify import verify

SS = "VPO/VPO-SS"
ROOT = Path(__file__).parents[3]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback.running() as running:
        yield running


@pytest.fixture
def options(server: Loopback, tmp_path: Path) -> FetchOptions:
    """Serve a corpus in which the ranking meets a clip that is gone and one that is silent."""
    corpus = hamlet(tmp_path / "sources")
    server.add_corpus(tmp_path / "sources", tmp_path / "annotations.zip")
    trial = build_by_fetching(tmp_path / "trial", fetch_options(server))
    used = sorted({s.clip_id for row in read_manifest(trial.folder).samples for s in row.sources})
    audios = corpus.folder / "vggsound/audios"
    silence(audios / f"{used[0]}.wav")
    server.files[f"/clips/{used[0]}"] = (audios / f"{used[0]}.wav").read_bytes()
    del server.files[f"/clips/{used[-1]}"]
    server.script[f"/clips/{used[1]}"] = [loopback.cut(), loopback.whole]
    server.requests.clear()
    return fetch_options(server)


def published(out: Path) -> dict[str, bytes]:
    return {name: (out / SS / name).read_bytes() for name in (MANIFEST, META, CHECKSUMS)}


def reached(work: Callable[[], object], tmp_path: Path) -> list[str]:
    """Return the names of the states that a build passes through, in their order."""
    log = tmp_path / "states"

    def record(name: str) -> None:
        with log.open("a") as file:
            file.write(name + "\n")

    def watched() -> None:
        on_state_change(record)
        work()

    assert in_child(watched) == 0
    return log.read_text().splitlines()


def kind_of(state: str) -> str:
    """Return a state's name without the number of its image or clip."""
    return re.sub(r"(cat|dog)-clip-\d\d_\d{6}|\d{12}", "*", state)


def killed_at(state: str, occurrence: int, work: Callable[[], object]) -> Callable[[], object]:
    """Return work that is killed when a state is reached for the nth time."""

    def doomed() -> None:
        left = occurrence

        def count(name: str) -> None:
            nonlocal left
            left -= kind_of(name) == state
            if not left:
                signal.raise_signal(signal.SIGKILL)

        on_state_change(count)
        work()

    return doomed


def complete(out: Path) -> set[str]:
    """Return the paths of a server whose files have come whole."""
    recordings = [*out.glob(".fetch/recordings/*.*"), *out.glob("vggsound_bench/**/*.wav")]
    clips = {f"/clips/{path.stem}" for path in recordings if not path.name.startswith(".")}
    images = out.glob("sources/coco/*2017/*.jpg")
    coco = {f"/coco/{path.parent.name}/{path.name}" for path in images if path.name[0] != "."}
    if list(out.glob("sources/coco/annotations.zip")):
        coco.add("/coco/annotations.zip")
    table = {"/vggsound.csv"} if (out / "sources/vggsound/vggsound.csv").exists() else set()
    return clips | coco | table


@pytest.mark.proof
def test_a_build_killed_at_any_change_of_state_resumes_to_the_same_bytes(
    server: Loopback, options: FetchOptions, tmp_path: Path
) -> None:
    def work(out: Path) -> Callable[[], object]:
        return lambda: build_by_fetching(out, options)

    states = Counter(map(kind_of, reached(work(tmp_path / "whole"), tmp_path)))
    expected = published(tmp_path / "whole")
    assert len(states) >= 25, states
    for state, times in sorted(states.items()):
        out = tmp_path / "killed"
        occurrence = 1 + len(state) % times
        assert in_child(killed_at(state, occurrence, work(out))) == -signal.SIGKILL, state
        there, before = complete(out), Counter(server.requests)
        assert in_child(work(out)) == 0, state
        again = {path for path, count in (server.requests - before).items() if count}
        assert not there & again, f"{state}: downloaded twice"
        assert published(out) == expected, state
        assert not list(out.rglob("*.tmp*")), state
        shutil.rmtree(out)
    assert not verify(tmp_path / "whole" / SS).faults


def spawn(out: Path, server: Loopback, *options: str) -> "subprocess.Popen[str]":
    """Start a build that hears SIGINT, even where the tests run in a shell's background."""
    command = [*BUILD, "--split", "ss", "--out", str(out), *options, *server.options()]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # an ignored one is inherited
    try:
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("times", [5, pytest.param(20, marks=pytest.mark.proof)])
def test_processes_killed_at_random_times_resume_to_the_same_bytes(
    server: Loopback, options: FetchOptions, tmp_path: Path, times: int
) -> None:
    build_by_fetching(tmp_path / "whole", options)
    server.seconds_each = 0.05
    draw = random.Random(20)
    out = tmp_path / "killed"
    kills = 0
    while kills < times:
        process = spawn(out, server, "--workers", "2" if kills % 5 == 0 else "1")
        began = time.monotonic()
        while not (out / ".vpo-build.lock").exists() and process.poll() is None:
            time.sleep(0.002)  # most of a start is imports, in which there is nothing to lose
        time.sleep(draw.uniform(0.0, 0.6))
        ended = process.poll() is not None
        process.kill()
        process.communicate()
        kills += not ended
        assert time.monotonic() - began < 60
        there, before = complete(out), Counter(server.requests)
        if kills % 5 == 0 or ended:
            assert in_child(lambda: build_by_fetching(out, options)) == 0
            again = {path for path, count in (server.requests - before).items() if count}
            assert not there & again
            assert published(out) == published(tmp_path / "whole")
            shutil.rmtree(out)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_build_cleanly_and_it_resumes(
    server: Loopback, options: FetchOptions, tmp_path: Path, number: int, code: int
) -> None:
    build_by_fetching(tmp_path / "whole", options)
    server.requests.clear()
    server.seconds_each = 0.2
    out = tmp_path / "out"
    process = spawn(out, server, "--workers", "2")
    while not any(path.startswith("/clips/") for path in server.requests):
        assert process.poll() is None
        time.sleep(0.005)
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == code, said
    assert time.monotonic() - began < 10
    assert said.splitlines()[-1] == "stopped: run the same command again; it resumes"
    assert "Traceback" not in said
    assert not list(out.rglob("*.tmp*"))
    assert not (out / ".vpo-build.lock").exists()
    server.seconds_each = 0
    build_by_fetching(out, options)
    assert published(out) == published(tmp_path / "whole")
