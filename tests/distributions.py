"""Builds the wheel and the sdist, and tries each in an empty environment, outside the checkout.

`make dist` leaves both in dist/. The wheel is built from the sdist, so nothing that it needs is
missing there. With torch, the wheel builds a dataset, trains, evaluates and reports; without it,
the sdist builds a dataset. `make dist PYTHONS="python3.11 python3.13"` tries other interpreters,
and only says of those that are not here that they are not.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "dist"
PLACE = ROOT / "build" / "dist"
PACKAGES = ("vpo_builder", "avs_bench")
BESIDE = ("CHANGELOG.md", "CITATION.cff", "LICENSE", "README.md", "constraints.txt", "setup.cfg")

CITATION_CHECKER = "cffconvert==2.0.0"

DATA = "data/VPO/VPO-SS"
VERSIONS = ("vpo-build --version", "vpo-data --version", "avs-bench --version", "avs-bench --help")
BUILDER = (
    "vpo-build --split ss --out data --set limits.per_class=3",
    f"vpo-data verify {DATA}",
    f"vpo-data gallery {DATA} --out gallery",
)
BENCH = (
    "avs-bench models",
    f"avs-bench train --preset tiny --data {DATA} --out run --set train.epochs=1 "
    "--set image.long_side=48 --set image.crop=32 --set loader.workers=0",
    f"avs-bench eval --run run --data {DATA} --subset test",
    "avs-bench report run --out report",
)


def run(command: Sequence[object], folder: Path, **variables: str) -> str:
    """Return what a program prints in `folder`; stop if it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=folder,
        env=kept | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\ndist: {' '.join(words)}: exit code {done.returncode}; see above")
    return done.stdout


def build() -> tuple[Path, Path]:
    """Return the wheel and the sdist, newly built."""
    shutil.rmtree(OUT, ignore_errors=True)
    run([sys.executable, "-m", "build", "--outdir", OUT, ROOT], ROOT)
    (wheel,), (sdist,) = OUT.glob("*.whl"), OUT.glob("*.tar.gz")
    return wheel, sdist


def refuse_other_files(kind: str, found: Iterable[str], expected: Iterable[str]) -> None:
    """Stop if a distribution lacks a file of git's, or holds one that git does not have."""
    held, wanted = set(found), set(expected)
    if odd := sorted(held ^ wanted):
        where = "more" if odd[0] in held else "not there"
        sys.exit(f"dist: {kind}: {len(odd)} files differ from git's, first {odd[0]} ({where})")


def check_contents(wheel: Path, sdist: Path) -> None:
    """Compare both with what git has of the packages."""
    listed = run(["git", "ls-files", *PACKAGES], ROOT).splitlines()
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    refuse_other_files(wheel.name, names, listed)
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
        files = [one.name.partition("/")[2] for one in archive.getmembers() if one.isfile()]
    refuse_other_files(sdist.name, [n for n in files if n.startswith(PACKAGES)], listed)
    if missing := sorted(set(BESIDE) - set(names)):
        sys.exit(f"dist: {sdist.name}: lacks {', '.join(missing)}")
    print(f"{wheel.name}, {sdist.name}: {len(listed)} files of the packages, as git has them")


def new_environment(python: str, place: Path, *packages: object) -> Path:
    """Make an empty environment in `place` and install into it; return the folder of programs."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    run([python, "-m", "venv", place / "env"], place)
    bin_folder = place / "env" / "bin"
    pip = [bin_folder / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, *packages], place)
    return bin_folder


def check_citation() -> None:
    """Check CITATION.cff by its schema, in an environment apart: the checker's pins are old."""
    bin_folder = new_environment(sys.executable, PLACE / "citation", CITATION_CHECKER)
    print(run([bin_folder / "cffconvert", "--validate", "-i", ROOT / "CITATION.cff"], ROOT).strip())


def try_out(python: str, file: Path, extra: str, commands: Sequence[str]) -> None:
    """Install a distribution in an empty environment and run its commands in an empty folder."""
    place = PLACE / f"{Path(python).name}-{file.suffix[1:]}"
    pins = ("--constraint", ROOT / "constraints.txt")
    bin_folder = new_environment(python, place, *pins, f"{file}{extra}")
    where = "import avs_bench, vpo_builder; print(avs_bench.__file__, vpo_builder.__file__)"
    for found in run([bin_folder / "python", "-c", where], place).split():
        if not Path(found).is_relative_to(place):
            sys.exit(f"dist: {file.name}: {found} is not of the environment in {place}")
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        program, *words = command.split()
        run([bin_folder / program, *words], place, PATH=path, OMP_NUM_THREADS="1")
        print(f"  {command}")
    shutil.rmtree(place)


def main() -> None:
    """Build, check and try out."""
    options = argparse.ArgumentParser()
    options.add_argument("--pythons", nargs="+", default=[sys.executable])
    chosen = options.parse_args()
    check_citation()
    wheel, sdist = build()
    check_contents(wheel, sdist)
    for python in chosen.pythons:
        if not shutil.which(python):
            print(f"{python}: not on this machine, so not tried")
            continue
        said = run([python, "--version"], ROOT).strip()
        print(f"{said}, {wheel.name} with torch:")
        try_out(python, wheel, "[bench]", (*VERSIONS, *BUILDER, *BENCH))
        print(f"{said}, {sdist.name} without torch:")
        try_out(python, sdist, "", (*VERSIONS, *BUILDER))
    print("dist: both install and run")


if __name__ == "__main__":
    main()
