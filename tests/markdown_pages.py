"""Runs the code of a Markdown page as its reader does: writes its files, runs Python and commands.

A fence with a title is a file. Other Python runs from the top of the page to its end in one
namespace, with `>>>` as a doctest. The commands of a `sh` fence run in this process. A fence behind
a comment `<!-- not run: why -->` is left out; other languages are only shown.
"""

import contextlib
import doctest
import io
import re
import shlex
import sys
import types
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from avs_bench.commands.main import main as avs_bench
from vpo_builder.commands.vpo_build import build_command
from vpo_builder.commands.vpo_data import data_command

PROGRAMS = {"avs-bench": avs_bench, "vpo-build": build_command, "vpo-data": data_command}
FENCE = re.compile(r'^```(\w*)(?: title="([^"]+)")?[^\n]*\n(.*?)^```', re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: .+ -->\s*$")


@dataclass(frozen=True)
class Block:
    """A fence: its language, the file it is (or nothing), its text and the line it begins on."""

    language: str
    title: str
    text: str
    line: int


def blocks_of(page: str) -> Iterator[Block]:
    for found in FENCE.finditer(page):
        if not NOT_RUN.search(page[: found.start()]):
            line = page.count("\n", 0, found.start(3)) + 1
            yield Block(found[1], found[2] or "", found[3], line)


def run_page(
    path: Path, more: Mapping[str, Sequence[str]] = {}, done: Collection[str] = ()
) -> list[str]:
    """Run a page in the current folder; return what its commands and its Python printed.

    `more` are words added to the commands that begin with a text, to make them short; a command
    that begins with one of `done` was run before.
    """
    name, said = f"page_{path.stem.replace('-', '_')}", []
    module = sys.modules[name] = types.ModuleType(name)  # which pickles find its classes by
    try:
        for block in blocks_of(path.read_text(encoding="utf-8")):
            if block.title:
                Path(block.title).parent.mkdir(parents=True, exist_ok=True)
                Path(block.title).write_text(block.text, encoding="utf-8")
            elif block.language == "python":
                said.append(_run_python(block, path, module))
            elif block.language == "sh":
                said += [run_command(c, more) for c in commands_of(block, done)]
    finally:
        del sys.modules[name]
    return said


def commands_of(block: Block, done: Collection[str] = ()) -> Iterator[str]:
    lines = block.text.replace("\\\n", " ").splitlines()
    commands = (" ".join(line.split("  #")[0].split()) for line in lines)
    return (c for c in commands if c and not c.startswith(("#", *done)))


def run_command(command: str, more: Mapping[str, Sequence[str]]) -> str:
    """Run a command with the words that `more` adds to it, and return what it printed."""
    words = shlex.split(command)
    added = [word for start, few in more.items() if command.startswith(start) for word in few]
    done = CliRunner().invoke(PROGRAMS[words[0]], [*words[1:], *added])
    assert done.exit_code == 0, f"{command}\n{done.output}"
    return done.output


def _run_python(block: Block, path: Path, module: types.ModuleType) -> str:
    said = io.StringIO()
    if ">>> " in block.text:
        test = doctest.DocTestParser().get_doctest(
            block.text, module.__dict__, path.name, str(path), block.line
        )
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        failed = runner.run(test, out=said.write, clear_globs=False).failed
        assert not failed, said.getvalue()
        module.__dict__.update(test.globs)
        return ""
    with contextlib.redirect_stdout(said):
        code = compile("\n" * (block.line - 1) + block.text, str(path), "exec")
        exec(code, module.__dict__)
    return said.getvalue()
