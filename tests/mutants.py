"""Runs mutmut and compares what survives with mutants.toml, the mutants that change nothing.

A mutant is known by its function and by the lines that it changes, not by mutmut's number, which
shifts with every edit. Fails where a mutant survives that is not named, and where one is named
that does not survive. `make mutants` runs it from the checkout; the rooms are in setup.cfg.
"""

import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

NAMED = Path(__file__).with_suffix(".toml")
FOLDER = Path("mutants")  # of mutmut, which keeps what it found there
CAUGHT = ("killed", "timeout", "segfault")
REPORT = re.compile(r"^\s*(\S+__mutmut_\d+): (.+)$", re.MULTILINE)


class Mutant(NamedTuple):
    """A change of a function: the line that was there, or several, and what stands there now."""

    function: str
    before: str
    after: str


def mutmut(*arguments: str) -> str:
    """Return what a command of mutmut prints; stop if it fails."""
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{done.stdout}\nmutants: mutmut {arguments[0]} failed; see above")
    return done.stdout


def changed_by(name: str) -> Mutant:
    """Return the mutant of one of mutmut's names, such as `room.file.xǁClassǁmethod__mutmut_3`."""
    lines = mutmut("show", name).splitlines()
    changed = [line for line in lines if re.match(r"[-+](?![-+]{2} )", line)]
    before, after = (
        " ".join(line[1:].strip() for line in changed if line[0] == sign) for sign in "-+"
    )
    function = re.sub(r"__mutmut_\d+$", "", name).replace("ǁ", ".")
    return Mutant(re.sub(r"\.x[_.]", ".", function, count=1), before, after)


def is_everywhere(mutant: Mutant, argument: str) -> bool:
    """Tell whether a mutant only leaves out an argument or gives another constant for it."""
    name, sign, _ = argument.partition("=")
    others = [f"{name}={value}" for value in ("None", "False")] if sign else ["None"]
    return mutant.after in [mutant.before.replace(argument, other) for other in (*others, "")]


def faults(survivors: list[Mutant], named: list[Mutant]) -> Iterator[str]:
    """Yield a paragraph for each mutant that survives unnamed or is named and does not."""
    alive, known = Counter(survivors), Counter(named)
    for mutant in alive - known:
        yield f"survives: {mutant.function}\n  - {mutant.before}\n  + {mutant.after}"
    for mutant in known - alive:
        yield f"named, but does not survive: {mutant.function}\n  + {mutant.after}"


def main() -> None:
    """Try every mutant of the rooms in setup.cfg and say what survived."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    mutmut("run", *sys.argv[1:])
    found = REPORT.findall(mutmut("results", "--all", "true"))
    survivors = [changed_by(name) for name, outcome in found if outcome not in CAUGHT]
    entries = tomllib.loads(NAMED.read_text(encoding="utf-8"))
    named = [Mutant(e["function"], e["before"], e["after"]) for e in entries["equivalent"]]
    arguments = [entry["argument"] for entry in entries["everywhere"]]
    left = [one for one in survivors if not any(is_everywhere(one, a) for a in arguments)]
    wrong = list(faults(left, named))
    print(*wrong, sep="\n")
    print(f"{len(found)} mutants, {len(found) - len(survivors)} caught, {len(survivors)} survive")
    sys.exit(
        f"mutants: {len(wrong)} to test, or to name in {NAMED.name} with a reason" if wrong else 0
    )


if __name__ == "__main__":
    main()
