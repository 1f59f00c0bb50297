"""The one exception a user is meant to see, and how the commands show it and faults of the system.

This is the one place that knows which errors are no bug: a line says which file is at fault and
what to do. Everything else is a bug and gives a traceback.
"""

import contextlib
import errno
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from vpo_builder.runtime.outside_text import one_line, say

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
ADVICE = {
    **dict.fromkeys(NO_SPACE, "no space left: make room and run the command again"),
    errno.EROFS: "the file system is read-only: give a folder that can be written to",
    errno.EACCES: "permission denied: give a folder that you may write to, or files you may read",
    errno.EPERM: "not permitted: give a folder that you may write to",
    errno.ENOENT: "no such file or folder: see that it is still there",
    errno.ENOTDIR: "a file stands where a folder is expected: give another path",
    errno.EISDIR: "is a folder, expected a file: give another path",
    errno.EEXIST: "is a file, expected a folder: give another path",
    errno.ENOTEMPTY: "is not empty: another program writes there; run the command again",
    errno.ELOOP: "a loop of links: give the real path",
    errno.ENAMETOOLONG: "the name is too long: give a shorter path",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n), or use fewer workers",
    errno.ENFILE: "the system has too many open files: end other programs",
    errno.EAGAIN: "the system starts no more processes or threads: use fewer workers, or raise the "
    "limit (ulimit -u)",
    errno.EPIPE: "closed by its reader: read all of it, or send it to a file",
    errno.EIO: "input/output error: the disk or its connection fails; check it",
    errno.ESTALE: "the file was lost by its server: run the command again",
}
"""What the system's numbers mean to a user, and the remedy."""
FULL_MEMORY = "out of memory: end other programs, work on less at once, or use a larger machine"
BAD_JSON = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What msgspec raises for bytes that are no json of the kind wanted, or nested without end."""
WRITES = NO_SPACE | {errno.EROFS}


class InputError(Exception):
    """Something the user gave cannot be used; the text is one line and says what to do.

    It names what is wrong, where (file and place), what was expected, what was found and the
    remedy. The command line prints it on stderr and exits with code 2.
    """


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Print what a user can correct as one line on stderr and exit with code 2."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            with _named_stdout():
                command(*args, **kwargs)
        except Exception as error:
            known = as_input_error(error)
            if known is None:
                raise
            _fail(str(known))

    return wrapped


def as_input_error(error: BaseException) -> InputError | None:
    """Return the line for what a user can correct, or for a fault of the system; None for a bug."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, OSError):
        return InputError(_fault(error))
    if is_full_memory(error):
        return InputError(FULL_MEMORY)
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return InputError(f"threads: {ADVICE[errno.EAGAIN]}")
    return None


def is_full_memory(error: BaseException) -> bool:
    """Tell whether memory, the machine's or a GPU's, is full: PyTorch has its own errors for it."""
    told = isinstance(error, RuntimeError) and "t allocate memory" in str(error)
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or told


def _fault(error: OSError) -> str:
    where, number = _where(error), error.errno or 0
    if number == errno.ENOMEM:
        return FULL_MEMORY
    if number == errno.EEXIST and where and os.path.isdir(where):  # noqa: PTH112 -- any text
        return f"{where}: exists already: give another path"
    known = ADVICE.get(number, f"{error.strerror or error}: check it and run the command again")
    return f"{where or 'the system'}: {known}"


def _where(error: OSError) -> str | None:
    """Return what is at fault: of a copy the target where writing failed, and stdout if it is."""
    copied = error.filename2 is not None and error.errno in WRITES
    name = error.filename2 if copied else error.filename
    if isinstance(name, str | bytes | os.PathLike):
        return os.fsdecode(name)
    return "the output folder" if error.errno in WRITES else None


@contextlib.contextmanager
def _named_stdout() -> Iterator[None]:
    """Let errors of stdout name it, those of its last flush too; without one do nothing."""
    if sys.stdout is None:
        yield
        return
    with contextlib.redirect_stdout(_Stdout(sys.stdout)):
        yield
        sys.stdout.flush()


class _Stdout:
    """Stdout whose errors name it: those of an open file name none."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._fault: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write as the stream does."""
        return int(self._told(self._stream.write, text))

    def flush(self) -> None:
        """Flush as the stream does."""
        self._told(self._stream.flush)

    def _told(self, act: Callable[..., Any], *arguments: str) -> Any:
        if self._fault:  # which a writer that only tried has kept to itself
            raise self._fault
        try:
            return act(*arguments)
        except OSError as error:
            error.filename, self._fault = "standard output", error
            self._let_go()
            raise

    def _let_go(self) -> None:
        """Drop what could not be written, or Python would complain of it again when it ends."""
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def _fail(message: str) -> None:
    with contextlib.suppress(OSError):  # stderr may be full as well
        say(f"error: {one_line(message)}", err=True)
    sys.exit(2)
