"""Reading training samples from disk, and how long a training step waits for them.

First row: the sound of a sample. Both sides read the 16 kHz clips that the build made: ours the
centre three seconds, the baseline (`plain_loading.py`, the published dataset's steps without
their resampling, which a build has done once) the whole of it.
Second row: the whole sample, views of 512 px, normalised. Each side runs in one process with one
thread, as a worker does, on the same examples and views; the files are in the page cache.
Last row: a step of CAVP DeepLabV3+ R50, batch 2, crops of 224 px, with two workers: the time that
the loop waits for its batch, over the time of the whole step.

Checked: sounds differ by rounding only; targets are equal and
pictures too, on views without a change of contrast: that takes the mean of the picture in the
baseline, and of the crop in ours. The steps' batches are the same without workers.
"""

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import PIL
import soundfile
import torch
from built import kept_build
from measuring import Rows, at_least, at_most, medians_in_turns, refuse_difference, seconds
from plain_loading import plain_picture, plain_sound

from avs_bench.config import Settings, read_preset
from avs_bench.data.audio import mix
from avs_bench.data.augmentation import View, apply_view, draw_view
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.images import PictureReader
from avs_bench.data.loader import training_batches, training_order
from avs_bench.data.seeds import numpy_generator
from avs_bench.data.tensors import normalise, to_tensor
from avs_bench.data.vpo import read_vpo
from avs_bench.training.learner import Learner

PRESET = "cavp-deeplabv3plus-r50"
SAMPLE, WAIT = 2, 0.02
MOST_NOISE = 1e-8  # of the power
STEP = ("image.crop=224", "train.batch_size=2", "loader.workers=2")
AGAINST = (
    f"the published dataset's steps on sounds already at 16 kHz; soundfile "
    f"{soundfile.__version__}, Pillow {PIL.__version__}, torch {torch.__version__}"
)
Drawn = Sequence[tuple[Example, View]]


def our_sound(example: Example) -> torch.Tensor:
    """The mix of a sample."""
    return torch.from_numpy(mix(example.sources, 3, 1))[0]


def our_picture(
    example: Example, view: View, reader: PictureReader, settings: Settings
) -> tuple[torch.Tensor, torch.Tensor]:
    """The view of a picture, normalised, and its target."""
    picture = apply_view(reader.read(example), view, settings.image)
    return normalise(to_tensor(picture.image)[None])[0], to_tensor(picture.target)


def check(drawn: Drawn, dataset: AVSDataset, settings: Settings) -> None:
    """End the program unless both sides read the same."""
    reader = PictureReader(dataset.mask_lookup, 0)
    for example, view in drawn:
        here = our_sound(example)
        there = plain_sound([source.clip for source in example.sources], 3)
        noise = float((here - there).square().mean() / there.square().mean())
        refuse_difference(f"{example.example_id}: sound differs", noise > MOST_NOISE, False)
        jitter = tuple((what, factor) for what, factor in view.jitter if what != "contrast")
        same = replace(view, jitter=jitter)
        mine = our_picture(example, same, reader, settings)
        other = plain_picture(example, same, dataset.mask_lookup, settings.image.crop)
        refuse_difference(f"{example.example_id}: target", torch.equal(mine[1], other[1]), True)
        refuse_difference(f"{example.example_id}: picture", torch.equal(mine[0], other[0]), True)


def measure_reading(dataset: AVSDataset, samples: int, repeats: int) -> None:
    """Print samples a second, of the sound alone and as a whole."""
    settings = read_preset(PRESET)
    examples = dataset.subsets["train"][:samples]
    drawn = [
        (e, draw_view(settings.augmentation, numpy_generator("view", 0, 0, e.example_id)))
        for e in examples
    ]
    check(drawn, dataset, settings)
    reader, crop = PictureReader(dataset.mask_lookup, 0), settings.image.crop

    def ours(*, pictures: bool) -> None:
        for example, view in drawn:
            our_sound(example)
            if pictures:
                our_picture(example, view, reader, settings)

    def theirs(*, pictures: bool) -> None:
        for example, view in drawn:
            plain_sound([source.clip for source in example.sources], 3)
            if pictures:
                plain_picture(example, view, dataset.mask_lookup, crop)

    def decoding() -> None:
        for example, _ in drawn:
            reader.read(example)

    decoded = medians_in_turns({"decoding": partial(seconds, decoding)}, repeats)["decoding"]
    rows = Rows("training samples from disk, one worker", AGAINST)
    for name, pictures, goal in (
        ("sound alone", False, None),
        (f"whole sample, {crop} px", True, SAMPLE),
    ):
        sides = {
            side.__name__: partial(seconds, partial(side, pictures=pictures))
            for side in (ours, theirs)
        }
        found = medians_in_turns(sides, repeats)
        here, there = (len(drawn) / found[side] for side in ("ours", "theirs"))
        share = (
            f"; decoding the picture and its mask, which both sides do, takes "
            f"{decoded / found['ours']:.0%} of our time, measured in this run"
        )
        bound = f"load {os.getloadavg()[0]:.1f}{share if pictures else ''}"
        rows.add(name, here, there, "/s", goal and at_least(goal), bound=bound)


def measure_wait(dataset: AVSDataset, steps: int) -> None:
    """Print how long a step waits for its batch, and how long it takes."""
    settings = read_preset(PRESET, STEP)
    order = training_order(dataset, settings)
    learner = Learner(settings, len(dataset.classes), torch.device("cpu"), order.steps_per_epoch)
    alone = read_preset(PRESET, (*STEP[:-1], "loader.workers=0"))
    expected = next(iter(training_batches(dataset, alone, order, 0, 1)))
    waits, whole = [], []
    batches = iter(training_batches(dataset, settings, order, 0, steps + 2))
    for step in range(steps + 2):
        started = time.perf_counter()
        batch = next(batches)
        waited = time.perf_counter() - started
        if not step:
            refuse_difference("images", torch.equal(batch.images, expected.images), True)
        learner.step(batch, step)
        if step > 1:  # the workers' start and the first step's allocations come before
            waits.append(waited)
            whole.append(time.perf_counter() - started)
    rows = Rows("data wait of a CAVP R50 step, 224 px, two workers", "the whole step")
    here, there = (1e3 * statistics.fmean(times) for times in (waits, whole))
    rows.add("wait over step", here, there, "ms", at_most(WAIT))


def main() -> None:
    """Measure reading, then waiting."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8)
    options = parser.parse_args()
    dataset = read_vpo(kept_build(160, "ss"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    measure_reading(dataset, options.samples, options.repeats)
    torch.set_num_threads(threads)
    measure_wait(dataset, options.steps)


if __name__ == "__main__":
    main()
