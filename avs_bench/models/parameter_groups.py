"""Which parameters belong together when an optimiser is made."""

from dataclasses import dataclass

from torch import nn

from avs_bench.models.protocol import ROLES, Role, needs_of

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


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


def parameter_groups(model: nn.Module) -> list[ParameterGroup]:
    """Return every trainable parameter of `model` once, by role and weight decay.

    Roles are those that the model declares, see `Needs.role_of`. Frozen parameters (requires_grad
    false) are left out, and so are empty groups; the order is that of `ROLES`, decaying parameters
    first.
    """
    needs, taken = needs_of(model), set[nn.Parameter]()
    roles = {name: needs.role_of(name) for name, _ in model.named_parameters()}
    others: Role = "head" if "backbone" in roles.values() else "backbone"
    members: dict[tuple[Role, bool], list[nn.Parameter]] = {}
    for role in ROLES:
        members[role, True], members[role, False] = [], []
    for path, layer in model.named_modules():
        for name, parameter in layer.named_parameters(recurse=False):
            if parameter.requires_grad and parameter not in taken:
                taken.add(parameter)
                role = roles[f"{path}.{name}".lstrip(".")] or others
                members[role, _decays(role, name, layer)].append(parameter)
    return [
        ParameterGroup(role, decays, tuple(parameters))
        for (role, decays), parameters in members.items()
        if parameters
    ]


def backbone_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the trainable parameters of what the model declares as its backbone."""
    role_of = needs_of(model).role_of
    named = model.named_parameters()
    return [p for name, p in named if p.requires_grad and role_of(name) == "backbone"]


def _decays(role: Role, name: str, layer: nn.Module) -> bool:
    if role == "fusion":
        return True
    return role != "audio" and not isinstance(layer, NORMS) and name != "bias"
