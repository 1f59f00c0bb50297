import json
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.output_lock import LOCK, output_lock


def holder(folder: Path, name: str = LOCK) -> int:
    """Return a process of its own that holds the lock of a folder."""
    ready = folder / "ready"
    child = os.fork()
    if child == 0:
        try:
            with output_lock(folder, name=name):
                ready.touch()
                time.sleep(60)
        finally:
            os._exit(0)
    while not ready.exists():
        time.sleep(0.005)
    ready.unlink()
    return child


def test_a_second_builder_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    child = holder(tmp_path)
    try:
        said = rf"another vpo-build works there \(process {child} "
        with pytest.raises(InputError, match=said), output_lock(tmp_path):
            pass
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_the_lock_of_a_killed_builder_is_taken_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    child = holder(tmp_path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with output_lock(tmp_path):
        assert json.loads((tmp_path / LOCK).read_bytes())["pid"] == os.getpid()
    assert f"taking over from process {child} on {socket.gethostname()}" in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_same_builder_may_take_it_within(tmp_path: Path) -> None:
    with output_lock(tmp_path):
        with output_lock(tmp_path):
            pass
        assert (tmp_path / LOCK).exists()


def test_a_folder_that_was_made_for_the_lock_alone_goes_with_it(tmp_path: Path) -> None:
    with output_lock(tmp_path / "new/out"):
        assert (tmp_path / "new/out").is_dir()
    assert not (tmp_path / "new").exists()


def test_without_locks_in_the_file_system_the_note_has_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(descriptor: int, operation: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    note = {"pid": os.getpid(), "host": socket.gethostname(), "since": 0}
    (tmp_path / LOCK).write_text(json.dumps(note))
    with pytest.raises(InputError, match="another vpo-build works there"), output_lock(tmp_path):
        pass
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    (tmp_path / LOCK).write_text(json.dumps(note | {"pid": child}))
    with output_lock(tmp_path):
        pass
    (tmp_path / LOCK).write_text(json.dumps(note | {"pid": child, "host": "elsewhere"}))
    with pytest.raises(InputError, match="on elsewhere"), output_lock(tmp_path):
        pass


@pytest.mark.parametrize("pid", [2**80, -1, "1; rm", None, 1e400])
def test_a_note_from_outside_is_printed_safely(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], pid: object
) -> None:
    note = {"pid": pid, "host": "a\x1b[2J\nb", "since": 0}
    (tmp_path / LOCK).write_text(json.dumps(note))
    with output_lock(tmp_path):
        pass
    said = capfd.readouterr().err.splitlines()
    assert all(line.isprintable() for line in said)
    assert len(said) == isinstance(pid, int)
