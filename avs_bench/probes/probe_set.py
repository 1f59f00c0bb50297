"""The sounds of probes as files, so that any program can answer them. Needs no torch.

A model that `avs-bench eval --probe` asks hears the same waveform: what is written here is that,
rounded to 16 bits, or as 32-bit floats where 16 bits do not hold it.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from avs_bench.data.audio import SAMPLE_RATE, Waveform
from avs_bench.data.example import AVSDataset, Example, SoundSource
from avs_bench.data.images import PictureReader
from avs_bench.probes.definitions import Probe, probed_examples, probed_sound
from avs_bench.probes.sound_corruptions import rms
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.own_folders import refuse_content
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.wav import INTEGER, encode_float_wav, riff_wav
from vpo_builder.runtime.whole_files import write_atomically
from vpo_builder.runtime.whole_folders import atomic_folder

NAME = "probe-set.json"
KIND = "avs-bench probe-set"
FULL_SCALE = 2**15
LEAST_RMS = 1e-3
"""41 dB above what rounding to 16 bits adds; below it the SNR of a corruption would be another."""
RULE = (
    "Answer each sound with a map of class indices for its picture, as you answer the picture's "
    "own sound. Right are the pixels labelled with a class of `answer`; everything else is "
    "background, and ignored pixels do not count. An empty `answer` asks for an empty mask."
)


@dataclass(frozen=True)
class Hearing:
    """How sounds are mixed: whole seconds, 1 or 2 channels, seconds between frames of a video."""

    seconds: int
    channels: int
    frame_step: float = 1.0


@dataclass(frozen=True)
class ProbeSound:
    """A file of sound and the sample whose picture it is heard with.

    `file` is relative to the probe-set, `image` to the dataset's folder (None: it lies elsewhere).
    `heard` are the dataset's classes that sound, `answer` those that the sample's mask labels.
    `clipped` samples are louder than 16 bits hold: the file has them as floats, and who plays it
    clips them. `picture` is the changed picture, in the probe-set too, that is to be answered in
    the place of `image`; None: the picture is its own.
    """

    probe: str
    sample_id: str
    file: str
    sha256: str
    image: str | None
    heard: tuple[str, ...]
    answer: tuple[str, ...]
    clipped: int
    picture: str | None = None


@dataclass(frozen=True)
class AskedProbe:
    """A probe as it is asked: its question, where that comes from, and how many sounds it has."""

    probe: str
    question: str
    source: str
    sounds: int


@dataclass(frozen=True)
class ProbeSet:
    """The manifest of a probe-set; `rule` says what a right answer is. There is no clock in it."""

    dataset: str
    dataset_sha256: str
    subset: Subset
    seed: int
    rate: int
    channels: int
    seconds: int
    frame_step: float
    classes: tuple[str, ...]
    probes: tuple[AskedProbe, ...]
    sounds: tuple[ProbeSound, ...]
    rule: str = RULE
    kind: str = KIND
    format: int = 1


def write_probe_set(
    dataset: AVSDataset,
    subset: Subset,
    probes: Sequence[Probe],
    hearing: Hearing,
    folder: Path,
    *,
    seed: int = 0,
    label: str = "sounds",
) -> ProbeSet:
    """Write `<probe>/<sample id>.wav`, `.png` for changed pictures, and the manifest; return it.

    Equal inputs give equal bytes, and an older probe-set makes place. Raises InputError for a
    folder that holds anything else, such as answers, for a probe without samples or of two
    channels in one, and for a recording that cannot be read; then nothing is left.
    """
    expected = "expected an empty folder or a probe-set alone"
    refuse_content(folder, expected, "give another --out", ours=_files_of_older_set(folder))
    for probe in probes:
        if probe.stereo and hearing.channels != 2:
            raise InputError(f"probe {probe.name}: hears 1 channel, expected 2: give --channels 2")
    examples = dataset.subsets[subset]
    asked = [(probe, probed_examples(probe, examples, seed)) for probe in probes]
    own = {example.example_id: example for example in examples}
    beside = {probe.name: probe.beside(examples, seed) for probe in probes if probe.beside}
    with atomic_folder(folder) as fresh:
        pairs = [(probe, example) for probe, chosen in asked for example in _sorted(chosen)]
        writer = _Writer(fresh, dataset, hearing, seed)
        sounds = tuple(
            writer.write(
                probe,
                example,
                own[example.example_id],
                beside[probe.name].get(example.example_id, ()) if probe.beside else None,
            )
            for probe, example in progress(pairs, len(pairs), label)
        )
        written = ProbeSet(
            dataset=dataset.name,
            dataset_sha256=dataset.sha256,
            subset=subset,
            seed=seed,
            rate=SAMPLE_RATE,
            channels=hearing.channels,
            seconds=hearing.seconds,
            frame_step=hearing.frame_step,
            classes=dataset.classes,
            probes=tuple(
                AskedProbe(probe.name, probe.question, probe.source, len(chosen))
                for probe, chosen in asked
            ),
            sounds=sounds,
        )
        content = msgspec.json.format(msgspec.json.encode(written), indent=1)
        write_atomically(fresh / NAME, content + b"\n")
    return written


def _files_of_older_set(folder: Path) -> frozenset[str]:
    """Return the names of the files of the probe-set in a folder; none if there is none."""
    try:
        older = msgspec.json.decode(read_regular(folder / NAME), type=ProbeSet)
    except (OSError, *BAD_JSON):
        return frozenset()
    return frozenset(
        {NAME, *(name for one in older.sounds for name in (one.file, one.picture) if name)}
    )


def pcm16(waveform: Waveform) -> tuple[NDArray[np.int16], int]:
    """Return a waveform [channels, samples] as 16-bit frames [samples, channels].

    Rounded to the nearest of 2^-15, and how many values were outside of [-1, 1 - 2^-15] and are
    clipped.
    """
    steps = np.rint(waveform.T.astype(np.float64) * FULL_SCALE)
    held = np.clip(steps, -FULL_SCALE, FULL_SCALE - 1)
    return held.astype(np.int16), int(np.count_nonzero(held != steps))


def encoded(waveform: Waveform) -> tuple[bytes, int]:
    """Return a waveform [channels, samples] as a wav, and how many values `pcm16` would clip.

    Of 16 bits, and of 32-bit floats if some are clipped or the sound is below LEAST_RMS.
    """
    frames, clipped = pcm16(waveform)
    if clipped or 0 < rms(waveform) < LEAST_RMS:
        return encode_float_wav(waveform.T, SAMPLE_RATE), clipped
    return riff_wav(frames.astype("<i2"), INTEGER, SAMPLE_RATE), 0


@dataclass(frozen=True)
class _Writer:
    """Writes the files of a probe-set into a folder."""

    folder: Path
    dataset: AVSDataset
    hearing: Hearing
    seed: int

    def write(
        self,
        probe: Probe,
        example: Example,
        own: Example,
        beside: Sequence[SoundSource] | None,
    ) -> ProbeSound:
        """Write an example's sound, and its picture if the probe changes it; return their entry."""
        waveform = probed_sound(
            probe,
            example,
            seconds=self.hearing.seconds,
            channels=self.hearing.channels,
            frame_step=self.hearing.frame_step,
            seed=self.seed,
            beside=beside,
        )
        wav, clipped = encoded(waveform)
        file = f"{probe.name}/{example.example_id}.wav"
        write_atomically(self.folder / file, wav)
        classes, heard = self.dataset.classes, probe.heard_classes(example)
        labelled = {source.class_index for source in own.sources}
        inside = example.image.is_relative_to(self.dataset.folder)
        return ProbeSound(
            probe=probe.name,
            sample_id=example.example_id,
            file=file,
            sha256=hashlib.sha256(wav).hexdigest(),
            image=example.image.relative_to(self.dataset.folder).as_posix() if inside else None,
            heard=tuple(classes[index] for index in sorted(heard - {0})),
            answer=tuple(classes[index] for index in sorted(heard & labelled)),
            clipped=clipped,
            picture=self._picture(probe, example),
        )

    def _picture(self, probe: Probe, example: Example) -> str | None:
        if probe.picture is None:
            return None
        reader = PictureReader(self.dataset.mask_lookup, cache_mib=0)
        pixels = np.asarray(reader.read(example).image)
        changed = Image.fromarray(probe.picture(pixels, self.seed, example.example_id))
        buffer = io.BytesIO()
        changed.save(buffer, "PNG")
        file = f"{probe.name}/{example.example_id}.png"
        write_atomically(self.folder / file, buffer.getvalue())
        return file


def _sorted(examples: Sequence[Example]) -> list[Example]:
    return sorted(examples, key=lambda example: example.example_id)
