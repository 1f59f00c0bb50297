"""The one exception a user is meant to see, and how the commands show it."""

import errno
import functools
import sys
from collections.abc import Callable
from typing import Any

from vpo_builder.runtime.outside_text import one_line, say

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class InputError(Exception):
    """Something the user gave cannot be used; the text is one line and says what to do.

    It names what is wrong, where (file and place), what was expected, what was found and the
    remedy. The command line prints it on stderr and exits with code 2.
    """


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Print what a user can mend as one line on stderr and exit with code 2."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except InputError as error:
            _fail(str(error))
        except PermissionError as error:
            _fail(f"{error.filename}: permission denied: give a folder that you may write to")
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            where = error.filename or "the output folder"
            _fail(f"{where}: no space left: make room and run the command again")

    return wrapped


def _fail(message: str) -> None:
    say(f"error: {one_line(message)}", err=True)
    sys.exit(2)
