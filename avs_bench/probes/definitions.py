"""The probes of this toolkit, each with its question and its source.

All negative sounds ask for an empty mask: in AVSBench-Robust (Li et al., *Do Audio-Visual
Segmentation Models Truly Segment Sounding Objects?*, arXiv 2502.00358) and, before it for
localisation, in Juanola et al. (*A Critical Assessment of Visual Sound Source Localization Models
Including Negative Audio*, arXiv 2410.01020), they are silence, noise and sounds from off the
screen. Chen et al. (arXiv 2304.02970) motivate VPO by the same doubt, that the picture alone gives
the answer away, and train against it with shuffled pairs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from avs_bench.data.audio import Waveform, mix
from avs_bench.data.example import Example, SoundSource
from avs_bench.data.seeds import numpy_generator
from avs_bench.probes import hearing
from vpo_builder.runtime.errors import InputError

NOISE_RMS = 0.1
"""RMS of the noise (full scale 1) where the sound that it replaces is silent."""


Beside = Mapping[str, tuple[SoundSource, ...]]
Pixels = NDArray[np.uint8]


def _summed(own: Waveform, beside: Waveform) -> Waveform:
    return own + beside


@dataclass(frozen=True)
class Probe:
    """One way of giving pictures another sound.

    `hear` says whose clips each example is given and leaves out the examples for which the probe
    has no meaning; `alter` changes the mixed waveform [channels, samples] of an example, by seed
    and example id. Both are pure. After it the sources are still heard unless `drowns` them, and
    what was at pan p is at 1 − p if it `mirrors`. `beside` names sources, by example id, that are
    mixed by themselves and then `blend`ed with an example's own mix before it is altered. A probe
    that has a meaning in two channels alone is `stereo`. `picture` alters the pixels [H, W, 3] as
    `alter` the sound.
    """

    name: str
    question: str
    source: str
    hear: Callable[[Sequence[Example], int], tuple[Example, ...]]
    alter: Callable[[Waveform, int, str], Waveform]
    drowns: bool = False
    mirrors: bool = False
    stereo: bool = False
    beside: Callable[[Sequence[Example], int], Beside] | None = None
    blend: Callable[[Waveform, Waveform], Waveform] = _summed
    picture: Callable[[Pixels, int, str], Pixels] | None = None

    def heard_classes(self, example: Example) -> frozenset[int]:
        """Return the class indices that are heard in an example that `hear` gave."""
        return frozenset(() if self.drowns else (x.class_index for x in example.sources))

    def drawing_from(self, whole: Sequence[Example]) -> "Probe":
        """Return the probe for a part of the examples, with the sounds that it gives of `whole`.

        So that what is heard depends on no choice of what is asked.
        """

        def hear(examples: Sequence[Example], seed: int) -> tuple[Example, ...]:
            asked = {example.example_id for example in examples}
            return tuple(one for one in self.hear(whole, seed) if one.example_id in asked)

        drawn = self.beside
        if drawn is None:
            return replace(self, hear=hear)
        return replace(self, hear=hear, beside=lambda _examples, seed: drawn(whole, seed))

    def sound(self, own: Waveform, beside: Waveform | None, seed: int, example_id: str) -> Waveform:
        """Return what is heard: an example's mix, blended with what is beside it, and altered."""
        mixed = own if beside is None else self.blend(own, beside)
        return self.alter(mixed, seed, example_id)


def unaltered(waveform: Waveform, _seed: int, _example_id: str) -> Waveform:
    """Return the sound as it is."""
    return waveform


def _noise(waveform: Waveform, seed: int, example_id: str) -> Waveform:
    """White Gaussian noise, independent in each channel, as loud as the sound that it replaces.

    As loud, so that not the level gives it away.
    """
    level = float(np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))) or NOISE_RMS
    random = numpy_generator("noise", seed, example_id)
    noise = random.standard_normal(waveform.shape, dtype=np.float32)
    noise *= level / np.sqrt(np.mean(np.square(noise)))
    return noise


def _swapped_channels(waveform: Waveform, _seed: int, _example_id: str) -> Waveform:
    """Left heard as right."""
    channels = len(waveform)
    if channels != 2:
        raise InputError(
            f"probe swap-channels: the model hears {channels} channel, expected 2; "
            "probe a model that was trained with --set audio.channels=2"
        )
    return np.ascontiguousarray(waveform[::-1])


_ROBUST = "AVSBench-Robust (arXiv 2502.00358)"

RIGHT_SOUND = Probe(
    "right-sound", "what does it score with the sound of the picture?", "", hearing.own, unaltered
)
"""No probe: what the others are compared with."""

PROBES: dict[str, Probe] = {
    probe.name: probe
    for probe in (
        Probe(
            "silence",
            "does it segment anything when nothing is heard?",
            _ROBUST,
            hearing.nothing,
            unaltered,
        ),
        Probe(
            "noise",
            "does it segment anything when only white noise is heard?",
            f"{_ROBUST}; there at full scale, here as loud as the sound it replaces",
            hearing.own,
            _noise,
            drowns=True,
        ),
        Probe(
            "off-screen",
            "does it segment anything when a class is heard that is not in the picture?",
            f"{_ROBUST}; here by class, in S4 by category; every object that could sound is known",
            hearing.of_an_unseen_class,
            unaltered,
        ),
        Probe(
            "shuffled",
            "does it follow the sound when pictures exchange theirs?",
            "Chen et al. (arXiv 2304.02970), whose training shuffles the audio of a batch; here "
            "the labelled classes that are still heard remain the right answer",
            hearing.of_another_picture,
            unaltered,
        ),
        Probe(
            "single",
            "does it drop the other objects when one of several classes is heard alone?",
            "ours, for VPO-MS and MSMI",
            hearing.one_class,
            unaltered,
        ),
        Probe(
            "swap-channels",
            "does it find the other one of two alike when left and right are exchanged?",
            "ours, for VPO-MSMI in stereo, after the stereo setting of Chen et al.",
            hearing.own_beside_a_silent_twin,
            _swapped_channels,
            mirrors=True,
            stereo=True,
        ),
    )
}
"""By name; what a program adds is asked like the others."""


def probed_examples(
    probe: Probe, examples: Sequence[Example], seed: int = 0
) -> tuple[Example, ...]:
    """The examples that the probe has a question for, with the clips that they hear in it.

    Raises InputError if there is none.
    """
    probed = probe.hear(examples, seed)
    if not probed:
        raise InputError(
            f"probe {probe.name}: none of {len(examples)} examples can be asked "
            f"{probe.question!r}; probe a larger subset, or one with several classes"
        )
    return probed


def probed_sound(
    probe: Probe,
    example: Example,
    *,
    seconds: int,
    channels: int,
    frame_step: float = 1.0,
    seed: int = 0,
    beside: Sequence[SoundSource] | None = None,
) -> Waveform:
    """Return what is heard in one of `probed_examples`, [channels, seconds · 16,000] float32.

    `beside` are the sources that `probe.beside` names for it.
    """
    mixed = mix(example.sources, seconds, channels, frame_step)
    others = None if beside is None else mix(beside, seconds, channels, frame_step)
    return probe.sound(mixed, others, seed, example.example_id)
