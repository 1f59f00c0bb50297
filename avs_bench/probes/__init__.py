"""Probes: what a model answers when the sound is not the picture's, and so whether it listens.

`avs_bench.probes.scores` asks a model; everything else needs no torch.
"""

from avs_bench.probes.choice import chosen_probes
from avs_bench.probes.counts import ProbeCounts, right_answer
from avs_bench.probes.definitions import (
    PROBES,
    RIGHT_SOUND,
    Probe,
    probed_examples,
    probed_sound,
)
from avs_bench.results.listening import false_positive_rate, listening_gain, pan_sensitivity

__all__ = [
    "PROBES",
    "RIGHT_SOUND",
    "Probe",
    "ProbeCounts",
    "chosen_probes",
    "false_positive_rate",
    "listening_gain",
    "pan_sensitivity",
    "probed_examples",
    "probed_sound",
    "right_answer",
]
