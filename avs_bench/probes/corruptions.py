"""AVS-C: sounds and pictures that get worse by degrees, each degree a probe.

Level 0 is what it was, to the byte; every other level of an example draws from the same generator,
by seed and example id, so that only the degree changes. The right answer stays: what sounded still
sounds, and the voices that are added are of classes that are not in the picture.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from avs_bench.data.audio import Waveform
from avs_bench.data.example import Example, SoundSource
from avs_bench.data.seeds import numpy_generator
from avs_bench.probes import hearing
from avs_bench.probes import picture_corruptions as pictures
from avs_bench.probes import sound_corruptions as sounds
from avs_bench.probes.definitions import Pixels, Probe, unaltered

Of = Literal["sound", "picture"]
Change = Callable[[Waveform, float, np.random.Generator], Waveform]
PictureChange = Callable[[Pixels, float, np.random.Generator], Pixels]
MakeProbe = Callable[[str, str, float], Probe]
"""From the name of a probe, its question and the value of a level to the probe."""

SOURCE = "AVS-C, ours; its idea is ImageNet-C's (arXiv 1903.12261)"
SNR_DB = (20, 12.5, 5, -2.5, -10)
BABBLE_VOICES = 4


@dataclass(frozen=True)
class Corruption:
    """A way to make a sound or a picture worse: `levels` are the values of level 1 and up."""

    name: str
    of: Of
    what: str
    unit: str
    levels: tuple[float, ...]
    make: MakeProbe

    def at(self, level: int) -> Probe:
        """Return the probe of a level, from 0 (nothing is changed) to `len(levels)`."""
        name, question = f"{self.name}@{level}", f"what does it score with {self.what}?"
        if level == 0:
            return Probe(name, question, SOURCE, hearing.own, unaltered)
        return self.make(name, question, self.levels[level - 1])


def _changed(change: Change, key: str) -> MakeProbe:
    """Return the maker of probes that change the waveform."""

    def make(name: str, question: str, value: float) -> Probe:
        def alter(waveform: Waveform, seed: int, example_id: str) -> Waveform:
            return change(waveform, value, numpy_generator(key, seed, example_id))

        return Probe(name, question, SOURCE, hearing.own, alter)

    return make


def _babble(name: str, question: str, value: float) -> Probe:
    def hear(examples: Sequence[Example], seed: int) -> tuple[Example, ...]:
        found = hearing.unseen_voices(examples, seed, 1)
        return tuple(example for example in examples if found[example.example_id])

    def voices(examples: Sequence[Example], seed: int) -> dict[str, tuple[SoundSource, ...]]:
        return hearing.unseen_voices(examples, seed, BABBLE_VOICES)

    def blend(own: Waveform, beside: Waveform) -> Waveform:
        return sounds.at_snr(own, beside, value)

    return Probe(name, question, SOURCE, hear, unaltered, beside=voices, blend=blend)


def _distractors(name: str, question: str, value: float) -> Probe:
    def hear(examples: Sequence[Example], seed: int) -> tuple[Example, ...]:
        voices = hearing.unseen_voices(examples, seed, int(value))
        return tuple(
            replace(example, sources=(*example.sources, *voices[example.example_id]))
            for example in examples
            if len(voices[example.example_id]) == value
        )

    return Probe(name, question, SOURCE, hear, unaltered)


def _panned(name: str, question: str, value: float) -> Probe:
    def hear(examples: Sequence[Example], _seed: int) -> tuple[Example, ...]:
        return tuple(
            replace(
                example,
                sources=tuple(
                    replace(source, pan=(1 - value) * source.pan + value * (1 - source.pan))
                    for source in example.sources
                ),
            )
            for example in examples
        )

    return Probe(name, question, SOURCE, hear, unaltered, stereo=True)


def _toward_a_twin(name: str, question: str, value: float) -> Probe:
    def hear(examples: Sequence[Example], _seed: int) -> tuple[Example, ...]:
        return hearing.toward_a_twin(examples, value)

    return Probe(name, question, SOURCE, hear, unaltered, stereo=True)


def _seen(change: PictureChange, key: str) -> MakeProbe:
    """Return the maker of probes that change the picture."""

    def make(name: str, question: str, value: float) -> Probe:
        return Probe(
            name, question, SOURCE, hearing.own, unaltered, picture=_Picture(change, key, value)
        )

    return make


@dataclass(frozen=True)
class _Picture:
    """A change of pictures that travels to the processes that read them."""

    change: PictureChange
    key: str
    value: float

    def __call__(self, pixels: Pixels, seed: int, example_id: str) -> Pixels:
        return self.change(pixels, self.value, numpy_generator(self.key, seed, example_id))


def _noise(wave: Waveform, decibels: float, random: np.random.Generator) -> Waveform:
    return sounds.at_snr(wave, sounds.white_noise(wave, random), decibels)


def _music(wave: Waveform, decibels: float, random: np.random.Generator) -> Waveform:
    return sounds.at_snr(wave, sounds.music(wave, random), decibels)


def _low_pass(wave: Waveform, hertz: float, _random: np.random.Generator) -> Waveform:
    return sounds.low_passed(wave, hertz)


def _mp3(wave: Waveform, kilobits: float, _random: np.random.Generator) -> Waveform:
    return sounds.coded(wave, "mp3", int(kilobits))


def _opus(wave: Waveform, kilobits: float, _random: np.random.Generator) -> Waveform:
    return sounds.coded(wave, "opus", int(kilobits))


def _clipping(wave: Waveform, decibels: float, _random: np.random.Generator) -> Waveform:
    return sounds.clipped(wave, decibels)


def _late(wave: Waveform, share: float, _random: np.random.Generator) -> Waveform:
    return sounds.begun_late(wave, share)


def _blur(pixels: Pixels, deviation: float, _random: np.random.Generator) -> Pixels:
    return pictures.blurred(pixels, deviation)


def _jpeg(pixels: Pixels, quality: float, _random: np.random.Generator) -> Pixels:
    return pictures.jpeg(pixels, int(quality))


def _bright(pixels: Pixels, more: float, _random: np.random.Generator) -> Pixels:
    return pictures.brighter(pixels, more)


def _of_sounds() -> tuple[Corruption, ...]:
    def row(
        name: str, what: str, unit: str, levels: tuple[float, ...], make: MakeProbe
    ) -> Corruption:
        return Corruption(name, "sound", what, unit, levels, make)

    return (
        row("snr-noise", "white noise in its sound", "dB SNR", SNR_DB, _changed(_noise, "noise")),
        row(
            "snr-babble", "four voices of other classes behind its sound", "dB SNR", SNR_DB, _babble
        ),
        row("snr-music", "chords behind its sound", "dB SNR", SNR_DB, _changed(_music, "music")),
        row(
            "distractors",
            "voices of other classes as loud as recorded",
            "voices",
            (1, 2, 3, 4),
            _distractors,
        ),
        row(
            "reverberation",
            "its sound in a room",
            "s to fall by 60 dB",
            (0.2, 0.4, 0.8, 1.6, 3.2),
            _changed(sounds.reverberated, "room"),
        ),
        row(
            "low-pass",
            "its sound without high frequencies",
            "Hz kept",
            (4000, 2000, 1000, 500, 250),
            _changed(_low_pass, "low-pass"),
        ),
        row("mp3", "its sound after MP3", "kbit/s", (64, 32, 24, 16, 8), _changed(_mp3, "mp3")),
        row("opus", "its sound after Opus", "kbit/s", (32, 24, 16, 10, 6), _changed(_opus, "opus")),
        row(
            "clipping",
            "its sound clipped",
            "dB below the peak",
            (6, 12, 18, 24, 30),
            _changed(_clipping, "clipping"),
        ),
        row(
            "late-onset",
            "its sound silent at first",
            "of its length",
            (0.2, 0.4, 0.6, 0.8, 0.9),
            _changed(_late, "late"),
        ),
        row(
            "pan-error",
            "its sources heard from another side",
            "of the way to the mirror image",
            (0.2, 0.4, 0.6, 0.8, 1.0),
            _panned,
        ),
    )


def _of_pictures() -> tuple[Corruption, ...]:
    def row(
        name: str, what: str, unit: str, levels: tuple[float, ...], change: PictureChange
    ) -> Corruption:
        return Corruption(name, "picture", what, unit, levels, _seen(change, name))

    return (
        row("blur", "its picture blurred", "pixels of 224", (1, 2, 3, 4, 6), _blur),
        row(
            "pixel-noise",
            "noise in its picture",
            "of full scale",
            (0.08, 0.12, 0.18, 0.26, 0.38),
            pictures.noisy,
        ),
        row("jpeg", "its picture after JPEG", "quality", (25, 18, 15, 10, 7), _jpeg),
        row(
            "brightness",
            "its picture brighter",
            "of full scale",
            (0.1, 0.2, 0.3, 0.4, 0.5),
            _bright,
        ),
        row(
            "occlusion",
            "parts of its picture hidden",
            "of the picture",
            (0.1, 0.2, 0.3, 0.4, 0.5),
            pictures.occluded,
        ),
    )


CORRUPTIONS: dict[str, Corruption] = {row.name: row for row in (*_of_sounds(), *_of_pictures())}

TOWARD_TWIN = Corruption(
    "toward-twin",
    "sound",
    "its sound moved to a silent twin",
    "of the way to the twin",
    (0.2, 0.4, 0.6, 0.8, 1.0),
    _toward_a_twin,
)
"""No corruption of AVS-C: past the half the right answer is the twin (docs/instances.md)."""
