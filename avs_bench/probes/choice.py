"""Probes and corruptions by the names that a user gives."""

from collections.abc import Iterable

from avs_bench.probes.corruptions import CORRUPTIONS
from avs_bench.probes.definitions import PROBES, RIGHT_SOUND, Probe
from vpo_builder.runtime.errors import InputError

AT = "@"
"""Between the name of a corruption and its level, as in snr-noise@3."""


def chosen_probes(names: Iterable[str], *, and_right_sound: bool = False) -> tuple[Probe, ...]:
    """Return probes by their names, each once; raise InputError for an unknown name.

    A corruption at a level is one too.
    """
    known = {**({RIGHT_SOUND.name: RIGHT_SOUND} if and_right_sound else {}), **PROBES}
    return tuple(
        known[name] if name in known else _corruption(name, known) for name in dict.fromkeys(names)
    )


def _corruption(name: str, known: Iterable[str]) -> Probe:
    kind, at, level = name.partition(AT)
    if not at:
        raise InputError(
            f"no probe {name!r}: choose of {', '.join(known)}, or a corruption as "
            "snr-noise@3 (docs/robustness.md)"
        )
    if kind not in CORRUPTIONS:
        raise InputError(f"no corruption {kind!r}: choose of {', '.join(CORRUPTIONS)}")
    levels = range(len(CORRUPTIONS[kind].levels) + 1)
    if level not in map(str, levels):
        raise InputError(f"{kind} has no level {level!r}: give one of 0 to {levels[-1]}")
    return CORRUPTIONS[kind].at(int(level))
