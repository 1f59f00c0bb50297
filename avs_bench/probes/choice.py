"""Probes and corruptions by the names that a user gives."""

from collections.abc import Iterable

from avs_bench.probes.corruptions import CORRUPTIONS, TOWARD_TWIN
from avs_bench.probes.definitions import PROBES, RIGHT_SOUND, Probe
from vpo_builder.runtime.errors import InputError

AT = "@"
"""Between the name of a corruption and its level, as in snr-noise@3."""


def chosen_probes(names: Iterable[str], *, and_right_sound: bool = False) -> tuple[Probe, ...]:
    """Return probes by their names, each once; raise InputError for an unknown name.

    A corruption at a level is one too; "toward-twin" alone stands for all of its levels.
    """
    known = {**({RIGHT_SOUND.name: RIGHT_SOUND} if and_right_sound else {}), **PROBES}
    every = [f"{TOWARD_TWIN.name}{AT}{n}" for n in range(1, len(TOWARD_TWIN.levels) + 1)]
    asked = [one for name in names for one in (every if name == TOWARD_TWIN.name else [name])]
    return tuple(
        known[name] if name in known else _corruption(name, known) for name in dict.fromkeys(asked)
    )


def _corruption(name: str, known: Iterable[str]) -> Probe:
    kind, at, level = name.partition(AT)
    if not at:
        raise InputError(
            f"no probe {name!r}: choose of {', '.join([*known, TOWARD_TWIN.name])}, or a "
            "corruption as snr-noise@3 (docs/robustness.md)"
        )
    graded = {**CORRUPTIONS, TOWARD_TWIN.name: TOWARD_TWIN}
    if kind not in graded:
        raise InputError(f"no corruption {kind!r}: choose of {', '.join(CORRUPTIONS)}")
    levels = range(len(graded[kind].levels) + 1)
    if level not in map(str, levels):
        raise InputError(f"{kind} has no level {level!r}: give one of 0 to {levels[-1]}")
    return graded[kind].at(int(level))
