"""The one exception a user is meant to see."""


class InputError(Exception):
    """Something the user gave cannot be used; the text is one line and says what to do.

    It names what is wrong, where (file and place), what was expected, what was found and the
    remedy. The command line prints it on stderr and exits with code 2.
    """
