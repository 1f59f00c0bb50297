"""Runs mutmut and compares what survives with mutants.toml, the mutants that change nothing.

A mutant is known by its function and by the lines that it changes, not by mutmut's number, which
shifts with every edit. Fails where a mutant survives that is not named, and where one is named
that does not survive. `make mutants` runs it from the checkout; the rooms are in setup.cfg. Files
and folders as arguments (ARGS="avs_bench/losses") try these alone, and use again what an earlier
run has found out about which test runs which function.
"""

import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mutmut.mutation.diff_apply import get_diff_for_mutant

NAMED = Path(__file__).with_suffix(".toml")
FOLDER = Path("mutants")  # of mutmut, which keeps what it found there
CAUGHT = ("killed", "timeout", "segfault")
REPORT = re.compile(r"^\s*(\S+__mutmut_\d+): (.+)$", re.MULTILINE)
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


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
    lines = get_diff_for_mutant(name).splitlines()
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


def is_wording(mutant: Mutant) -> bool:
    """Tell whether a mutant only spells a text of several words otherwise, such as a rule's."""
    before, after = TEXT.findall(mutant.before), TEXT.findall(mutant.after)
    changed = [(was, now) for was, now in zip(before, after, strict=False) if was != now]
    apart = TEXT.sub("", mutant.before) == TEXT.sub("", mutant.after)
    return (
        apart
        and bool(changed)
        and all(
            " " in was and now.removeprefix("XX").removesuffix("XX").lower() == was.lower()
            for was, now in changed
        )
    )


def faults(survivors: list[Mutant], named: list[Mutant]) -> Iterator[str]:
    """Yield a paragraph for each mutant that survives unnamed or is named and does not."""
    alive, known = Counter(survivors), Counter(named)
    for mutant in alive - known:
        yield f"survives: {mutant.function}\n  - {mutant.before}\n  + {mutant.after}"
    for mutant in known - alive:
        yield f"named, but does not survive: {mutant.function}\n  + {mutant.after}"


def is_in(function: str, parts: list[str]) -> bool:
    """Tell whether a function lies in one of the modules or packages; in none means in any."""
    return not parts or any(function.startswith(f"{part}.") for part in parts)


def tried(parts: list[str]) -> tuple[int, list[Mutant]]:
    """Run mutmut on modules or packages; return how many mutants there are and who survives."""
    if not parts:
        shutil.rmtree(FOLDER, ignore_errors=True)
    mutmut("run", *(f"{part}.*" for part in parts))
    found = REPORT.findall(mutmut("results", "--all", "true"))
    found = [(name, outcome) for name, outcome in found if is_in(name, parts)]
    return len(found), [changed_by(name) for name, outcome in found if outcome not in CAUGHT]


def main() -> None:
    """Try every mutant of the rooms in setup.cfg, or of some files, and say what survives."""
    began = time.monotonic()
    parts = [part.removesuffix(".py").rstrip("/").replace("/", ".") for part in sys.argv[1:]]
    count, survivors = tried(parts)
    entries = tomllib.loads(NAMED.read_text(encoding="utf-8"))
    named = [Mutant(e["function"], e["before"], e["after"]) for e in entries["equivalent"]]
    arguments = [entry["argument"] for entry in entries["everywhere"]]
    worded = [one for one in survivors if is_wording(one)]
    left = [
        one
        for one in survivors
        if not is_wording(one) and not any(is_everywhere(one, a) for a in arguments)
    ]
    wrong = list(faults(left, [one for one in named if is_in(one.function, parts)]))
    print(*wrong, sep="\n")
    print(
        f"{count} mutants in {time.monotonic() - began:.0f} s: {count - len(survivors)} caught, "
        f"{len(survivors)} survive, {len(worded)} of them in the wording alone"
    )
    sys.exit(
        f"mutants: {len(wrong)} to test, or to name in {NAMED.name} with a reason" if wrong else 0
    )


if __name__ == "__main__":
    main()
