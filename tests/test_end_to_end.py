"""From nothing to a table, by the commands that setup.cfg installs, each in its own process."""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SMALL_CORPUS = ("synthetic.images=60", "synthetic.clips_per_class=10")
ONE_EPOCH = (
    *("image.long_side=48", "image.crop=32", "loader.cache_mib=1", "loader.workers=0"),
    *("train.epochs=1", "train.batch_size=8", "train.validate_epochs=1"),
)


def installed() -> dict[str, str]:
    """Return what each installed command calls, as setup.cfg says."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options.entry_points"]["console_scripts"].split("\n")
    return dict(re.split(r"\s*=\s*", line.strip()) for line in lines if line.strip())  # type: ignore[misc]


def run(folder: Path, command: str, *arguments: str) -> str:
    """Run a command in a folder, as its script does, and return what it prints."""
    module, _, function = installed()[command].partition(":")
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from {module} import {function} as it"
    done = subprocess.run(
        [sys.executable, "-c", f"{script}; it()", *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command} {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout


def setting(*values: str) -> list[str]:
    return [word for value in values for word in ("--set", value)]


def test_from_nothing_to_a_table(tmp_path: Path) -> None:
    data = "data/VPO/VPO-SS"
    build = ("--split", "ss", "--out", "data", "--workers", "1")
    said = run(tmp_path, "vpo-build", *build, *setting(*SMALL_CORPUS)).splitlines()
    assert said[0].startswith("Building from the embedded SYNTHETIC corpus")
    samples = int(said[-1].removeprefix(f"{data}: ").removesuffix(" samples"))
    assert f"{samples} samples" in run(tmp_path, "vpo-data", "verify", data)
    assert re.search(rf"\b{samples}\b", run(tmp_path, "vpo-data", "stats", data))
    assert (tmp_path / "VPO-SS-statistics.png").stat().st_size > 1000
    assert " 0 leaks" in run(tmp_path, "vpo-data", "audit", data)
    train = ("train", "--preset", "tiny", "--data", data, "--out", "run")
    run(tmp_path, "avs-bench", *train, *setting(*ONE_EPOCH))
    scored = run(tmp_path, "avs-bench", "eval", "--run", "run", "--data", data)
    own = next(line for line in scored.splitlines() if re.match("tiny +run +best, epo", line))
    assert own in run(tmp_path, "avs-bench", "report", "run")
    assert "| tiny | run | best, epo" in (tmp_path / "run" / "report" / "report.md").read_text()
