"""Commands of `avs-bench` in processes of their own, forked from one that has imported torch.

An interpreter of its own takes seconds to import torch, and is no more of a process.
"""

import os
import signal
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from avs_bench.commands.main import main
from tests.bench.training.gloo import forkserver

Program = Callable[[Sequence[str]], object]


def avs_bench(words: Sequence[str]) -> None:
    main(words, prog_name="avs-bench")


class Forked:
    """A command under way: what the tests use of subprocess.Popen, with its meaning."""

    def __init__(
        self,
        words: Sequence[object],
        variables: Mapping[str, object] = {},
        new_session: bool = False,
        program: Program = avs_bench,
    ) -> None:
        self._said = tempfile.TemporaryDirectory()
        given = list(map(str, words)), {name: str(value) for name, value in variables.items()}
        arguments = (*given, new_session, program, self._said.name)
        self._process = forkserver().Process(target=_run, args=arguments)
        self._process.start()
        self.pid = self._process.pid
        self.kill = self._process.kill

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal, None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end and return what was said to stdout and to stderr."""
        self._process.join(timeout)
        assert self.returncode is not None, f"still runs after {timeout} s"
        stdout, stderr = (Path(self._said.name, name) for name in ("stdout", "stderr"))
        return stdout.read_text(), stderr.read_text()


def _run(
    words: list[str], variables: dict[str, str], new_session: bool, program: Program, said: str
) -> None:
    if new_session:
        os.setsid()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        opened = os.open(Path(said, name), os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(opened, descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # an ignored one is inherited
    torch.set_num_threads(1)
    os.environ |= variables
    program(words)
