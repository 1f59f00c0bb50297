"""Probes: what a model answers when the sound is not the picture's, and so whether it listens."""

from avs_bench.probes.definitions import (
    PROBES,
    RIGHT_SOUND,
    Probe,
    probed_batch,
    probed_examples,
    right_answer,
)
from avs_bench.probes.scores import ProbeScorer, score_probe
from avs_bench.results.listening import false_positive_rate, listening_gain, pan_sensitivity

__all__ = [
    "PROBES",
    "RIGHT_SOUND",
    "Probe",
    "ProbeScorer",
    "false_positive_rate",
    "listening_gain",
    "pan_sensitivity",
    "probed_batch",
    "probed_examples",
    "right_answer",
    "score_probe",
]
