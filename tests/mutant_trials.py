"""Makes the mutants of some files with mutmut, and tries each in a fork of one pytest session.

mutmut's own runner starts pytest for every mutant, which takes longer than most of these tests do.
Here they are collected once, and run once to see which of them reach which function; each mutant
then gets a fork in which these are run, the quickest first, up to the first that fails.
"""

import contextlib
import functools
import gc
import io
import itertools
import os
import resource
import shutil
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from math import ceil
from multiprocessing.forkserver import _forkserver
from pathlib import Path
from typing import NoReturn, TextIO

import pytest
from mutmut.__main__ import create_mutants
from mutmut.configuration import config
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.file_utils import (
    copy_also_copy_files,
    copy_src_dir,
    setup_source_paths,
    walk_mutatable_files,
)

FOLDER = Path("mutants")
SLOWER, AT_LEAST_S = 10, 5
"""A test that takes so many times its seconds of processor time, and so many more, never ends."""
SLOW_S = 4
"""A test that takes longer is run for the file alone that it is named after."""
LONGEST_S = 1200
"""Seconds on the clock after which a trial waits for what does not come."""
OPTIONS = ["-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts=", "-m", "not proof"]


def make_mutants(files: Sequence[str]) -> dict[str, Path]:
    """Copy both packages and the tests to FOLDER, with all mutants of files given by patterns.

    Returns the file of each mutant by its name.
    """
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    config().only_mutate = list(files)
    with contextlib.redirect_stdout(io.StringIO()):
        copy_src_dir()
        copy_also_copy_files()
        create_mutants(os.cpu_count() or 1)
    made = {}
    for path in sorted(walk_mutatable_files()):
        data = SourceFileMutationData(path=path)
        data.load()
        made |= dict.fromkeys(data.exit_code_by_key, path)
    return made


def function_of(name: str) -> str:
    """Return the mangled function of a mutant, such as `room.file.xǁClassǁmethod`."""
    return name.partition("__mutmut_")[0]


def survivors(names: Iterable[str], tests: Sequence[str], workers: int) -> list[str]:
    """Return which mutants no test notices; stop if a test fails without one."""
    setup_source_paths()
    set_mutant_under_test("stats")
    with os.fdopen(os.dup(2), "w") as shown, contextlib.chdir(FOLDER):
        trials = _Trials(list(names), workers, shown)
        status = pytest.main([*OPTIONS, *config().pytest_add_cli_args, *tests], plugins=[trials])
    if status != pytest.ExitCode.OK:
        sys.exit("mutants: the tests fail without any mutant; see above")
    return sorted(trials.alive)


class _Trials:
    """A plugin of pytest that runs the collected tests over and over."""

    def __init__(self, names: list[str], workers: int, shown: TextIO) -> None:
        self.alive: set[str] = set()
        self._names, self._workers, self._shown = names, workers, shown
        self._reached: defaultdict[str, list[pytest.Item]] = defaultdict(list)
        self._seconds: dict[pytest.Item, float] = {}
        self._running: dict[int, str] = {}

    def pytest_configure(self, config: pytest.Config) -> None:
        """Have failures told in the quickest way; the option is of the terminal, which is off."""
        config.option.tbstyle = "native"

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Show why a test cannot be read."""
        if report.failed:
            print(report.longreprtext, file=self._shown, flush=True)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Show why a test fails; a fork shows nothing."""
        if report.failed:
            print(report.nodeid, report.longreprtext, sep="\n", file=self._shown, flush=True)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run every test without a mutant, and then what reaches each mutant with it."""
        if session.testsfailed:  # in collecting
            return True
        for item in session.items:
            self._look_at(item)
        if not session.testsfailed:
            _forget()
            gc.collect()
            gc.freeze()  # a fork that collects would copy the memory of all objects
            try:
                self._try_all(session)
            finally:
                for left in self._running:
                    os.kill(left, signal.SIGKILL)
        return True

    def _look_at(self, item: pytest.Item) -> None:
        """Run a test alone, with all its fixtures, and keep what it reaches and takes."""
        state()._stats.clear()
        began = _seconds_of_processor()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        _forkserver._stop()  # else processes of a trial come from it, and know of no mutant
        self._seconds[item] = _seconds_of_processor() - began
        for function in state()._stats:
            self._reached[function].append(item)

    def _try_all(self, session: pytest.Session) -> None:
        for tests in self._reached.values():
            tests.sort(key=self._seconds.__getitem__)
        began = time.monotonic()
        for number, name in enumerate(self._names, 1):
            tests = [test for test in self._reached[function_of(name)] if self._is_for(test, name)]
            if not tests:
                self._live(name)
                continue
            if len(self._running) >= self._workers:
                self._wait()
            pid = os.fork()
            if not pid:
                self._run(session, name, tests)
            self._running[pid] = name
            if not number % 100:
                rate = number / (time.monotonic() - began)
                told = f"{number} of {len(self._names)}, {rate:.1f}/s, {len(self.alive)} survive"
                print(told, file=self._shown, flush=True)
        while self._running:
            self._wait()

    def _is_for(self, test: pytest.Item, name: str) -> bool:
        return self._seconds[test] < SLOW_S or test.path.stem == f"test_{name.split('.')[-2]}"

    def _wait(self) -> None:
        pid, status = os.wait()
        name = self._running.pop(pid, None)
        if name and not status:
            self._live(name)

    def _live(self, name: str) -> None:
        self.alive.add(name)
        print(f"survives: {name}", file=self._shown, flush=True)

    def _run(self, session: pytest.Session, name: str, tests: list[pytest.Item]) -> NoReturn:
        """End this fork with 1 at the first test that fails, and with 0 if none does."""
        with Path(os.devnull).open("w") as nothing:
            self._shown = nothing
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
            set_mutant_under_test(name)
            signal.alarm(LONGEST_S)
            failed = True
            try:
                for test, following in itertools.pairwise([*tests, None]):
                    more = ceil(SLOWER * self._seconds[test] + AT_LEAST_S)
                    end = (ceil(time.process_time()) + more, resource.RLIM_INFINITY)
                    resource.setrlimit(resource.RLIMIT_CPU, end)
                    session.config.hook.pytest_runtest_protocol(item=test, nextitem=following)
                    if session.testsfailed:
                        break
                failed = bool(session.testsfailed)
            finally:
                os._exit(failed)


def _seconds_of_processor() -> float:
    return sum(os.times()[:4])


def _forget() -> None:
    """Empty the caches of functions, so that what a mutant would return is computed."""
    for one in gc.get_objects():
        if type(one) is functools._lru_cache_wrapper and _is_ours(one.__module__):
            one.cache_clear()


def _is_ours(module: str | None) -> bool:
    return (module or "").startswith(("avs_bench.", "vpo_builder."))
