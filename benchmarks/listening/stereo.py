"""`make stereo`: can a model of two channels tell which of several alike sounds? docs/instances.md.

Draws a synthetic VPO-MSMI of four classes, one of which repeats in each picture, and trains one
small CAVP twice on it: on the plain sum of the sounds, and on two channels with each sound at the
side of its object. The latter is also asked with the channels exchanged and with each sound on its
way to the nearest silent twin. Writes a section of the page; every number and word in it is
computed from the counts. A run that is stopped goes on where it was.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from avs_bench.data.vpo import read_vpo
from avs_bench.metrics import (
    accuracy_instances,
    ap50_instances,
    ap_instances,
    bootstrap,
    chance_instances,
    kept_instances,
    miou_dataset,
)
from avs_bench.metrics.families import RecordFigure
from avs_bench.probes.corruptions import TOWARD_TWIN
from avs_bench.report.table import Number
from avs_bench.results.records import Result, ScoredSet
from benchmarks.listening.document import paragraphs
from benchmarks.listening.study import Outcome, Study, Variant, build_from, outcomes
from benchmarks.sections import write_section
from vpo_builder.classes import CLASS_TABLE
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import write_atomically
from vpo_builder.synthetic.pictures import write_pictures
from vpo_builder.synthetic.recordings import write_recordings
from vpo_builder.synthetic.scenes import Scene, plan_scene

PICTURES, PLAIN, CLIPS_PER_CLASS = 2400, 40, 30
KINDS = ("bus", "dog", "elephant", "sports ball")
"""All that sounds: of 22 classes so small a model learnt no sides (see the page)."""
EPOCHS = 12
SWAPPED = "swap-channels"
ALONE = ("contrastive.weight=0",)
MONO = Variant("one-channel", "one channel", ALONE, ())
STEREO = Variant(
    "two-channels", "two channels", (*ALONE, "audio.channels=2"), (SWAPPED, TOWARD_TWIN.name)
)
FIGURES = (ap_instances, ap50_instances, accuracy_instances)
WHOLE_PICTURES = ("image.long_side=96", "image.crop=96")
"""A crop would move the objects, and leave their sounds where they were."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is not finished, and write the section."""
    options = _parser().parse_args(arguments)
    study = Study(
        options.data,
        options.runs,
        (0,),
        options.jobs,
        (*WHOLE_PICTURES, f"train.epochs={options.epochs}", *options.overrides),
        options.device,
        split="msmi",
        variants=(MONO, STEREO),
    )
    try:
        build_from(study, _sources(options.data / "sources", options.pictures))
        found = outcomes(study)
        write_section(options.page, "stereo", section(study, found))
    except InputError as error:
        sys.exit(f"Error: {error}")
    print(answer(*(one.result for one in found)))


def _sources(folder: Path, pictures: int) -> list[str]:
    """Write a corpus unless it is there; return what names it to vpo-build.

    Of the synthetic one a seventh repeats something: here so many `pictures` repeat one of KINDS,
    which alone can sound, and a few have two of them, of which the MS is made that MSMI begins
    with.
    """
    coco, vggsound, classes = folder / "coco", folder / "vggsound", folder / "classes.toml"
    if not classes.exists():  # which is written last
        write_pictures(coco, _scenes(pictures, PLAIN), 0)
        write_recordings(vggsound, clips_per_class=CLIPS_PER_CLASS, seed=0, awkward=False)
        write_atomically(classes, _class_table().encode())
    words = ["--coco", str(coco), "--vggsound", str(vggsound), "--classes", str(classes)]
    return [*words, "--set", "selection.max_sources=2"]


def _scenes(repeating: int, plain: int) -> dict[int, Scene]:
    """Return the first scenes in which one of KINDS repeats, or two of them are there once."""
    left = {True: repeating, False: plain}
    kept = {}
    for index in count():
        scene = plan_scene(0, index)
        names = [item.name for item in scene.items if item.name in KINDS]
        repeats = len(set(names)) < len(names)
        if scene.awkward in (None, "repeated") and len(names) > 1 and left[repeats]:
            kept[index] = scene
            left[repeats] -= 1
        if not any(left.values()):
            break
    return kept


def _class_table() -> str:
    """Return the toolkit's class table without all that is not of KINDS."""
    mark = "[[class]]\n"
    _, *classes = CLASS_TABLE.read_text(encoding="utf-8").split(mark)
    heads = tuple(f'name = "{kind}"' for kind in KINDS)
    return "".join(mark + text for text in classes if text.startswith(heads))


def section(study: Study, found: Sequence[Outcome]) -> str:
    """Return the section as Markdown."""
    mono, stereo = (one.result for one in found)
    return "\n\n".join(
        [
            "## One channel and two",
            answer(mono, stereo),
            _scores(found),
            _curve(stereo),
            _notes(study, found),
        ]
    )


def answer(mono: Result, stereo: Result) -> str:
    """Return in one sentence which of several alike are chosen, and what the control says."""
    own, *_, moved = _places(stereo)
    swapped = _probed(stereo)[SWAPPED]
    chosen = f"chooses the one that sounds in {_number(own, accuracy_instances)} % of questions"
    return paragraphs(
        f"**A model of two channels {chosen}, its twin of one channel in "
        f"{_number(_own(mono), accuracy_instances)} % and a guess in "
        f"{_number(own, chance_instances, doubt=False)} %; with the sound at the silent twin's "
        f"place it still keeps its choice in {_number(moved, kept_instances)} %, with the channels "
        f"exchanged in {_number(swapped, kept_instances)} %.**"
    )


def _scores(found: Sequence[Outcome]) -> str:
    lines = [
        "| model | miou_dataset | ap_instances | ap50_instances | accuracy_instances |",
        "|---|---:|---:|---:|---:|",
    ]
    for one in found:
        score = Number.of(bootstrap(one.result.sets[0].by_unit(), miou_dataset))
        cells = [_number(_own(one.result), figure) for figure in FIGURES]
        lines.append(f"| {' | '.join([one.job.variant.title, str(score), *cells])} |")
    return "\n".join(lines)


def _curve(stereo: Result) -> str:
    """Return the pan curve of the model that hears sides, and the control, as a table."""
    heads = ["0", *(f"{100 * share:.0f} %" for share in TOWARD_TWIN.levels), f"`{SWAPPED}`"]
    places = [*_places(stereo), _probed(stereo)[SWAPPED]]
    lines = [f"| two channels | {' | '.join(heads)} |", "|---|" + "---:|" * len(heads)]
    for figure in (kept_instances, accuracy_instances):
        cells = [_number(place, figure, doubt=False) for place in places]
        lines.append(f"| `{figure.__name__}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _places(result: Result) -> list[ScoredSet]:
    """Return what is chosen with the sound at its place, then nearer and nearer to the twin."""
    levels = range(1, len(TOWARD_TWIN.levels) + 1)
    return [_own(result), *(_probed(result)[f"{TOWARD_TWIN.name}@{n}"] for n in levels)]


def _own(result: Result) -> ScoredSet:
    return next(one for one in result.sets if one.family == "instances")


def _probed(result: Result) -> dict[str, ScoredSet]:
    return {one.probe: one.instances for one in result.probes if one.instances}


def _notes(study: Study, found: Sequence[Outcome]) -> str:
    mono = found[0].result
    train, image = mono.settings["train"], mono.settings["image"]
    sizes = {name: len(kept) for name, kept in read_vpo(study.dataset).subsets.items()}
    questions = sum(_own(mono).record(item).questions for item in _own(mono).items)
    minutes = sum(one.cost.processor_seconds for one in found) / 60
    return paragraphs(
        f"Per cent; the upper table has 95 % intervals over pictures. {questions} questions in "
        f"{sizes['test']} test samples of a synthetic VPO-MSMI ({sizes['train']} train) "
        f"in which only {', '.join(KINDS[:-1])} and {KINDS[-1]} sound, seed {train['seed']}; the "
        f"`listening` preset without the contrastive loss, {train['epochs']} "
        f"epochs of whole pictures of {image['long_side']} pixels, since a crop would move the "
        f"objects and not their sounds; {minutes:.0f} processor minutes. `make stereo` repeats it."
    )


def _number(scored: ScoredSet, figure: RecordFigure, *, doubt: bool = True) -> str:
    return str(Number.of(bootstrap(scored.by_unit(), figure) if doubt else figure(scored.overall)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Does a model of two channels hear sides?")
    parser.add_argument("--data", type=Path, default=Path("data/stereo"))
    parser.add_argument("--runs", type=Path, default=Path("runs/stereo"))
    parser.add_argument("--page", type=Path, default=Path("docs/instances.md"))
    parser.add_argument("--jobs", type=int, default=2, help="side by side, a thread each")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="with something repeated")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--device", default="auto", help="as in avs-bench train")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], help="of the preset, for both"
    )
    return parser


if __name__ == "__main__":
    main()
