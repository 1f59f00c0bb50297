"""Every fault of the system is one line that names what is at fault; a bug is a traceback."""

import errno
import os
import pickle
import random
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.builder.dataset_by_hand import AUDIO
from tests.builder.documents.test_documents import write_documents
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.manifest import read_manifest
from vpo_builder.runtime.errors import as_input_error, one_line_errors
from vpo_builder.runtime.whole_files import write_atomically
from vpo_builder.runtime.whole_folders import atomic_folder

VPO_DATA = "from vpo_builder.commands.vpo_data import data_command; data_command()"
VPO_BUILD = "from vpo_builder.commands.vpo_build import build_command; build_command()"
AVS_BENCH = "from avs_bench.commands.main import main; main()"


def shown(work: Callable[[], object]) -> Result:
    """Return what a command shows whose work is this."""

    @click.command()
    @one_line_errors
    def command() -> None:
        work()

    return CliRunner().invoke(command)


def line(result: Result) -> str:
    assert result.exit_code == 2, (result.output, result.exception)
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def told(work: Callable[[], object]) -> str:
    return line(shown(work))


@contextmanager
def limited(what: int, most: int) -> Iterator[None]:
    """Let this process have no more of what the system gives."""
    before = resource.getrlimit(what)
    resource.setrlimit(what, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(what, before)


def many_files(folder: Path) -> None:
    few = len(list(Path("/proc/self/fd").iterdir())) + 5
    with limited(resource.RLIMIT_NOFILE, few):
        held = [(folder / "file").open() for _ in range(1000)]
        pytest.fail(f"{len(held)} files are open")


def test_faults_that_can_be_made_here_are_one_line_each(tmp_path: Path) -> None:
    file, loop = tmp_path / "file", tmp_path / "loop"
    file.write_text("x")
    loop.symlink_to(loop)
    long = tmp_path / ("n" * 300)
    for work, said in (
        (lambda: (tmp_path / "none").read_bytes(), "none: no such file or folder"),
        (lambda: (file / "inside").read_bytes(), "file/inside: a file stands where a folder is"),
        (lambda: write_atomically(file / "inside", b""), "file: is a file, expected a folder"),
        (lambda: tmp_path.read_bytes(), f"{tmp_path}: is a folder, expected a file"),
        (lambda: tmp_path.mkdir(), f"{tmp_path}: exists already"),
        (loop.read_bytes, "loop: a loop of links"),
        (lambda: write_atomically(long, b"x"), f"{long}: the name is too long"),
        (lambda: many_files(tmp_path), "file: too many open files: raise the limit (ulimit -n)"),
        (lambda: bytearray(2**62), "out of memory"),
    ):
        assert said in told(work)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def raising(error: BaseException) -> Callable[[], None]:
    def work() -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EROFS, "x", "a", None, "b"), "error: b: the file system is read-only"),
        (OSError(errno.ENOSPC, "x", "a", None, "b"), "error: b: no space left: make room"),
        (OSError(errno.ENOENT, "x", "a", None, "b"), "error: a: no such file or folder"),
        (OSError(errno.ENOSPC, "x"), "error: the output folder: no space left"),
        (OSError(errno.EACCES, "x", b"a"), "error: a: permission denied"),
        (OSError(errno.EAGAIN, "x"), "starts no more processes or threads"),
        (OSError(errno.ENOMEM, "x"), "out of memory"),
        (OSError(errno.ENXIO, "No such device", "a"), "error: a: No such device: check it"),
        (RuntimeError("can't start new thread"), "threads: the system starts no more"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "out of memory"),
    ],
)
def test_faults_that_cannot_are_told_from_their_errors(error: Exception, said: str) -> None:
    assert said in told(raising(error))
    assert str(as_input_error(pickle.loads(pickle.dumps(error)))) in said + told(raising(error))


@pytest.mark.parametrize(
    "bug", [KeyError("x"), ValueError("x"), RuntimeError("x"), RecursionError("x"), TypeError("x")]
)
def test_a_bug_stays_one(bug: Exception) -> None:
    result = shown(raising(bug))
    assert result.exception is bug
    assert result.exit_code == 1


def test_no_thread_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with monkeypatch.context():
        assert "threads: the system starts no more" in told(lambda: threading.Thread().start())


def test_what_is_written_is_at_fault_and_never_its_temporary_or_its_source(tmp_path: Path) -> None:
    def into_folder() -> None:
        with atomic_folder(tmp_path / "out") as fresh:
            raise OSError(errno.ENOSPC, "x", "source.jpg", None, str(fresh / "copy.jpg"))

    def into_open_file() -> None:
        with atomic_folder(tmp_path / "out"):
            raise OSError(errno.ENOSPC, "x")

    assert f"{tmp_path}/out/copy.jpg: no space left" in told(into_folder)
    assert f"{tmp_path}/out: no space left" in told(into_open_file)


def run(script: str, *words: object, **streams: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", script, *map(str, words)]
    streams = {"stdout": subprocess.PIPE, **streams}
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command, stderr=subprocess.PIPE, text=True, check=False, timeout=120, **streams
    )


def test_a_full_and_a_closed_stdout_are_one_line(small_dataset: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with Path("/dev/full").open("w") as full:
        for stdout, said in ((full, "no space left"), (write, "closed by its reader")):
            done = run(VPO_DATA, "verify", small_dataset, stdout=stdout)
            assert done.stderr.startswith(f"error: standard output: {said}"), done.stderr
            assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    os.close(write)


def test_a_full_stdout_is_one_line_for_a_help_too() -> None:
    programs = {VPO_DATA: ("--help",), AVS_BENCH: ("--version",), VPO_BUILD: ("--help",)}
    for program, words in programs.items():
        with Path("/dev/full").open("w") as full:
            done = run(program, *words, stdout=full)
        assert done.stderr.startswith("error: standard output: no space left"), done.stderr
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("words", "limits"),
    [
        (("export", "--format", "hf"), (1, 700, 2000, 6000)),
        *((("export", "--format", f), (700,)) for f in ("coco", "webdataset", "vpo-clean")),
        (("gallery",), (1, 700, 2000, 6000)),
    ],
)
def test_no_space_names_the_file_that_is_written(
    words: tuple[str, ...], limits: tuple[int, ...], small_dataset: Path, tmp_path: Path
) -> None:
    write_documents(small_dataset)
    out = tmp_path / "out"
    asked = [words[0], str(small_dataset), *words[1:], "--out", str(out)]
    for limit in limits:  # less than a picture, a mask or a clip
        with limited(resource.RLIMIT_FSIZE, limit):
            said = line(CliRunner().invoke(data_command, asked))
        assert said.startswith(f"error: {out}/")  # a file in it
        assert "no space left: make room" in said
        assert not out.exists()


def flipped(path: Path, seed: int) -> None:
    """Change three bytes of a file behind its first 8."""
    draw, data = random.Random(seed), bytearray(path.read_bytes())
    for _ in range(3):
        data[draw.randrange(8, len(data))] ^= draw.randint(1, 255)
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["image", "mask", "clip"])
def test_flipped_bytes_give_no_command_a_traceback(
    kind: str, small_dataset: Path, tmp_path: Path
) -> None:
    write_documents(small_dataset)
    sample = read_manifest(small_dataset).samples[0]
    clip = f"{AUDIO}/{sample.sources[0].clip_id}.wav"
    path = small_dataset / {"image": sample.image, "mask": sample.mask, "clip": clip}[kind]
    whole = path.read_bytes()
    refused = 0
    for seed in range(25):
        path.write_bytes(whole)
        flipped(path, seed)
        for words in (
            ("verify", small_dataset, "--decode"),
            ("audit", small_dataset, "--sheet", tmp_path / "sheet.html"),
            ("export", small_dataset, "--format", "coco", "--out", tmp_path / f"coco-{seed}"),
            ("gallery", small_dataset, "--out", tmp_path / "gallery"),
        ):
            result = CliRunner().invoke(data_command, [str(word) for word in words])
            assert result.exit_code in (0, 1, 2), (seed, words, result.exception)
            assert isinstance(result.exception, SystemExit | None), (seed, words, result.exception)
            if result.exit_code == 2:
                refused += 1
                assert str(path) in line(result)
    assert refused or kind == "clip"


def test_json_that_is_nested_without_end_is_one_line(small_dataset: Path) -> None:
    (small_dataset / "manifest.meta.json").write_text('{"a":' + "[" * 200_000)
    result = CliRunner().invoke(data_command, ["verify", str(small_dataset)])
    assert "manifest.meta.json" in result.output
    assert "recursion" in result.output
    assert isinstance(result.exception, SystemExit)
    assert "manifest.meta.json" in line(
        CliRunner().invoke(data_command, ["stats", str(small_dataset)])
    )
