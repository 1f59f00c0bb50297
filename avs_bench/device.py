"""The device that a run or an evaluation works on."""

import torch

from vpo_builder.errors import InputError


def open_device(name: str) -> torch.device:
    """Return the device `name`: cpu, cuda, cuda:1 …, or auto for a GPU where there is one.

    Raises InputError for a device that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch without CUDA asserts
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"--device {name}: {reason}; leave it out to take what there is") from None
    return device
