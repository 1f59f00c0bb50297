"""The words that a user chooses by, for the commands too, which import nothing heavy."""

from typing import Literal, get_args

Family = Literal["dataset", "frame", "video"]
FAMILIES: tuple[Family, ...] = get_args(Family)
"""Metrics over the whole set at once; mean over frames; mean over videos. Never in one table."""

ProbeName = Literal["silence", "noise", "off-screen", "shuffled", "single", "swap-channels"]
PROBE_NAMES: tuple[ProbeName, ...] = get_args(ProbeName)
"""What a probe gives to hear: `avs_bench.probes.definitions` says what each asks."""
