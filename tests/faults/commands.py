"""The commands that are killed, or that the disk fills up on, each on something small."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from click.testing import CliRunner
from PIL import Image

from tests.bench.conftest import SMALL
from tests.builder.dataset_by_hand import finish, write_dataset
from tests.builder.documents.test_documents import write_documents
from vpo_builder.dataset.manifest import read_manifest
from vpo_builder.export.export import FORMATS

DATASET = "VPO/VPO-SS"
TRAIN = ("avs-bench", "train", "--preset", "tiny", "--resume")
SETTINGS = tuple(word for setting in SMALL for word in ("--set", setting))


def write_inputs(home: Path) -> None:
    """Write a dataset with documents and near duplicates, and a run that was evaluated."""
    folder = write_dataset(home)
    write_documents(folder)
    samples = read_manifest(folder).samples
    train, test = (next(s for s in samples if s.image_id == n) for n in (1, 7))
    with Image.open(folder / train.image) as image:  # the same to the eye, not to the byte
        image.save(folder / test.image, quality=80)
    finish(folder, "ss", samples)
    data, run = ("--data", str(folder)), str(home / "run")
    assert run_command((*TRAIN, *data, "--out", run, *SETTINGS)) == 0
    assert run_command(("avs-bench", "eval", "--run", run, *data, "--probe", "silence")) == 0


def commands(home: Path, out: Path) -> dict[str, tuple[str, ...]]:
    """Return the commands by what they are called; each writes below `out` alone.

    `eval` writes beside the checkpoint: `prepare` puts a copy of the run there.
    """
    folder, run = str(home / DATASET), str(home / "run")
    heard = f"{home}/vggsound_bench/VGGSound/audios/-aaaaaaaaaa_000010.wav"
    shot = (f"{folder}/data/cat/000000000001.jpg", "--audio", heard)
    submitted = ("--submit", f"{out}/counts.json")
    export = ("vpo-data", "export", folder, "--out", f"{out}/made", "--format")
    return {
        "gallery": ("vpo-data", "gallery", folder, "--out", f"{out}/made"),
        **{f"export {form}": (*export, form) for form in FORMATS},
        "audit": ("vpo-data", "audit", folder, "--sheet", f"{out}/sheet.html"),
        "eval": ("avs-bench", "eval", "--run", f"{out}/run", "--data", folder),
        "predict": ("avs-bench", "predict", *shot, "--run", run, "--out", f"{out}/seen"),
        "report": ("avs-bench", "report", run, "--out", f"{out}/report", *submitted),
        "train": (*TRAIN, "--data", folder, "--out", f"{out}/run", *SETTINGS),
    }


def prepare(name: str, home: Path, out: Path) -> None:
    """Make `out` what a command begins with."""
    out.mkdir(exist_ok=True)
    for path in out.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if name == "eval":
        shutil.copytree(home / "run", out / "run", ignore=shutil.ignore_patterns("scores*", "*ex*"))


def run_command(words: tuple[str, ...], stderr: Path | None = None) -> int:
    """Run a command in this process and return its exit code."""
    if words[0] == "avs-bench":
        from avs_bench.commands.main import main as program
    else:
        from vpo_builder.commands.vpo_data import data_command as program
    result = CliRunner().invoke(program, words[1:])
    if stderr:
        stderr.write_text(result.stderr)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code


def begun(words: tuple[str, ...], stderr: Path | None = None) -> int:
    """Begin a command in a forked child, and return its number."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            code = run_command(words, stderr)
        finally:
            os._exit(code)
    return child


def code_of(child: int) -> int:
    """Wait for a child and return its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed(words: tuple[str, ...], seconds: float) -> bool:
    """Kill a command after so many seconds and tell whether it still ran."""
    child = begun(words)
    time.sleep(seconds)
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    return code_of(child) == -signal.SIGKILL


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder, hidden ones too."""
    return dict(_files(folder))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()
