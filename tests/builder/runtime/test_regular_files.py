import os
import socket
from pathlib import Path

import pytest

from vpo_builder.runtime.regular_files import UnusableFileError, open_regular, read_regular


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_regular_file_is_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert read_regular(tmp_path / "b", largest=5) == b"12345"
    assert read_regular(tmp_path / "b", largest=None) == b"12345"


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "folder"])
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        socket.socket(socket.AF_UNIX).bind(str(path))
    before = open_descriptors()
    with pytest.raises(OSError, match=r"is no regular file|No such device"):
        open_regular(path)
    assert open_descriptors() == before


def test_a_file_one_byte_too_large_is_refused_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123456")
    with pytest.raises(UnusableFileError) as refusal:
        read_regular(tmp_path / "a", largest=5)
    assert refusal.value.strerror == "6 bytes, expected at most 5"
    assert refusal.value.filename == str(tmp_path / "a")


def test_no_file_stays_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "absent")
