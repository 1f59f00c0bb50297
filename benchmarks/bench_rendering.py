"""Rendering VPO-SS and VPO-MS, pictures a second, against a straightforward script.

Both write the media of the same plan: pictures, masks and clips (`media.py`: 640 × 480 JPEGs of
COCO's weight, flacs of 44.1 kHz stereo, about as many clips as samples). Ours is what a build does
between planning and auditing, with checks and hashes. The baseline (`plain_rendering.py`) is
`annToMask`, Pillow and one ffmpeg process a clip, told by the plan what to write; its annotations
are read before its time begins. One core for both; then ours with one and with two workers, each
on as many cores. Workers are started before the time begins, as a build starts them once.

Checked: the same pictures byte for byte, the same masks pixel for pixel, the same clips as far as
`bench_audio.py` says.
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench_audio import refuse_other_sound
from full_size import Sources, benchmark_folder
from measuring import (
    Rows,
    at_least,
    in_silence,
    medians_in_turns,
    on_one_core,
    refuse_difference,
    seconds,
)
from media import media_sources
from PIL import Image
from plain_rendering import PlainSample, convert_plainly, render_plainly
from pycocotools.coco import COCO

from vpo_builder.build import BuildRequest, open_corpus, plan_build, usable_clips
from vpo_builder.classes import class_rows
from vpo_builder.config import load_config
from vpo_builder.executors import Executor, SerialExecutor, local_executor
from vpo_builder.records import Clip, PlannedSample
from vpo_builder.rendering.clips import ClipFolder
from vpo_builder.rendering.images import render_images
from vpo_builder.schema import Split
from vpo_builder.sources.corpus import Corpus

GOAL, SECOND_CORE = 3.0, 1.8


@dataclass(frozen=True)
class Work:
    """A plan, and what both sides need to write it."""

    request: BuildRequest
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
    request = BuildRequest(split, Path("nowhere"), sources.coco, sources.vggsound, config)
    corpus = open_corpus(request)
    clips, _ = usable_clips(request, corpus)
    with tempfile.TemporaryDirectory(dir=benchmark_folder()) as made:
        folder = ClipFolder(Path(made), clips, config, SerialExecutor())
        plan = plan_build(request, corpus, clips, folder)
    values = {row.name: row.mask_value for row in class_rows(corpus.table)}
    return Work(request, corpus, clips, plan.samples, values)


def ours(work: Work, executor: Executor, out: Path) -> None:
    """Clips, pictures and masks as a build writes them."""
    folder = ClipFolder(out / "audios", work.clips, work.request.config, executor)
    refuse_difference("unusable clips", folder.check(work.clip_ids), {})
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
        convert_plainly(paths[name], out / "audios" / f"{name}.wav")


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


def rates(work: Work, coco: COCO, repeats: int) -> dict[str, float]:
    """Return pictures a second of the script on one core and of ours on one and on two."""
    pictures = len({item.sample.image_id for item in work.samples})
    with tempfile.TemporaryDirectory(dir=benchmark_folder()) as made, local_executor(2) as pool:
        here, there = Path(made, "ours"), Path(made, "theirs")
        pool(abs, [0] * 32, "workers")  # starts both
        with Image.open(_mask_of(work, here)) as mask:
            palette = mask.getpalette()

        def run(write: partial[None], out: Path, *, one_core: bool) -> float:
            shutil.rmtree(out, ignore_errors=True)
            with on_one_core() if one_core else nullcontext():
                return pictures / seconds(partial(write, out))

        programs = {
            "script": partial(run, partial(theirs, work, coco, palette), there, one_core=True),
            "one": partial(run, partial(ours, work, SerialExecutor()), here, one_core=True),
            "two": partial(run, partial(ours, work, pool), here, one_core=False),
        }
        found = medians_in_turns(programs, repeats)
        refuse_other_media(work, here, there)
    return found


def _mask_of(work: Work, out: Path) -> Path:
    """Render one sample and return its mask, for the palette."""
    first = work.samples[:1]
    path = work.corpus.image_path
    render_images(first, path, work.values, out / "dataset", SerialExecutor())
    return out / "dataset" / first[0].sample.mask


def main() -> None:
    """Measure both splits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=120)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    sources = media_sources(options.images)
    with in_silence():
        coco = both_parts(sources)
    rows = Rows("rendering, pictures a second", "annToMask, Pillow, one ffmpeg process a clip")
    splits: tuple[Split, ...] = ("ss", "ms")
    for split in splits:
        with in_silence():
            work = planned(split, sources)
            found = rates(work, coco, options.repeats)
        name = f"VPO-{split.upper()}, {len(work.samples)} samples, {len(work.clip_ids)} clips"
        rows.add(f"{name}: one core", found["one"], found["script"], "/s", at_least(GOAL))
        if len(os.sched_getaffinity(0)) > 1:
            title = f"VPO-{split.upper()}: two workers over one of ours"
            rows.add(title, found["two"], found["one"], "/s", at_least(SECOND_CORE))


if __name__ == "__main__":
    main()
