"""What a step would wait for on a card, counted on a CPU that stands in for one.

Everything lies in main memory here, so it is kept in mind what would lie on the card: what is sent
to a device by name, parameters and buffers, and whatever is computed from these.
"""

import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

READING = ("_local_scalar_dense", "nonzero", "unique", "masked_select")
BROUGHT = (Tensor.cpu, Tensor.tolist, Tensor.numpy)
LOOKING = ("view", "select", "slice", "expand", "detach", "alias", "transpose", "permute", "as_str")
"""Operations that start no kernel begin so, with what else is a view of a tensor."""


class Card:
    """Which tensors would lie on the card, and how often a program would wait for it, by line.

    `kernels` counts operations on the card, `copies` those from or to pinned memory, which nothing
    waits for.
    """

    def __init__(self, model: nn.Module) -> None:
        self.waits: Counter[str] = Counter()
        self.kernels = self.copies = 0
        self._there: dict[int, torch.UntypedStorage] = {}  # held, so that no address comes again
        for tensor in (*model.parameters(), *model.buffers()):
            self.keep(tensor)

    def keep(self, tensor: Tensor) -> None:
        """Note that a tensor lies on the card."""
        storage = tensor.untyped_storage()
        if storage.data_ptr():
            self._there[storage.data_ptr()] = storage

    def without(self, tensor: Tensor) -> Tensor:
        """Return a tensor, which lies in main memory though it was computed from the card's."""
        del self._there[tensor.untyped_storage().data_ptr()]
        return tensor

    def has(self, value: object) -> bool:
        """Tell whether a value is a tensor on the card."""
        return isinstance(value, Tensor) and value.untyped_storage().data_ptr() in self._there

    def wait(self) -> None:
        """Count a wait at the line of ours that is being run."""
        lines = [f for f in traceback.extract_stack() if "avs_bench" in Path(f.filename).parts]
        self.waits[f"{Path(lines[-1].filename).name}:{lines[-1].lineno}" if lines else "torch"] += 1


@contextmanager
def standing_in(model: nn.Module) -> Iterator[Card]:
    """Yield a card on which a model lies, and count while the context is open."""
    card = Card(model)
    with _Calls(card), _Operations(card):
        yield card


class _Calls(TorchFunctionMode):
    """Sees what is sent to a device, and read from it without an operation."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self._card = card

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs, card = kwargs or {}, self._card
        given = function(*args, **kwargs)
        if function in BROUGHT and card.has(args[0]):
            self._count("in_main_memory")
            return card.without(given.clone()) if isinstance(given, Tensor) else given
        if isinstance(given, Tensor) and _names_a_device(args, kwargs) and not card.has(given):
            if function in (Tensor.to, torch.tensor):
                given = given.clone()
                self._count("on_device")
            card.keep(given)
        return given

    def _count(self, without_waiting: str) -> None:
        """Count a copy from or to pinned memory, which that function makes, or else a wait."""
        if any(frame.name == without_waiting for frame in traceback.extract_stack()):
            self._card.copies += 1
        else:
            self._card.wait()


class _Operations(TorchDispatchMode):
    """Sees every operation, also those of the backward pass."""

    def __init__(self, card: Card) -> None:
        super().__init__()
        self._card = card

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        card, name = self._card, str(function).removeprefix("aten.")
        there = any(map(card.has, tree_flatten((args, kwargs or {}))[0]))
        given = function(*args, **(kwargs or {}))
        if not there:
            return given
        if any(word in name for word in READING) or _by_mask(name, args):
            card.wait()
        card.kernels += not name.startswith(LOOKING)
        for made in tree_flatten(given)[0]:
            if isinstance(made, Tensor):
                card.keep(made)
        return given


def _names_a_device(args: Any, kwargs: dict[str, Any]) -> bool:
    return any(isinstance(value, torch.device) for value in (*args, *kwargs.values()))


def _by_mask(name: str, args: Any) -> bool:
    """Tell whether an operation takes the places of a mask, whose number must be read."""
    if not name.startswith("index") or not isinstance(args[1], list | tuple):
        return False
    return any(isinstance(one, Tensor) and one.dtype == torch.bool for one in args[1])
