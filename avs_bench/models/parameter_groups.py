"""Which parameters belong together when an optimiser is made."""

from dataclasses import dataclass
from typing import Literal

from torch import nn

Role = Literal["backbone", "head", "fusion", "audio"]


@dataclass(frozen=True)
class ParameterGroup:
    """Parameters that train alike.

    `role` "head" is everything visual behind the backbone: decoder and head. `decays` says
    whether weight decay applies (protocol §5): weights of backbone and head decay, their norms
    and biases do not; projector and cross-attention decay entirely; the audio encoder not at all.
    """

    role: Role
    decays: bool
    parameters: tuple[nn.Parameter, ...]


ROLES: dict[str, Role] = {
    "backbone": "backbone",
    "necks": "head",
    "decoder": "head",
    "head": "head",
    "fusion": "fusion",
    "audio_encoder": "audio",
}


def parameter_groups(model: nn.Module) -> list[ParameterGroup]:
    """Return every trainable parameter of `model` once, by role and weight decay.

    Frozen parameters (requires_grad false) are left out, and so are empty groups; the order is
    that of `ROLES`, decaying parameters first.
    """
    members: dict[tuple[Role, bool], list[nn.Parameter]] = {}
    for role in dict.fromkeys(ROLES.values()):
        members[role, True], members[role, False] = [], []
    for child, module in model.named_children():
        for name, parameter, is_norm in _parameters(module):
            if parameter.requires_grad:
                decays = _decays(ROLES[child], name, is_norm)
                members[ROLES[child], decays].append(parameter)
    return [
        ParameterGroup(role, decays, tuple(parameters))
        for (role, decays), parameters in members.items()
        if parameters
    ]


def _decays(role: Role, name: str, is_norm: bool) -> bool:
    if role == "fusion":
        return True
    return role != "audio" and not is_norm and name != "bias"


def _parameters(module: nn.Module) -> list[tuple[str, nn.Parameter, bool]]:
    norms = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm)
    return [
        (name, parameter, isinstance(layer, norms))
        for layer in module.modules()
        for name, parameter in layer.named_parameters(recurse=False)
    ]
