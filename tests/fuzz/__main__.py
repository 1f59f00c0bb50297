"""`make fuzz`: spoils every kind of input for ten minutes and says what the commands did.

    python -m tests.fuzz [--minutes 10] [--workers 2] [--seed 0] [--only KIND]
    python -m tests.fuzz --repeat 'mask png:17'

Every trial runs in a worker process of its own limits; one that dies or does not end is a finding.
"""

import argparse
import itertools
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fuzz.inputs import KINDS, write_inputs
from tests.fuzz.trial import BY_NAME, CONTROL, Outcome
from tests.fuzz.workers import Worker


def fuzz(options: argparse.Namespace) -> list[Outcome]:
    """Do trials of every kind in turn until the time is over; print findings as they come."""
    names = [kind.name for kind in KINDS if not options.only or kind.name == options.only]
    numbers = itertools.chain([CONTROL], itertools.count(options.seed * 1_000_000))
    wanted: Iterator[tuple[str, int]] = ((name, n) for n in numbers for name in names)
    if options.repeat:
        name, _, number = options.repeat.rpartition(":")
        wanted = iter([(name, int(number))])
    outcomes: list[Outcome] = []
    lock = threading.Lock()
    with tempfile.TemporaryDirectory() as home:
        template = Path(home) / "template"
        template.mkdir()
        write_inputs(template)
        deadline = time.monotonic() + 60 * options.minutes

        def drive() -> None:
            worker = Worker(Path(home), template)
            while time.monotonic() < deadline:
                with lock:
                    one = next(wanted, None)
                if one is None:
                    break
                outcome = worker.trial(*one)
                with lock:
                    outcomes.append(outcome)
                    _tell(outcome, verbose=bool(options.repeat))
            worker.end()

        threads = [threading.Thread(target=drive) for _ in range(options.workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return outcomes


def _tell(outcome: Outcome, *, verbose: bool) -> None:
    for finding in outcome.findings:
        print(f"\n{outcome.kind}:{outcome.number} ({outcome.spoilt})\n  {finding}", flush=True)
    if verbose:
        print(outcome.spoilt, *outcome.said, sep="\n")


def table(outcomes: list[Outcome]) -> Iterator[str]:
    """Yield how many inputs of each kind were tried, and with which codes their commands ended."""
    heads = f"{'exit 0':>7} {'1':>6} {'2':>6}"
    yield f"{'kind':20} {'inputs':>7} {'commands':>9} {heads} {'findings':>9}"
    names = [kind.name for kind in KINDS]
    for name in (*names, "all"):
        mine = [one for one in outcomes if name in (one.kind, "all")]
        codes = Counter(code for one in mine for code in one.codes)
        found = sum(len(one.findings) for one in mine)
        counts = f"{codes[0]:7} {codes[1]:6} {codes[2]:6}"
        yield f"{name:20} {len(mine):7} {codes.total():9} {counts} {found:9}"


def _options() -> Any:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=sorted(BY_NAME))
    parser.add_argument("--repeat", metavar="KIND:NUMBER")
    return parser.parse_args()


if __name__ == "__main__":
    done = fuzz(_options())
    print("\n".join(table(done)))
    sys.exit(1 if any(one.findings for one in done) else 0)
