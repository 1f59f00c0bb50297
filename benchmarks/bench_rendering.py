"""Rendering a build from mp4 clips, pictures a second, against a straightforward script.

Both write the media of the same plan of VPO-SS and VPO-MS: pictures, masks and clips (`media.py`:
640 × 480 JPEGs of COCO's weight, mp4s with 44.1 kHz stereo AAC, about as many clips as samples).
Ours is what a build does between planning and auditing, with checks and hashes. The baseline
(`plain_rendering.py`) is `annToMask`, Pillow and PyAV in one process, told by the plan what to
write; its annotations are read before its time begins. One core for both, by the time that it
works for them; then ours with one and with two workers, each on as many cores, by the clock.
Workers are started before the time begins, as a build starts them once.

Checked: the same pictures byte for byte, the same masks pixel for pixel, the same clips as far as
`bench_audio.py` says.
"""

import argparse
import os
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import PIL
from bench_audio import refuse_other_sound
from full_size import Sources, benchmark_folder
from measuring import (
    Rows,
    at_least,
    in_silence,
    medians_in_turns,
    on_one_core,
    processor_seconds,
    processor_time,
    refuse_difference,
    seconds,
)
from media import media_sources
from PIL import Image
from plain_rendering import PlainSample, convert_in_process, library_version, render_plainly
from pycocotools.coco import COCO

from vpo_builder.build import request
from vpo_builder.build.corpus import Corpus
from vpo_builder.build.vpo import plan_split, read_material
from vpo_builder.classes import class_rows
from vpo_builder.config import BuildConfig, load_config
from vpo_builder.dataset.schema import Split
from vpo_builder.records import Clip, PlannedSample
from vpo_builder.rendering.clip_folder import ClipFolder
from vpo_builder.rendering.images import render_images
from vpo_builder.runtime.executors import SerialExecutor, local_executor
from vpo_builder.runtime.tasks import Executor

GOAL, SECOND_CORE = 1.5, 1.8


@dataclass(frozen=True)
class Work:
    """A plan, and what both sides need to write it."""

    config: BuildConfig
    corpus: Corpus
    clips: Sequence[Clip]
    samples: Sequence[PlannedSample]
    values: dict[str, int]

    @property
    def clip_ids(self) -> list[str]:
        """The clips that the samples use."""
        return sorted({s.clip_id for planned in self.samples for s in planned.sample.sources})


def planned(split: Split, sources: Sources) -> Work:
    """Plan a split; the clips are looked at on the way, in a folder that is thrown away."""
    config = load_config("default")
    folders = request.Sources(sources.coco, sources.vggsound)
    asked = request.BuildRequest(split, Path("nowhere"), folders, config)
    material = read_material(asked)
    clips, corpus = material.clips, material.corpus
    with tempfile.TemporaryDirectory(dir=benchmark_folder()) as made:
        folder = ClipFolder(Path(made, "audios"), clips, config, SerialExecutor())
        plan = plan_split(asked, material, folder)
    values = {row.name: row.mask_value for row in class_rows(corpus.table)}
    return Work(config, corpus, clips, plan.samples, values)


def ours(work: Work, executor: Executor, out: Path) -> None:
    """Clips, pictures and masks as a build writes them."""
    our_clips(work, executor, out)
    our_pictures(work, executor, out)


def our_clips(work: Work, executor: Executor, out: Path) -> None:
    """The clips of `ours`."""
    out.mkdir(exist_ok=True)  # a build's folder is there before its clips
    folder = ClipFolder(out / "audios", work.clips, work.config, executor)
    refuse_difference("unusable clips", folder.check(work.clip_ids), {})


def our_pictures(work: Work, executor: Executor, out: Path) -> None:
    """The pictures and masks of `ours`."""
    path = work.corpus.image_path
    rendered = render_images(work.samples, path, work.values, out / "dataset", executor)
    refuse_difference("unusable pictures", rendered.rejections, [])


def theirs(work: Work, coco: COCO, palette: Sequence[int], out: Path) -> None:
    """The straightforward script."""
    samples = [
        PlainSample(
            work.corpus.image_path(item.scene.photo),
            out / "dataset" / item.sample.image,
            out / "dataset" / item.sample.mask,
            {source.ann_id: work.values[source.category] for source in item.sample.sources},
        )
        for item in work.samples
    ]
    render_plainly(coco, samples, palette)
    paths = {clip.clip_id: clip.path for clip in work.clips}
    for name in work.clip_ids:
        convert_in_process(paths[name], out / "audios" / f"{name}.wav")


def refuse_other_media(work: Work, here: Path, there: Path) -> None:
    """End the program unless both folders hold the same."""
    for item in work.samples:
        mine, other = (folder / "dataset" / item.sample.image for folder in (here, there))
        refuse_difference(item.sample.image, mine.read_bytes() == other.read_bytes(), True)
        masks = [Image.open(folder / "dataset" / item.sample.mask) for folder in (here, there)]
        refuse_difference(item.sample.mask, masks[0].tobytes(), masks[1].tobytes())
    for name in work.clip_ids:
        refuse_other_sound(*(folder / "audios" / f"{name}.wav" for folder in (here, there)))


def both_parts(sources: Sources) -> COCO:
    """Return pycocotools' index over train2017 and val2017."""
    coco = COCO(str(sources.instances()))
    coco.anns |= COCO(str(sources.instances("val2017"))).anns
    coco.imgs |= COCO(str(sources.instances("val2017"))).imgs
    return coco


@dataclass(frozen=True)
class Measured:
    """What the script and ours with one and two workers took for so many pictures.

    `elapsed` are seconds by the clock, `processor` those of all cores.
    """

    pictures: int
    elapsed: dict[str, float]
    processor: dict[str, float]
    clips_share: float


def measure(work: Work, coco: COCO, repeats: int) -> Measured:
    """Run the script on one core, ours on one and ours with two workers, in turns."""
    used: dict[str, list[float]] = {name: [] for name in ("script", "one", "two")}
    with tempfile.TemporaryDirectory(dir=benchmark_folder()) as made, local_executor(2) as pool:
        here, there = Path(made, "ours"), Path(made, "theirs")
        pool(abs, [0] * 32, "workers")  # starts both
        with Image.open(_mask_of(work, here)) as mask:
            palette = mask.getpalette()

        def run(name: str, write: partial[None], out: Path, *, one_core: bool) -> float:
            shutil.rmtree(out, ignore_errors=True)
            before = processor_seconds()
            with on_one_core() if one_core else nullcontext():
                taken = seconds(partial(write, out))
            used[name].append(processor_seconds() - before)
            return taken

        serial = SerialExecutor()
        programs = {
            "script": partial(
                run, "script", partial(theirs, work, coco, palette), there, one_core=True
            ),
            "one": partial(run, "one", partial(ours, work, serial), here, one_core=True),
            "two": partial(run, "two", partial(ours, work, pool), here, one_core=False),
        }
        found = medians_in_turns(programs, repeats)
        refuse_other_media(work, here, there)
        shutil.rmtree(here)
        with on_one_core():
            sound = processor_time(partial(our_clips, work, serial, here))
            sight = processor_time(partial(our_pictures, work, serial, here))
    processor = {name: statistics.median(values) for name, values in used.items()}
    pictures = len({item.sample.image_id for item in work.samples})
    return Measured(pictures, found, processor, sound / (sound + sight))


def bound_of_one(found: Measured) -> str:
    """Say where our time on one core goes."""
    return (
        f"preparing the clips takes {found.clips_share:.0%} of our time, measured in this run; "
        "what bounds that stands at audio preparation's row for mp4, 44.1 kHz stereo"
    )


def bound_of_two(found: Measured) -> str:
    """Say what the second worker costs, and how much of two cores both were given."""
    more = found.processor["two"] / found.processor["one"]
    given = found.processor["two"] / (2 * found.elapsed["two"])
    return (
        f"two workers and their parent take {more:.2f} times the processor time of one, so two "
        f"cores for them alone would be {2 / more:.2f}x; in this run they were given "
        f"{given:.0%} of two cores' time, at a load of {os.getloadavg()[0]:.1f}"
    )


def _mask_of(work: Work, out: Path) -> Path:
    """Render one sample and return its mask, for the palette."""
    first = work.samples[:1]
    path = work.corpus.image_path
    render_images(first, path, work.values, out / "dataset", SerialExecutor())
    return out / "dataset" / first[0].sample.mask


def main() -> None:
    """Measure both splits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sources = media_sources(options.images, ".mp4")
    with in_silence():
        coco = both_parts(sources)
    against = f"annToMask, Pillow {PIL.__version__}, {library_version()}"
    rows = Rows("rendering from mp4 clips, pictures a second", against)
    splits: tuple[Split, ...] = ("ss", "ms")
    for split in splits:
        with in_silence():
            work = planned(split, sources)
            found = measure(work, coco, options.repeats)
        name = f"VPO-{split.upper()}, {len(work.samples)} samples, {len(work.clip_ids)} clips"
        here, there = (found.pictures / found.processor[side] for side in ("one", "script"))
        bound = bound_of_one(found)
        rows.add(f"{name}: one core", here, there, "/s", at_least(GOAL), bound=bound)
        if len(os.sched_getaffinity(0)) > 1:
            title = f"VPO-{split.upper()}: two workers over one of ours"
            two, one = (found.pictures / found.elapsed[side] for side in ("two", "one"))
            bound = bound_of_two(found)
            rows.add(title, two, one, "/s", at_least(SECOND_CORE), bound=bound)


if __name__ == "__main__":
    main()
