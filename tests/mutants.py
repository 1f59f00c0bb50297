"""Runs mutmut and compares what survives with mutants.toml, the mutants that change nothing.

A mutant is known by its function and by the lines that it changes, not by mutmut's number, which
shifts with every edit. Fails where a mutant survives that is not named, and where one is named
that does not survive. `make mutants` runs it from the checkout, room by room, each against its own
tests; files and rooms as arguments (ARGS="avs_bench/losses") are tried alone.
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

from mutmut.configuration import config
from mutmut.mutation.diff_apply import get_diff_for_mutant

ROOMS = {
    "vpo_builder/planning": "tests/builder/planning",
    "avs_bench/losses": "tests/bench/losses",
    "avs_bench/metrics": "tests/bench/metrics",
    "avs_bench/training/pairs.py": "tests/bench/training/test_pairs.py",
    "avs_bench/training/bank.py": "tests/bench/training/test_pairs.py",
}
"""What is changed, and the tests that shall notice."""
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


RUN = """
import sys
from mutmut.__main__ import cli
from mutmut.configuration import config
config().only_mutate = [sys.argv[1]]
config().pytest_add_cli_args_test_selection = [sys.argv[2]]
cli(sys.argv[3:])
"""


def pattern_of(part: str) -> str:
    """Return mutmut's pattern of the files of a part, which is a file or a room."""
    return part if part.endswith(".py") else f"{part}/*"


def mutmut(part: str, tests: str, *arguments: str) -> str:
    """Return what a command of mutmut prints for a file or room; stop if it fails."""
    command = [sys.executable, "-c", RUN, pattern_of(part), tests, *arguments]
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


def tests_of(part: str) -> str:
    """Return the tests of the room that a file or room lies in; stop if there are none."""
    for room, tests in ROOMS.items():
        if part == room or part.startswith(f"{room}/"):
            return tests
    sys.exit(f"mutants: {part}: expected one of {', '.join(ROOMS)}, or a file in one")


def tried(part: str) -> tuple[int, list[Mutant]]:
    """Try a file or room; return how many mutants it has and which of them survive."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    mutmut(part, tests_of(part), "run")
    found = REPORT.findall(mutmut(part, tests_of(part), "results", "--all", "true"))
    config().only_mutate = [pattern_of(part)]
    return len(found), [changed_by(name) for name, outcome in found if outcome not in CAUGHT]


def unnamed(part: str) -> int:
    """Try a file or room, say what survives unnamed or is named in vain, return how many are."""
    began = time.monotonic()
    count, survivors = tried(part)
    entries = tomllib.loads(NAMED.read_text(encoding="utf-8"))
    inside = f"{part.removesuffix('.py').replace('/', '.')}."
    named = [Mutant(e["function"], e["before"], e["after"]) for e in entries["equivalent"]]
    arguments = [entry["argument"] for entry in entries["everywhere"]]
    worded = [one for one in survivors if is_wording(one)]
    left = [
        one
        for one in survivors
        if not is_wording(one) and not any(is_everywhere(one, a) for a in arguments)
    ]
    wrong = list(faults(left, [one for one in named if one.function.startswith(inside)]))
    print(*wrong, sep="\n")
    print(
        f"{part}: {count} mutants in {time.monotonic() - began:.0f} s: {count - len(survivors)} "
        f"caught, {len(survivors)} survive, {len(worded)} of them in the wording alone",
        flush=True,
    )
    return len(wrong)


def main() -> None:
    """Try every room, or the files and rooms of the command line."""
    parts = [part.rstrip("/") for part in sys.argv[1:]] or list(ROOMS)
    wrong = sum(map(unnamed, parts))
    sys.exit(f"mutants: {wrong} to test, or to name in {NAMED.name} with a reason" if wrong else 0)


if __name__ == "__main__":
    main()
