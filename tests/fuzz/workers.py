"""Processes that do trials: one that dies or does not end is replaced, and told of."""

import contextlib
import faulthandler
import itertools
import multiprocessing
import os
import resource
import signal
import warnings
from multiprocessing.connection import Connection
from pathlib import Path

from tests.fuzz.trial import BY_NAME, Outcome, Sandbox, run

SECONDS = 60
"""A trial that takes longer hangs: a whole one takes one or two."""
MEMORY_BYTES = 8 * 2**30
"""Of addresses; torch alone reserves two."""


def work(pipe: Connection, folder: Path, template: Path) -> None:
    """Do the trials that come through the pipe, in a sandbox below `folder`."""
    os.setsid()  # so that its children end with it
    log = (folder.parent / f"{folder.name}.stderr").open("wb")
    os.dup2(log.fileno(), 2)
    faulthandler.enable(log)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    sandbox = Sandbox(folder, template)
    while True:
        name, number = pipe.recv()
        pipe.send(run(sandbox, BY_NAME[name], number))


class Worker:
    """A process that does trials, begun again when one ends it."""

    def __init__(self, home: Path, template: Path) -> None:
        self._home, self._template = home, template
        self._folders = (home / f"{id(self)}-{n}" for n in itertools.count())
        self._begin()

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._folder = next(self._folders)
        self._folder.mkdir()
        arguments = (theirs, self._folder, self._template)
        self._process = context.Process(target=work, args=arguments)
        self._process.start()
        theirs.close()

    def trial(self, name: str, number: int) -> Outcome:
        """Return what became of a trial, the end of its process included."""
        self._pipe.send((name, number))
        finding = f"hangs: not over after {SECONDS} s"
        try:
            if self._pipe.poll(SECONDS):
                done: Outcome = self._pipe.recv()
                return done
        except (EOFError, ConnectionResetError):
            self._process.join()
            log = self._folder.parent / f"{self._folder.name}.stderr"
            tail = log.read_text(errors="replace")[-1500:]
            finding = f"the process died ({self._process.exitcode}): {tail}"
        self.end()
        self._begin()
        return Outcome(name, number, findings=[finding])

    def end(self) -> None:
        """Kill the process, and those that it has begun."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid or 0, signal.SIGKILL)
        self._process.join()
