"""The words that a user chooses by, for the commands too, which import nothing heavy."""

from typing import Literal, get_args

OwnFamily = Literal["dataset", "frame", "video"]
OWN_FAMILIES: tuple[OwnFamily, ...] = get_args(OwnFamily)
"""Metrics over the whole set at once; mean over frames; mean over videos. Never in one table."""

Family = Literal[OwnFamily, "instances", "listening"]
"""Those that papers score a dataset in; which of several alike is heard; and mean over pictures
that are heard with several sounds. The last two are scored wherever there are such."""
FAMILIES: tuple[Family, ...] = get_args(Family)
"""All of them, by name."""

ProbeName = Literal["silence", "noise", "off-screen", "shuffled", "single", "swap-channels"]
PROBE_NAMES: tuple[ProbeName, ...] = get_args(ProbeName)
"""What a probe gives to hear: `avs_bench.probes.definitions` says what each asks."""

Values = Literal["classes", "mask", "colours", "probabilities"]
VALUES: tuple[Values, ...] = get_args(Values)
"""What the pixels of an answer's PNG are: class indices; the values, or in AVSS the colours, of the
dataset's own masks; or in 8 or 16 bits the probability of an object."""

Resize = Literal["nearest", "bilinear"]
RESIZES: tuple[Resize, ...] = get_args(Resize)
"""The pixel whose centre is nearest; between the four around, corners not aligned, as eval does."""
