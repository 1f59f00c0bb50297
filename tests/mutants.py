"""Changes rules in every small way and says which changes no test notices: `make mutants`.

    python tests/mutants.py [--workers 2] [avs_bench/losses avs_bench/metrics/robust.py ...]

Mutants that change nothing stand in mutants.toml with the reason. A mutant is known by its function
and by the lines that it changes, not by mutmut's number, which shifts with every edit. Fails where
a mutant survives that is not named there, and where one that is named does not.
"""

import argparse
import os
import re
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from mutant_trials import function_of, make_mutants, survivors
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
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Mutant(NamedTuple):
    """A change of a function: the line that was there, or several, and what stands there now."""

    function: str
    before: str
    after: str


def changed_by(name: str, path: Path) -> Mutant:
    """Return the mutant of one of mutmut's names, such as `room.file.xǁClassǁmethod__mutmut_3`."""
    lines = get_diff_for_mutant(name, path=path).splitlines()
    changed = [line for line in lines if re.match(r"[-+](?![-+]{2} )", line)]
    before, after = (
        " ".join(line[1:].strip() for line in changed if line[0] == sign) for sign in "-+"
    )
    return Mutant(readable(function_of(name)), before, after)


def readable(function: str) -> str:
    """Return the dotted name of one of mutmut's functions."""
    return re.sub(r"\.x[_.]", ".", function.replace("ǁ", "."), count=1)


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


def named_in(parts: Sequence[str]) -> Counter[Mutant]:
    """Return the mutants of files and rooms that are named as changing nothing."""
    inside = tuple(f"{part.removesuffix('.py').replace('/', '.')}." for part in parts)
    entries = tomllib.loads(NAMED.read_text(encoding="utf-8"))["equivalent"]
    return Counter(
        Mutant(entry["function"], entry["before"], entry["after"])
        for entry in entries
        if entry["function"].startswith(inside)
    )


def faults(left: list[Mutant], known: Counter[Mutant]) -> Iterator[str]:
    """Yield a paragraph for each mutant that survives unnamed or is named and does not."""
    everywhere = tomllib.loads(NAMED.read_text(encoding="utf-8"))["everywhere"]
    alive = Counter(
        mutant
        for mutant in left
        if not is_wording(mutant)
        and not any(is_everywhere(mutant, entry["argument"]) for entry in everywhere)
    )
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


def asked() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="FILE|ROOM", help="change these alone")
    workers = os.cpu_count() or 1
    parser.add_argument("--workers", type=int, default=workers, help="trials at a time")
    return parser.parse_args()


def main() -> None:
    """Try mutants, say which survive unnamed or are named in vain, and fail if there are any."""
    options, began = asked(), time.monotonic()
    parts = [part.rstrip("/") for part in options.parts] or list(ROOMS)
    tests = sorted({tests_of(part) for part in parts})
    made = make_mutants([part if part.endswith(".py") else f"{part}/*" for part in parts])
    left = [changed_by(name, made[name]) for name in survivors(made, tests, options.workers)]
    wrong = list(faults(left, named_in(parts)))
    print(*wrong, sep="\n")
    print(
        f"{len(made)} mutants in {time.monotonic() - began:.0f} s: {len(made) - len(left)} caught, "
        f"{len(left)} survive, {sum(map(is_wording, left))} of them in the wording alone"
    )
    if wrong:
        sys.exit(f"mutants: {len(wrong)} to test, or to name in {NAMED.name} with a reason")


if __name__ == "__main__":
    main()
