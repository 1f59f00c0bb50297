"""One trial: an input is spoilt, the commands that read it run, and what they did is judged."""

import os
import shutil
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from click.testing import CliRunner, Result

from tests.fuzz.inputs import DATASET, KINDS, OF_A_RUN, Command, Kind, seal_again
from tests.fuzz.mutations import BYTES, insert
from vpo_builder.dataset.manifest import META
from vpo_builder.runtime.whole_files import is_temporary

OUTSIDE = ("/etc/hostname", "/dev/zero")
"""What hostile texts name: nothing may open it."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGING = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink")


@dataclass
class Outcome:
    """What became of a trial: exit codes, last lines, and every finding in words."""

    kind: str
    number: int
    spoilt: str = ""
    codes: list[int] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)


class Sandbox:
    """A folder with `in`, which nothing may change, and `out`, below which all must be written."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder.resolve()
        self.home, self.out = self.folder / "in", self.folder / "out"
        shutil.copytree(template, self.home)
        (self.folder / "outside").write_bytes(b"nobody may touch this")
        for name in ("cwd", "tmp"):
            (self.folder / name).mkdir()
        os.environ |= {"TMPDIR": f"{self.folder}/tmp", "MPLCONFIGDIR": f"{self.folder}/plots"}
        (self.folder / "plots").mkdir()
        tempfile.tempdir = f"{self.folder}/tmp"
        os.chdir(self.folder / "cwd")
        self._trespasses: list[str] | None = None
        sys.addaudithook(self._watch)

    def contents(self) -> dict[str, tuple[int, ...]]:
        """Return a stamp of all that lies around `out`, which any write changes, an equal one too.

        The time of the last change of a file's content or name (ctime) can be set by nobody.
        """
        found = {}
        for home, folders, files in os.walk(self.folder):
            if home == str(self.folder):
                folders[:] = [name for name in folders if name not in ("out", "plots")]
            for name in (*folders, *files):
                stat = os.lstat(path := f"{home}/{name}")
                found[path] = (stat.st_ino, stat.st_mode, stat.st_size, stat.st_ctime_ns)
        return found

    @contextmanager
    def watched(self) -> Iterator[list[str]]:
        """Collect what the block opens to write, or changes, outside of `out`."""
        self._trespasses = trespasses = []
        try:
            yield trespasses
        finally:
            self._trespasses = None

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._trespasses is None or not (event == "open" or event in CHANGING):
            return
        at_folder = event != "open" and isinstance(arguments[-1], int) and arguments[-1] >= 0
        paths = arguments[:2] if event in ("os.rename", "os.link") else arguments[:1]
        for path in paths:
            if not isinstance(path, str | bytes | os.PathLike) or at_folder:
                continue
            name = os.path.realpath(os.fsdecode(path))
            writes = event != "open" or bool((arguments[2] or 0) & WRITING)
            if name in (*OUTSIDE, f"{self.folder}/outside") or (writes and not self._allows(name)):
                self._trespasses.append(f"{event} {name}")

    def _allows(self, name: str) -> bool:
        own = [f"{self.folder}/{place}/" for place in ("out", "tmp", "plots")]
        harmless = "/__pycache__" in name or "/torchinductor_" in name or name == "/dev/null"
        return harmless or any(f"{name}/".startswith(place) for place in own)


def unchanged(data: bytes, draw: Random) -> bytes:
    """Leave the file as it is: then all commands succeed, so that none is kept from its input."""
    return data


def run(sandbox: Sandbox, kind: Kind, number: int) -> Outcome:
    """Do the trial of a kind that a number names, and put everything back."""
    control = number == CONTROL
    outcome = Outcome(kind.name, number)
    draw = Random(f"{kind.name}:{number}")
    shutil.rmtree(sandbox.out, ignore_errors=True)
    sandbox.out.mkdir()
    if kind.needs_run:
        shutil.copytree(sandbox.home / "run", sandbox.out / "run")
    base = sandbox.out if kind.files.startswith(OF_A_RUN) else sandbox.home
    path = draw.choice(sorted(base.glob(kind.files)))
    before, after = path.read_bytes(), b""
    change = draw.choice(BYTES)
    if kind.structure and draw.random() < 0.7:
        change = draw.choice(kind.structure)
    if not before:
        change = insert
    if control:
        change = unchanged
    after = change(before, draw)
    outcome.spoilt = f"{path.relative_to(base)} by {change.__name__}"
    dataset = path.parent if kind.files.startswith("published") else sandbox.home / DATASET
    kept = {file: file.read_bytes() for file in dataset.iterdir() if file.is_file()}
    path.write_bytes(after)
    resealed = kind.is_sealed and draw.random() < 0.5
    if resealed:
        seal_again(dataset)
        outcome.spoilt += ", sealed again"
    try:
        must_refuse = kind.is_sealed and not resealed and after != before
        _run_commands(sandbox, kind, draw, outcome, must_refuse)
        if control and any(outcome.codes):
            outcome.findings.append(f"refuses a right input: {outcome.said}")
    finally:
        path.write_bytes(before)
        for file, data in kept.items():
            file.write_bytes(data)
    return outcome


def _run_commands(
    sandbox: Sandbox, kind: Kind, draw: Random, outcome: Outcome, must_refuse: bool
) -> None:
    around = sandbox.contents()
    threads = threading.active_count()
    for command in kind.commands(sandbox.home, sandbox.out, draw):
        result = _judged(sandbox, command, outcome)
        if must_refuse and "verify" in command and result.exit_code != 1:
            outcome.findings.append(f"verify accepts a changed dataset: {result.output[-300:]}")
        if command[0] == "vpo-build":
            _judge_build(sandbox, command, result, outcome)
    now = sandbox.contents()
    if now != around:
        names = [name for name in {**around, **now} if around.get(name) != now.get(name)]
        outcome.findings.append(f"changed around the output: {names[:3]}")
    left = [p.name for p in sandbox.out.rglob(".*") if is_temporary(p.name) or ".tmp" in p.name]
    if left:
        outcome.findings.append(f"left over: {left[:3]}")
    if threading.active_count() > threads + 2:
        outcome.findings.append(f"{threading.active_count()} threads are left running")


def _judge_build(sandbox: Sandbox, command: Command, result: Result, outcome: Outcome) -> None:
    """What was built is verified; what was refused has no meta, which says it is finished."""
    for meta in sorted((sandbox.out / "built").rglob(META)):
        said = _judged(sandbox, ("vpo-data", "verify", str(meta.parent), "--decode"), outcome)
        if said.exit_code != 0:
            outcome.findings.append(f"verify refuses what was built: {said.output[-300:]}")
    if result.exit_code == 0 and not list((sandbox.out / "built").rglob(META)):
        outcome.findings.append("a build with exit code 0 has no manifest")


def _judged(sandbox: Sandbox, command: Command, outcome: Outcome) -> Result:
    with sandbox.watched() as trespasses:
        result = CliRunner().invoke(_program(command[0]), list(command[1:]))
    outcome.codes.append(result.exit_code)
    outcome.said.append(f"{' '.join(command)}: {result.exit_code} {result.output[-300:]}")
    where = " ".join(command[:2])
    if trespasses:
        outcome.findings.append(f"{where}: outside of the output: {sorted(set(trespasses))[:3]}")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        trace = "".join(traceback.format_exception(*result.exc_info)[-4:])
        outcome.findings.append(f"{where}: traceback: {trace}")
    elif "Traceback" in result.output:
        outcome.findings.append(f"{where}: prints a traceback: {result.output[-1000:]}")
    elif result.exit_code not in (0, 1, 2):
        outcome.findings.append(f"{where}: exit code {result.exit_code}")
    elif result.exit_code == 2:
        errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        if len(errors) != 1 or not result.stderr.rstrip("\n").endswith(errors[-1]):
            outcome.findings.append(f"{where}: not one line: {result.stderr[-500:]}")
    return result


def _program(name: str) -> Any:
    if name == "vpo-build":
        from vpo_builder.commands.vpo_build import build_command

        return build_command
    if name == "vpo-data":
        from vpo_builder.commands.vpo_data import data_command

        return data_command
    from avs_bench.commands.main import main

    return main


CONTROL = -1
"""The number of the trial in which nothing is spoilt."""
BY_NAME = {kind.name: kind for kind in KINDS}
