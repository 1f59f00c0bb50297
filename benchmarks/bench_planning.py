"""Planning VPO-MS at COCO's full size against pycocotools' `COCO(file)` alone: time and memory.

Ours reads the annotations and captions of train2017 and val2017 and VGGSound's csv, hashes each
file, matches classes and clips, filters images, resolves persons by captions, chooses what sounds,
decodes its outlines and pairs it with clips; no media. The baseline reads instances_train2017.json
into its index, and nothing else: what a script does before its first line of work. Each run is a
process of its own; imports are not timed on either side.

Checked: a plain loop over pycocotools' index finds the same sounding objects, and the same images
without repeats.
"""

import argparse
import hashlib
import statistics
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from full_size import Sources, full_size_sources
from measuring import Rows, at_most, in_fresh_process, refuse_difference, report

MOST_TIME, MOST_MEMORY = 0.15, 0.4
BOUND = (
    "profiled: filtering takes a quarter (persons by captions two fifths of that), VGGSound's csv "
    "and files a quarter, decoding the json a fifth, checking COCO's ids a twentieth"
)
SOUNDING = (1, 3, 4, 5, 6, 16, 17, 18, 19, 20, 21, 22, 24, 37, 41, 43, 74, 76, 77)
"""COCO's ids of the categories that can sound (class table)."""


def ours(sources: Sources) -> None:
    """Plan, then tell what was found in train2017."""
    from vpo_builder.build import BuildRequest, open_corpus, plan_build, usable_clips
    from vpo_builder.config import load_config
    from vpo_builder.records import Reason

    class EveryClip:
        """Says that every clip can be used."""

        def check(self, clip_ids: Sequence[str]) -> Mapping[str, Reason]:
            return {}

        def crossing(self, clip_ids: Collection[str]) -> Mapping[str, Reason]:
            return {}

    config = load_config("default")
    request = BuildRequest("ms", Path("nowhere"), sources.coco, sources.vggsound, config)
    started = time.perf_counter()
    corpus = open_corpus(request)
    clips, _ = usable_clips(request, corpus)
    plan = plan_build(request, corpus, clips, EveryClip())
    seconds = time.perf_counter() - started
    images = {photo.id for photo in corpus.parts[0].photos}
    refused = {Reason.REPEATED_INSTANCES, Reason.NO_SOUNDING_OBJECT}
    dropped = {int(r.record) for r in plan.rejections if r.kind == "image" and r.reason in refused}
    report(
        seconds=seconds,
        samples=len(plan.samples),
        objects=digest(row.id for row in corpus.parts[0].objects),
        without_repeats=digest(images - dropped),
    )


def pycocotools(sources: Sources) -> None:
    """Read the index, then, untimed, find the same with it in a plain loop."""
    from pycocotools.coco import COCO

    started = time.perf_counter()
    coco = COCO(str(sources.instances()))
    seconds = time.perf_counter() - started
    objects, images = [], []
    for image in coco.getImgIds():
        found = coco.loadAnns(coco.getAnnIds(imgIds=[image], catIds=list(SOUNDING)))
        objects += [a["id"] for a in found]
        counts = Counter(a["category_id"] for a in found)
        if found and max(counts.values()) == 1 and not any(a["iscrowd"] for a in found):
            images.append(image)
    report(seconds=seconds, objects=digest(objects), without_repeats=digest(images))


def digest(numbers: Iterable[int]) -> str:
    """Return a short hash of a set of numbers."""
    return hashlib.sha256(repr(sorted(numbers)).encode()).hexdigest()[:16]


def main() -> None:
    """Run both sides in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--side", choices=["ours", "pycocotools"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    sources = full_size_sources()
    if options.side:
        {"ours": ours, "pycocotools": pycocotools}[options.side](sources)
        return
    runs = [
        [in_fresh_process(__file__, "--side", side) for side in ("ours", "pycocotools")]
        for _ in range(options.repeats)
    ]
    for here, there in runs:
        for key in ("objects", "without_repeats"):
            refuse_difference(key, here[key], there[key])
    time_, memory = (
        [statistics.median(run[side][key] for run in runs) for side in (0, 1)]
        for key in ("seconds", "mebibytes")
    )
    title = f"planning {runs[0][0]['samples']} samples of VPO-MS at COCO's full size"
    rows = Rows(title, "pycocotools' COCO(file)")
    rows.add("time", *time_, "s", at_most(MOST_TIME), bound=BOUND)
    rows.add("peak memory", *memory, "MiB", at_most(MOST_MEMORY))


if __name__ == "__main__":
    main()
