"""Planning VPO-MS at COCO's full size against pycocotools' `COCO(file)` alone: time and memory.

Ours reads the annotations and captions of train2017 and val2017 and VGGSound's csv, hashes each
file, matches classes and clips, filters images, resolves persons by captions, chooses what sounds,
decodes its outlines and pairs it with clips; no media. The second plan does the same with the side
files that the first one wrote. The baseline reads instances_train2017.json into its index, and
nothing else: what a script does before its first line of work. Each run is a process of its own;
imports are not timed on either side. Processor time is what all threads used
together, ours hashing the files in a second one; it says more than the clock on a busy machine.

Checked: a plain loop over pycocotools' index finds the same sounding objects, and the same images
without repeats.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from full_size import Sources, benchmark_folder, full_size_sources
from measuring import (
    Rows,
    at_most,
    in_fresh_process,
    peak_mebibytes,
    refuse_difference,
    report,
)

MOST_TIME, MOST_MEMORY, MOST_OF_FIRST = 0.15, 0.4, 0.5
BOUND = (
    "profiled, by processor time: the main thread alone uses 0.158x, beside a thread that reads, "
    "hashes and writes; of it decoding the json a quarter, more than half of that being outlines "
    "passed over, filtering a fifth, half of that being persons by captions; choosing, drawing "
    "outlines and pairing 13 %, VGGSound's csv and files 12 %, columns of annotations 9 %; tried "
    "and no faster: large pages for what is read, no cycle collector while choosing, persons of "
    "many images at once, ids in one pass"
)
SECOND = (
    "profiled, by processor time: choosing, drawing outlines and pairing a quarter, filtering a "
    "fifth, a quarter of that being decisions on persons read back, finding recordings 13 %, "
    "checking what was kept 11 %; the first plan does all of that too, so each gain there helps "
    "both"
)
SOUNDING = (1, 3, 4, 5, 6, 16, 17, 18, 19, 20, 21, 22, 24, 37, 41, 43, 74, 76, 77)
"""COCO's ids of the categories that can sound (class table)."""


def ours(sources: Sources, side_files: Path) -> None:
    """Plan, then tell what was found in train2017."""
    from vpo_builder.build import request
    from vpo_builder.build.vpo import plan_split, read_material
    from vpo_builder.config import load_config
    from vpo_builder.records import Reason
    from vpo_builder.sources.side_files import SideFiles

    class EveryClip:
        """Says that every clip can be used."""

        def check(self, clip_ids: Sequence[str]) -> Mapping[str, Reason]:
            return {}

        def crossing(self, clip_ids: Collection[str]) -> Mapping[str, Reason]:
            return {}

    config = load_config("default")
    folders = request.Sources(sources.coco, sources.vggsound)
    work = request.Work(side_files=SideFiles(side_files))
    asked = request.BuildRequest("ms", Path("nowhere"), folders, config, work=work)
    clock = Clock()
    material = read_material(asked)
    corpus = material.corpus
    plan = plan_split(asked, material, EveryClip())
    taken = clock.taken()
    images = {photo.id for photo in corpus.parts[0].photos}
    refused = {Reason.REPEATED_INSTANCES, Reason.NO_SOUNDING_OBJECT}
    dropped = {int(r.record) for r in plan.rejections if r.kind == "image" and r.reason in refused}
    samples = [planned.sample for planned in plan.samples]
    report(
        **taken,
        samples=len(samples),
        plan=digest_of(repr((samples, plan.rejections, plan.texts, corpus.inputs))),
        objects=digest(row.id for row in corpus.parts[0].objects),
        without_repeats=digest(images - dropped),
    )


def pycocotools(sources: Sources) -> None:
    """Read the index, then, untimed, find the same with it in a plain loop."""
    from pycocotools.coco import COCO

    clock = Clock()
    coco = COCO(str(sources.instances()))
    taken = clock.taken()
    objects, images = [], []
    for image in coco.getImgIds():
        found = coco.loadAnns(coco.getAnnIds(imgIds=[image], catIds=list(SOUNDING)))
        objects += [a["id"] for a in found]
        counts = Counter(a["category_id"] for a in found)
        if found and max(counts.values()) == 1 and not any(a["iscrowd"] for a in found):
            images.append(image)
    report(**taken, objects=digest(objects), without_repeats=digest(images))


class Clock:
    """What was used since it was made: seconds by the clock and of the processor, and memory."""

    def __init__(self) -> None:
        self._started = time.perf_counter(), time.process_time()

    def taken(self) -> dict[str, float]:
        """Return it as of now, before the results are looked at: that takes memory too."""
        clock, processor = self._started
        return {
            "mebibytes": peak_mebibytes(),
            "seconds": time.perf_counter() - clock,
            "processor": time.process_time() - processor,
        }


def digest(numbers: Iterable[int]) -> str:
    """Return a short hash of a set of numbers."""
    return digest_of(repr(sorted(numbers)))


def digest_of(text: str) -> str:
    """Return a short hash of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def main() -> None:
    """Run all sides in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=["ours", "pycocotools"], help=argparse.SUPPRESS)
    parser.add_argument("--side-files", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    sources = full_size_sources()
    if options.side == "ours":
        ours(sources, options.side_files)
    elif options.side:
        pycocotools(sources)
    else:
        compare(options.repeats)


def compare(repeats: int) -> None:
    """Run a first plan, a second and the baseline in turns, and print the rows."""
    runs = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(dir=benchmark_folder()) as folder:
            plan = (__file__, "--side", "ours", "--side-files", folder)
            sides = [in_fresh_process(*plan), in_fresh_process(*plan)]
        runs.append([*sides, in_fresh_process(__file__, "--side", "pycocotools")])
    for first, second, there in runs:
        refuse_difference("plan", second["plan"], first["plan"])
        for key in ("objects", "without_repeats"):
            refuse_difference(key, first[key], there[key])
    time_, processor, memory = (
        [statistics.median(run[side][key] for run in runs) for side in range(3)]
        for key in ("seconds", "processor", "mebibytes")
    )
    samples = f"{runs[0][0]['samples']} samples of VPO-MS at COCO's full size"
    rows = Rows(f"planning {samples}", "pycocotools' COCO(file)")
    rows.add("time", time_[0], time_[2], "s", at_most(MOST_TIME), bound=BOUND)
    rows.add("processor time", processor[0], processor[2], "s")
    rows.add("peak memory", memory[0], memory[2], "MiB", at_most(MOST_MEMORY))
    rows = Rows(f"planning {samples} again, with side files", "our first plan, which wrote them")
    rows.add("second plan: time", time_[1], time_[0], "s", at_most(MOST_OF_FIRST), bound=SECOND)
    rows.add("second plan: processor time", processor[1], processor[0], "s")
    rows.add("second plan: peak memory", memory[1], memory[0], "MiB", at_most(1))


if __name__ == "__main__":
    main()
