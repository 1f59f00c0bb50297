"""Steps that cannot go on: memory that is full, and a loss that is no longer a number."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch


class FailedError(Exception):
    """What happened, in `what`, and what to do about it, in `remedy`.

    Only who keeps the checkpoints can say what is left: see `RunFolder.failures_in_one_line`.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self.what, self.remedy = what, remedy


@contextmanager
def memory_errors(doing: str, remedy: str) -> Iterator[None]:
    """Raise FailedError for an error that says that memory, a GPU's or the machine's, is full."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:  # PyTorch's are RuntimeErrors, a GPU's has a class
        full = isinstance(error, MemoryError | torch.cuda.OutOfMemoryError)
        if not full and "t allocate memory" not in str(error):
            raise
        raise FailedError(f"{doing}: out of memory", remedy) from None


def refuse_no_number(terms: Mapping[str, float], step: int) -> None:
    """Raise FailedError unless the sum of the loss terms is a number."""
    if math.isfinite(sum(terms.values())):
        return
    shown = ", ".join(f"{name} {value}" for name, value in terms.items())
    raise FailedError(
        f"step {step}: the loss is {sum(terms.values())} ({shown})",
        "begin a run with a lower rate, such as --set optim.lr=1e-4",
    )
