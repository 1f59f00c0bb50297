"""`vpo-data` on a dataset with one broken file: never a traceback, and verify tells of each."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.builder.building_single_plus import FOLDER
from tests.builder.dataset_by_hand import AUDIO, PICTURES, write_dataset
from tests.builder.documents.test_documents import write_documents
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.manifest import META

FLIPS = 2
"""Of each file: one in its first 64 bytes, where headers are, and one that makes text no UTF-8."""


def commands(folder: Path, out: Path) -> list[tuple[object, ...]]:
    """Return every command of vpo-data that reads a dataset, writing below `out`."""
    (out / "labels.csv").write_text("image_id,label\n3,male\n8,male\n")
    formats = ("webdataset", "coco", "hf")
    return [
        ("verify", folder, "--decode"),
        ("stats", folder, "--png", out / "p.png", "--person-labels", out / "labels.csv"),
        ("audit", folder, "--sheet", out / "sheet.html"),
        ("gallery", folder, "--out", out / "gallery"),
        *(("export", folder, "--format", name, "--out", out / name) for name in formats),
        ("diff", folder, folder),
        ("rot", folder),
    ]


def run(arguments: tuple[object, ...]) -> Result:
    return CliRunner().invoke(data_command, [str(argument) for argument in arguments])


def check_every_command(folder: Path, out: Path, what: str) -> dict[str, Result]:
    """Run all commands: each ends with a code of ours and at most one line on stderr."""
    results = {}
    for arguments in commands(folder, out):
        result = results[" ".join(map(str, arguments[:3:2]))] = run(arguments)
        where = f"{what}: {arguments[0]}"
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            where,
            result.exc_info,
        )
        assert result.exit_code in (0, 1, 2), where
        if result.exit_code == 2:
            assert len(result.stderr.splitlines()) == 1, (where, result.stderr)
            assert result.stderr.startswith("error: "), where
    return results


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = write_dataset(tmp_path / "data", [PICTURES[0], PICTURES[4], PICTURES[7]])
    write_documents(folder)
    return folder


def kinds(folder: Path) -> list[Path]:
    """Return a file of every kind: all that the manifest does not name, and a sample's three."""
    own = sorted(path for path in folder.rglob("*") if path.is_file())
    clip = next((folder / AUDIO).glob("*.wav"))
    texts = [path for path in own if path.suffix not in (".png", ".jpg")]
    media = [next(path for path in own if path.suffix == end) for end in (".png", ".jpg")]
    return [*texts, *media, clip]


def test_a_flipped_byte_of_any_file_is_no_traceback(dataset: Path, tmp_path: Path) -> None:
    generator = random.Random(7)
    for path in kinds(dataset):
        before = path.read_bytes()
        for number in range(FLIPS if before else 0):
            place = generator.randrange(len(before) if number else min(64, len(before)))
            after = bytearray(before)
            after[place] ^= 128 if number == 1 else 1 << generator.randrange(8)
            path.write_bytes(after)
            out = tmp_path / "out"
            out.mkdir()
            found = check_every_command(dataset, out, f"{path.name}: byte {place}")
            assert found["verify --decode"].exit_code == 1
            shutil.rmtree(out)
        path.write_bytes(before)
    assert run(("verify", dataset)).exit_code == 0


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path) -> None:
    path.unlink()


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe_instead(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def loop_instead(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


SPOILED: list[Callable[[Path], None]] = [
    *(cut, emptied, missing, folder_instead, pipe_instead, loop_instead),
]


@pytest.mark.parametrize("spoil", SPOILED)
def test_what_is_no_file_any_more_is_a_fault_and_one_line(
    dataset: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    """Each file that a sample needs stops what reads it, naming it; verify lists all at once."""
    image, mask = next(dataset.rglob("*.jpg")), next(dataset.rglob("*.png"))
    clip = next((dataset / AUDIO).glob("*.wav"))
    readers = {
        image: {"audit", "gallery", "export"},
        mask: {"gallery", "export"},
        clip: {"audit", "gallery", "export"},
    }
    for path, commands_that_read in readers.items():
        kept = path.read_bytes()
        spoil(path)
        out = tmp_path / "out"
        out.mkdir()
        for name, result in check_every_command(dataset, out, f"{path.name}").items():
            if name.split()[0] in commands_that_read:
                assert result.exit_code == 2, name
                assert path.name in result.stderr
                assert "run vpo-data verify" in result.stderr
                assert "Traceback" not in result.output
        assert {path.name for path in out.iterdir()} <= {"labels.csv", "p.png"}
        shutil.rmtree(out)
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.write_bytes(kept)
    for path in readers:
        spoil(path)
    result = run(("verify", dataset))
    assert result.exit_code == 1
    for path in readers:
        assert path.name in result.output


@pytest.mark.parametrize("name", [META, "manifest.jsonl", "SHA256SUMS", "ATTRIBUTION.csv"])
@pytest.mark.parametrize("spoil", SPOILED)
def test_a_record_that_cannot_be_read_is_no_traceback(
    dataset: Path, tmp_path: Path, name: str, spoil: Callable[[Path], None]
) -> None:
    spoil(dataset / name)
    (tmp_path / "out").mkdir()
    found = check_every_command(dataset, tmp_path / "out", f"{spoil.__name__} {name}")
    gone = name == META and spoil in (missing, loop_instead)
    assert found["verify --decode"].exit_code == (2 if gone else 1)


def test_deep_json_is_no_traceback(dataset: Path, tmp_path: Path) -> None:
    for name in (META, "manifest.jsonl"):
        (dataset / name).write_bytes(b'{"schema_version":' + b"[" * 100_000)
        (tmp_path / name).mkdir()
        check_every_command(dataset, tmp_path / name, name)


def test_single_plus_with_a_flipped_byte_is_no_traceback(single_plus: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(single_plus / FOLDER, tmp_path / FOLDER)
    generator = random.Random(3)
    texts = [path for path in sorted(folder.iterdir()) if path.is_file() and path.stat().st_size]
    label = next((folder / "salient_labels").iterdir())
    for path in (*texts, label):
        before = path.read_bytes()
        after = bytearray(before)
        after[generator.randrange(len(after))] ^= 128
        path.write_bytes(after)
        result = run(("verify", folder))
        assert isinstance(result.exception, SystemExit)
        assert result.exit_code == 1
        path.write_bytes(before)
