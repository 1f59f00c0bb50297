"""Fills the disk at ten points of a command, and gives it room again; prints a json for each.

    unshare -rm python -m tests.faults.full_disk NAME HOME DISK

A disk of its own is mounted on DISK, smaller than what the command writes.
"""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.faults.commands import begun, code_of, commands, contents, prepare

POINTS = 10
PAGE = 4096


def fill(name: str, home: Path, disk: Path) -> None:
    """Run the command undisturbed, then on ten disks that are too small, then with room."""
    words, stderr, out = commands(home, disk / "out")[name], home / "stderr", disk / "out"
    _mount(disk, "size=1g")
    prepare(name, home, out)
    assert code_of(begun(words)) == 0
    whole = contents(out)
    pages = sum(-(-len(data) // PAGE) for data in whole.values())
    assert pages > POINTS
    for point in range(POINTS):
        _mount(disk, f"size={PAGE * (1 + point * (pages - 2) // (POINTS - 1))}")
        prepare(name, home, out)
        code = code_of(begun(words, stderr))
        said, left = stderr.read_text(), sorted(contents(out))
        _mount(disk, "remount,size=1g")
        torn = [path for path, data in contents(out).items() if not _is_whole(path, data)]
        again = code_of(begun(words, stderr))
        same = contents(out) == whole
        other = sorted(p for p, data in contents(out).items() if data != whole.get(p))
        found = {"code": code, "said": said, "left": left, "torn": torn, "again": again}
        print(json.dumps({**found, "same": same, "other": other, "then": stderr.read_text()}))


def _is_whole(path: str, data: bytes) -> bool:
    """Tell whether a file of a run can be read to its end."""
    try:
        if path.endswith(".pt"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return archive.testzip() is None
        for text in data.splitlines() if path.endswith(".jsonl") else [data]:
            json.loads(text)
    except (ValueError, zipfile.BadZipFile):
        return False
    return data.endswith(b"\n") or not data


def _mount(disk: Path, options: str) -> None:
    if "remount" not in options:
        subprocess.run(["umount", str(disk)], check=False, capture_output=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=True)


if __name__ == "__main__":
    fill(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
