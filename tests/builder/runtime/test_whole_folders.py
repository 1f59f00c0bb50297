"""`atomic_folder`: a killed writer leaves nothing that the next does not mend."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vpo_builder.runtime import whole_folders
from vpo_builder.runtime.whole_folders import atomic_folder

WRITER = """
import os, signal, sys
from pathlib import Path
from vpo_builder.runtime.whole_files import on_state_change
from vpo_builder.runtime.whole_folders import atomic_folder
path, moment, wait = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "wait"

def stop(name):
    if name == f"{path.name} {moment}":
        print("there", flush=True)
        sys.stdin.read() if wait else os.kill(os.getpid(), signal.SIGKILL)

on_state_change(stop)
with atomic_folder(path) as fresh:
    (fresh / "page").write_text("new")
"""
MOMENTS = ("begun", "written", "renamed")


def write(path: Path, text: str) -> None:
    with atomic_folder(path) as fresh:
        (fresh / "page").write_text(text)


def killed(path: Path, moment: str) -> None:
    command = [sys.executable, "-c", WRITER, str(path), moment, "kill"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("old", [True, False])
def test_a_killed_writer_leaves_the_old_or_the_new_and_the_next_clears(
    tmp_path: Path, moment: str, old: bool
) -> None:
    path = tmp_path / "gallery"
    if old:
        write(path, "old")
    killed(path, moment)
    expected = "new" if moment == "renamed" else "old" if old else None
    assert ((path.exists() and (path / "page").read_text()) or None) == expected
    if old or moment != "renamed":
        assert len(list(tmp_path.glob(".gallery.*.tmp"))) == 1
    write(path, "next")
    assert (path / "page").read_text() == "next"
    assert list(tmp_path.iterdir()) == [path]


def test_what_another_writes_or_is_not_ours_stays(tmp_path: Path) -> None:
    path = tmp_path / "gallery"
    others = [".gallery.tmp", ".gallery.0123456789ab", ".other.0123456789ab.tmp", "gallery.tmp"]
    for name in (*others, ".gallery.0123456789AB.tmp", ".gallery.0123456789abc.tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / ".gallery.0123456789ac.tmp").write_text("a file")
    (tmp_path / ".gallery.0123456789ad.tmp").symlink_to(tmp_path / "gallery.tmp")
    before = set(tmp_path.iterdir())
    command = [sys.executable, "-c", WRITER, str(path), "begun", "wait"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "there\n"
        (theirs,) = set(tmp_path.iterdir()) - before
        write(path, "mine")
        assert theirs.is_dir()
        assert (path / "page").read_text() == "mine"
        writer.communicate("")
    assert (path / "page").read_text() == "new"
    assert set(tmp_path.iterdir()) == before | {path}


def test_the_block_s_error_leaves_the_old_folder(tmp_path: Path) -> None:
    write(tmp_path / "gallery", "old")
    with pytest.raises(ZeroDivisionError), atomic_folder(tmp_path / "gallery"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.rglob("*")] == ["gallery", "page"]
    assert (tmp_path / "gallery" / "page").read_text() == "old"


def test_the_old_folder_is_there_until_the_new_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where names can be exchanged no moment is without a folder; elsewhere the end is the same."""
    path = tmp_path / "gallery"
    write(path, "old")
    exchanged = whole_folders._exchange
    seen = []

    def watched(first: Path, second: Path) -> bool:
        before = second.stat().st_ino
        done = exchanged(first, second)
        seen.append(done and first.stat().st_ino == before)
        return done

    monkeypatch.setattr(whole_folders, "_exchange", watched)
    write(path, "new")
    assert seen == [True]
    monkeypatch.setattr(whole_folders, "_exchange", lambda first, second: False)
    write(path, "newer")
    assert (path / "page").read_text() == "newer"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_to_a_folder_stays_one(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "gallery").symlink_to(tmp_path / "disk" / "real")
    write(tmp_path / "gallery", "new")
    assert (tmp_path / "gallery").is_symlink()
    assert (tmp_path / "disk" / "real" / "page").read_text() == "new"


def test_a_file_in_the_way_is_named_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("somebody's")
    with pytest.raises(NotADirectoryError) as refused, atomic_folder(tmp_path / "taken"):
        pytest.fail("something was to be written")
    assert refused.value.filename == str(tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_folder_that_cannot_be_made_is_named_and_not_its_temporary_one() -> None:
    with pytest.raises(OSError, match="/proc/x") as refused, atomic_folder(Path("/proc/x")):
        pytest.fail("nothing can be made there")
    assert refused.value.filename == "/proc/x"
