"""What spoils inputs does so again from the same seed, and what judges commands sees faults."""

import io
import json
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from random import Random

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from tests.builder.dataset_by_hand import mask_png
from tests.fuzz import mutations as m

ROOT = Path(__file__).parents[2]


def checkpoint() -> bytes:
    file = io.BytesIO()
    torch.save({"model": {"weight": torch.ones(2, 3)}, "epochs": 3}, file)
    return file.getvalue()


def packed_tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name in ("a.wav", "b.wav"):
            member = tarfile.TarInfo(f"video/{name}")
            member.size = 9
            archive.addfile(member, io.BytesIO(b"recording"))
    return file.getvalue()


JSON = b'{"images": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}], "info": {}}'
INPUTS = {
    m.change_json: JSON,
    m.change_json_line: JSON + b"\n" + JSON + b"\n",
    m.change_table: b"id,name\n1,a\n2,b\n",
    m.change_png: mask_png([(3, (1, 1, 9, 9))], (16, 16)),
    m.change_zip: checkpoint(),
    m.change_checkpoint: checkpoint(),
    m.change_tar: packed_tar(),
    m.change_toml: b'[[images]]\nmasks = "a"\nvalues = {dog = 1}\n[train]\nepochs = 3\n',
    m.change_safetensors: save({"weight": torch.ones(2, 3), "bias": torch.zeros(2)}),
    **dict.fromkeys(m.BYTES, JSON),
}


@pytest.mark.parametrize("mutation", INPUTS, ids=lambda mutation: mutation.__name__)
def test_the_same_seed_spoils_an_input_in_the_same_way_and_others_otherwise(
    mutation: m.Mutation,
) -> None:
    data = INPUTS[mutation]
    spoilt = [mutation(data, Random(seed)) for seed in range(40)]
    assert spoilt == [mutation(data, Random(seed)) for seed in range(40)]
    assert sum(one != data for one in spoilt) > 30
    if mutation is not m.empty:
        assert len(set(spoilt)) >= 3


def test_what_is_spoilt_by_its_structure_keeps_its_form() -> None:
    """Else every reader would stop at the form, and nothing behind it be tried."""
    read = {"json": 0, "png": 0, "zip": 0}
    for seed in range(40):
        try:
            json.loads(m.change_json(JSON, Random(seed)))
            read["json"] += 1
        except (ValueError, RecursionError):
            pass
        png = m.change_png(INPUTS[m.change_png], Random(seed))
        (length,) = struct.unpack(">I", png[8:12])
        (crc,) = struct.unpack(">I", png[16 + length : 20 + length])
        read["png"] += crc == zlib.crc32(png[12 : 16 + length])
        with zipfile.ZipFile(io.BytesIO(m.change_zip(checkpoint(), Random(seed)))) as archive:
            read["zip"] += archive.testzip() is None
    assert read == {"json": read["json"], "png": 40, "zip": 40}
    assert read["json"] > 30
    with Image.open(io.BytesIO(INPUTS[m.change_png])) as image:
        assert image.size == (16, 16)


JUDGED = """
import sys
from pathlib import Path
import click
from tests.fuzz import trial

def act(what):
    home = Path(sys.argv[1]) / "sandbox"
    if what == "raises":
        raise ValueError("a bug")
    if what == "exits":
        sys.exit(7)
    if what == "two lines":
        click.echo("error: one\\nerror: two", err=True)
        sys.exit(2)
    place = {"around": "in/run/file", "outside": "../escaped", "left": "out/.a.0123456789ab.tmp"}
    (home / place.get(what, "out/file")).write_text("equal")

program = click.Command("program", callback=act, params=[click.Argument(["what"])])
trial._program = lambda name: program
template = Path(sys.argv[1]) / "template"
(template / "run").mkdir(parents=True)
(template / "run" / "file").write_text("equal")
(template / trial.DATASET).mkdir(parents=True)
(Path(sys.argv[1]) / "sandbox").mkdir()
sandbox = trial.Sandbox(Path(sys.argv[1]) / "sandbox", template)
for what in sys.argv[2:]:
    commands = lambda home, out, draw: [("vpo-data", what)]
    outcome = trial.run(sandbox, trial.Kind("kind", "run/file", (), commands), 3)
    print(what, *(finding.replace("\\n", " ") for finding in outcome.findings), sep="|")
"""


def test_what_a_command_must_not_do_is_found(tmp_path: Path) -> None:
    faults = ("nothing", "raises", "exits", "two lines", "around", "outside", "left")
    done = subprocess.run(
        [sys.executable, "-c", JUDGED, str(tmp_path), *faults],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    found = [line.split("|") for line in done.stdout.splitlines()]
    assert [line[0] for line in found] == list(faults)
    assert [len(line) - 1 for line in found] == [0, 1, 1, 1, 2, 1, 1], found
