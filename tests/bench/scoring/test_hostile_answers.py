"""Archives and files that no honest program writes: one line, exit code 2, nothing written."""

import io
import os
import re
import struct
import zipfile
import zlib

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from avs_bench.commands.main import main
from avs_bench.scoring import answer_arrays, answer_files
from tests.bench.scoring.conftest import write_png

NAMES = [f"{n:012d}_{n * 100:012d}" for n in (6, 7, 8)]
"""The ids of the three samples of the dataset's test."""
BLANK = np.zeros((64, 96), np.uint8)


def png(pixels, **more):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **more)
    return buffer.getvalue()


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png(width=50_000, height=50_000):
    """Return a picture of a few kilobytes that would take gigabytes of memory."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes(1 << 20))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


def objects_npz():
    buffer = io.BytesIO()
    np.savez(buffer, pred=np.array([[{"a": 1}]], dtype=object))
    return buffer.getvalue()


def lying_npz(shape, dtype="<f4", data=b"\0" * 16, name="pred"):
    """Return an npz whose header tells another size than it has."""
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", npy)
    return buffer.getvalue()


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def refused(path, folder, *more):
    """Return the one line that answers at `path` are refused with."""
    result = run("score", path, "--data", folder, *more)
    assert result.exit_code == 2, (result.output, result.exception)
    (line,) = result.stderr.splitlines()
    assert not list(path.parent.glob("*-scores"))
    assert len(line) < 600
    return line


@pytest.fixture
def answers(tmp_path):
    for name in NAMES:
        write_png(tmp_path / "mine" / name, BLANK)
    return tmp_path / "mine"


def zipped(path, *members):
    """Pack three good answers and `members`: (name or ZipInfo, bytes)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in NAMES:
            archive.writestr(f"{name}.png", png(BLANK))
        for name, data in members:
            archive.writestr(name, data)
    return path


FILES = {
    "a bomb of 50,000 x 50,000 pixels": (huge_png(), "50000 x 50000 pixels|exceeds limit"),
    "text": (b"hello", "no readable PNG: 5 bytes of something else: write"),
    "half a picture": (
        png(np.random.default_rng(0).integers(0, 7, (64, 96), np.uint8))[:500],
        "no readable PNG",
    ),
    "a JPEG under another name": (b"\xff\xd8\xff\xe0" + bytes(100), "no readable PNG"),
    "nothing": (b"", "no readable PNG"),
    "a class too many": (png(BLANK + 7), "value 7, expected class indices 0 to 6"),
    "ignored pixels": (png(BLANK + 255), "value 255, expected class indices 0 to 6"),
    "16 bits": (png(BLANK.astype(np.uint16)), "16 bits and 1 channel"),
    "colours": (png(np.stack([BLANK, BLANK + 1, BLANK], axis=2)), "8 bits and 3 channel"),
    "transparency": (png(np.stack([BLANK] * 3 + [BLANK + 9], axis=2)), "8 bits and 4 channel"),
    "an empty zip": (npz(), "0 arrays"),
    "objects": (objects_npz(), "an array of object, expected plain numbers"),
    "two arrays": (npz(a=BLANK, b=BLANK), "2 arrays"),
    "records": (npz(pred=np.zeros((2, 2), "i4,f4")), "expected plain numbers"),
    "dates": (npz(pred=np.zeros((2, 2), "M8[s]")), "expected plain numbers"),
    "text in an array": (npz(pred=np.full((2, 2), "a")), "expected plain numbers"),
    "a class below none": (npz(pred=BLANK.astype(np.int64) - 1), "value -1, expected class"),
    "classes as floats": (
        npz(pred=BLANK.astype(float)),
        r"pred is float64 \[64, 96\], expected int",
    ),
    "probabilities as integers": (
        npz(probabilities=BLANK),
        r"uint8 \[64, 96\], expected floats \[7",
    ),
    "too few classes": (npz(logits=np.zeros((6, 64, 96))), r"expected floats \[7, H, W\]"),
    "numbers that are none": (
        npz(logits=np.full((7, 64, 96), np.nan)),
        "values that are no numbers",
    ),
    "logits for probabilities": (
        npz(a=np.full((7, 64, 96), 2.0)),
        "a from 2 to 2, expected 0 to 1",
    ),
    "sums beside 1": (npz(a=np.full((7, 64, 96), 0.5)), "add up to 3.500, expected 1"),
    "a size out of the air": (lying_npz((10**6, 10**6)), "no readable npz"),
    "a negative size": (lying_npz((-1, 4)), "no readable npz"),
    "no header": (lying_npz("()()"), "no readable npz"),
    "a name that moves the cursor": (lying_npz((4,), name="\x1b[2J"), r"\\x1b\[2J is float32"),
}


@pytest.mark.parametrize("what", FILES)
def test_a_file_that_is_no_answer_is_one_line(what, answers, folder):
    data, words = FILES[what]
    ending = "npz" if data[:2] == b"PK" else "png"
    (answers / f"{NAMES[1]}.png").unlink()
    (answers / f"{NAMES[1]}.{ending}").write_bytes(data)
    told = refused(answers, folder)
    assert NAMES[1] in told
    assert re.search(words, told), told


def symlink_member(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    return info


MEMBERS = {
    "up": (("../evil.png", png(BLANK)), "leads out of the archive"),
    "up in the middle": (("a/../../evil.png", b""), "leads out of the archive"),
    "absolute": (("/etc/evil.png", b""), "leads out of the archive"),
    "a drive": (("C:/evil.png", b""), "leads out of the archive"),
    "a backslash": (("..\\evil.png", b""), "leads out of the archive"),
    "a link": ((symlink_member("evil.png"), b"/etc/passwd"), "a link: pack the file itself"),
    "a name that moves the cursor": (("\x1b[2Jevil\n.png", b""), r"\x1b[2Jevil .png answers no"),
    "a long name": (("e" * 5000 + ".png", b""), "e…"),
    "a name twice": ((f"{NAMES[0]}.png", png(BLANK)), "1 doubled"),
    "nobody's": (("notes.txt", b""), "1 surplus"),
    "another format": (
        ("a.npy", b""),
        "a.npy answers no sample by its ending: expected",
    ),
}


@pytest.mark.parametrize("what", MEMBERS)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_that_leads_out_or_holds_more_is_one_line(what, tmp_path, folder):
    member, words = MEMBERS[what]
    assert words in refused(zipped(tmp_path / "mine.zip", member), folder)


def test_bombs_are_refused_by_what_their_headers_say_and_by_what_they_hold(
    tmp_path, folder, answers, monkeypatch
):
    monkeypatch.setattr(answer_files, "LARGEST_BYTES", 10_000)
    path = zipped(tmp_path / "mine.zip", ("bomb.png", bytes(20_000)))
    assert "20000 bytes, expected at most 10000" in refused(path, folder)
    monkeypatch.setattr(answer_files, "LARGEST_BYTES", 2**29)
    monkeypatch.setattr(answer_arrays, "MOST_BYTES", 1_000)
    (answers / f"{NAMES[0]}.png").unlink()
    (answers / f"{NAMES[0]}.npz").write_bytes(npz(pred=BLANK))
    assert "bytes, expected at most 1000" in refused(answers, folder)
    monkeypatch.setattr(answer_files, "MOST_FILES", 3)
    assert "4 files, expected at most 3" in refused(path, folder)


def test_a_damaged_or_locked_zip_is_one_line(tmp_path, folder):
    path = zipped(tmp_path / "mine.zip")
    whole = bytearray(path.read_bytes())
    path.write_bytes(whole[: len(whole) // 2])
    assert "expected a folder of answers, or a zip" in refused(path, folder)
    whole[60] ^= 0xFF
    path.write_bytes(whole)
    assert NAMES[0] in refused(path, folder)
    locked = bytearray(zipped(path).read_bytes())
    at = locked.index(b"PK\x01\x02")
    locked[6] |= 1
    locked[at + 8] |= 1
    path.write_bytes(locked)
    assert "encrypted" in refused(path, folder)


def test_a_folder_that_leads_out_is_one_line(tmp_path, folder, answers):
    (answers / "more.png").symlink_to("/etc/passwd")
    assert "a link that leads out of" in refused(answers, folder)
    (answers / "more.png").unlink()
    (answers / "more").symlink_to("/usr")
    assert "a link that leads out of" in refused(answers, folder)
    (answers / "more").unlink()
    (answers / f"{NAMES[0]}.png").unlink()
    (answers / f"{NAMES[0]}.png").mkdir()
    assert f"1 missing, of 3 wanted: {NAMES[0]} has no answer" in refused(answers, folder)
    (answers / f"{NAMES[0]}.png").rmdir()
    os.mkfifo(answers / f"{NAMES[0]}.png")
    assert "no regular file" in refused(answers, folder)
    assert "no such folder or zip" in refused(tmp_path / "nowhere", folder)


def test_what_systems_leave_in_folders_is_no_answer(answers):
    before = answer_files.open_answers(answers).names
    for name in ("Thumbs.db", "desktop.ini", ".DS_Store"):
        (answers / name).touch()
    assert answer_files.open_answers(answers).names == before


def test_a_name_that_is_no_text_is_one_line(answers, folder):
    (answers / b"\xff\xfe.png".decode("utf-8", "surrogateescape")).write_bytes(b"")
    assert "1 surplus" in refused(answers, folder)


def test_values_of_other_kinds_are_refused_where_they_say_nothing(answers, folder):
    assert "holds the probability of one object, and there are 7 classes" in refused(
        answers, folder, "--values", "probabilities"
    )
    write_png(answers / NAMES[0], BLANK + 2)  # no COCO id of the dataset's classes
    assert "value 2 is in no mask of the dataset" in refused(answers, folder, "--values", "mask")
    write_png(answers / NAMES[0], np.stack([BLANK, BLANK + 1, BLANK + 2], axis=2))
    assert "colour (0, 1, 2) is none of the 7 classes" in refused(
        answers, folder, "--values", "colours"
    )


def test_results_whose_tally_was_edited_are_refused(answers, folder, tmp_path):
    assert run("score", answers, "--data", folder, "--examples", 0).exit_code == 0
    (path,) = (tmp_path / "mine-scores").glob("scores-*.json")
    path.write_text(path.read_text().replace('"missing":0', '"missing":"\\u001b[2J"'))
    told = run("report", tmp_path / "mine-scores")
    assert told.exit_code == 2
    assert "do not say how answers were read" in told.stderr


def test_a_name_that_moves_the_cursor_is_shown_as_text(answers, folder, tmp_path):
    folders = answers.rename(tmp_path / "v1.5")
    scored = run("score", folders, "--data", folder, "--examples", 0, "--name", "\x1b[2Jx|y")
    assert scored.exit_code == 0, scored.output
    assert "\x1b" not in scored.output
    told = run("report", tmp_path / "v1.5-scores")
    assert (told.exit_code, "\x1b" in told.output) == (0, False)
    page = (tmp_path / "v1.5-scores" / "report" / "report.md").read_text()
    assert "\x1b" not in page
    assert r"x\|y" in page
