"""`make curves`: how the study's models fall as sound and picture get worse (docs/robustness.md).

Lets `avs-bench robust` ask the first seed of three variants, of pictures that a hash chooses, and
writes a section of the page and its plot. Every number and word in it is computed from the counts;
what was asked before of the same weights is not asked again.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from avs_bench.config import Precision
from avs_bench.metrics import bootstrap, compare, listening_score
from avs_bench.probes.corruption_curves import (
    Robustness,
    left_of_score,
    level_areas,
    robustness_of,
)
from avs_bench.report.table import Number, shown
from avs_bench.results.files import read_result, read_results
from avs_bench.results.records import Result
from benchmarks.listening.document import COLOURS, paragraphs
from benchmarks.listening.small_multiples import Drawn, small_multiples
from benchmarks.listening.study import (
    COST,
    PLAIN,
    SCORED,
    TWIN,
    VARIANTS,
    Study,
    Variant,
    jobs_of,
    logged,
)
from benchmarks.sections import write_section
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import write_atomically

SHOWN = (TWIN, PLAIN, SCORED)
"""The picture alone, then two to compare."""
ASKED = (
    "snr-noise", "snr-babble", "distractors", "reverberation", "low-pass", "opus", "late-onset",
    "blur", "pixel-noise", "jpeg", "occlusion",
)  # fmt: skip
PICTURES = 60
PRECISION: Precision = "bf16"  # as they were trained, in half the time of fp32
KINDS = ("sound", "picture", "all")


@dataclass(frozen=True)
class Asked:
    """A variant with the counts of one of its runs as things get worse, and its curves."""

    variant: Variant
    result: Result
    robustness: Robustness


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask the finished runs, and write the plot and the section."""
    options = _parser().parse_args(arguments)
    study = Study(options.data, options.runs, (0,), options.jobs, (), options.device)
    by_name = {variant.name: variant for variant in VARIANTS}
    ask = partial(asked, study=study, pictures=options.pictures)
    try:
        with ThreadPoolExecutor(study.jobs) as pool:
            found = list(pool.map(ask, (by_name[name] for name in options.variants)))
        colours = dict(zip(VARIANTS, COLOURS, strict=True))
        drawn = [Drawn(x.variant.title, colours[x.variant], x.robustness.curves) for x in found]
        plot = options.page.parent / options.page.stem / "curves.svg"
        write_atomically(plot, small_multiples(drawn))
        write_section(options.page, "curves", section(found, f"{plot.parent.name}/{plot.name}"))
    except InputError as error:
        sys.exit(f"Error: {error}")
    print(answer(found))


def asked(variant: Variant, study: Study, pictures: int) -> Asked:
    """Return what a finished run of the study scores at every level, asking it unless it was."""
    folder = next(job.folder for job in jobs_of(study) if job.variant is variant)
    if not (folder / COST).exists():
        raise InputError(f'{folder}: no finished run: make listen ARGS="--seeds 1" makes it')
    (scores,) = read_results(folder)
    words = ["robust", "--checkpoint", str(folder / "best.pt"), "--data", str(study.dataset)]
    words += ["--subset", "test", "--corruption", ",".join(ASKED), "--levels", "1,2,3,4,5"]
    words += ["--pictures", str(pictures), "--probe-seed", "0", "--precision", PRECISION]
    path = folder / f"robust-{replace(scores, precision=PRECISION).file_stem}.json"
    if not (path.exists() and _is_of(read_result(path), scores, words)):
        logged([*words, "--device", study.device], folder.with_suffix(".log"), study.jobs)
    result = read_result(path)
    return Asked(variant, result, robustness_of(result))


def _is_of(kept: Result, scores: Result, words: Sequence[str]) -> bool:
    same_weights = kept.checkpoint_sha256 == scores.checkpoint_sha256
    return same_weights and kept.command == shlex.join(["avs-bench", *words])


def section(found: Sequence[Asked], plot: str) -> str:
    """Return the section as Markdown; `plot` is the address of its picture."""
    units = found[0].robustness.left["all"].units
    items = len(found[0].result.sets[0].items)
    return "\n\n".join(
        [
            "## Three models of the listening study",
            answer(found),
            f"![mIoU of three models at each level of {len(ASKED)} corruptions]({plot})",
            _table(found),
            paragraphs(
                f"Per cent, with 95 % intervals over {units} pictures of test ({items} samples), "
                "chosen by a hash; bands in the plot are those of the score, on which levels "
                "from the left are worse, – being unchanged. The difference is paired. Models and "
                "data are those of [Does it listen?](listening.md), first seed; `make curves` "
                "asks and draws again."
            ),
        ]
    )


def answer(found: Sequence[Asked]) -> str:
    """Return in one sentence what the curves show, and in another what is not to be read in."""
    twin, plain, other = found
    worst, mildest = _extremes(plain, "sound")
    low, high = _of(plain, worst), _of(plain, mildest)
    said = (
        f"**{plain.variant.title.capitalize()} keeps {_left(plain, 'sound')} % of its score as "
        f"the sound gets worse, from {low} % ({worst}) to {high} % ({mildest}), and "
        f"{_left(plain, 'picture')} % as the picture does; {other.variant.title} "
        f"{_change(other, plain)}.**"
    )
    unchanged = 100 * twin.robustness.curves[0].points[0].score.figure.value
    return paragraphs(
        said,
        f"{plain.variant.title.capitalize()} is worse than the {twin.variant.title} model "
        f"{_fallen(plain, twin)}. That one keeps "
        f"{_left(twin, 'sound')} % by not listening, of a score of {unchanged:.1f} %: what is left "
        "says nothing without the score and the listening score beside it.",
    )


def _change(other: Asked, plain: Asked) -> str:
    """Say whether one model keeps more of its score than another, where the interval tells."""
    one = compare(*(level_areas(x.result, "sound") for x in (other, plain)), left_of_score)
    ends = f"({100 * one.difference:+.1f} [{100 * one.low:+.1f}, {100 * one.high:+.1f}] points)"
    if one.low <= 0 <= one.high:
        return f"does not surely differ under the same sounds {ends}"
    return f"keeps {'more' if one.low > 0 else 'less'} under the same sounds {ends}"


def _fallen(plain: Asked, twin: Asked) -> str:
    """Say where a model that listens scores less than the one without ears."""
    found = []
    for curve, deaf in zip(plain.robustness.curves, twin.robustness.curves, strict=True):
        pairs = zip(curve.points, deaf.points, strict=True)
        below = (a.value for a, b in pairs if a.score.figure.value < b.score.figure.value)
        if curve.corruption.of == "sound" and (value := next(below, None)) is not None:
            level = f"{value:g}".replace("-", "−")
            found.append(f"{level} {curve.corruption.unit} ({curve.corruption.name})")
    words = " and ".join(filter(None, [", ".join(found[:-1]), *found[-1:]]))
    return f"from {words} on" if found else "at no level of sound"


def _extremes(one: Asked, kind: str) -> tuple[str, str]:
    curves = [curve for curve in one.robustness.curves if curve.corruption.of == kind]
    curves.sort(key=lambda curve: curve.left.figure.value)
    return curves[0].corruption.name, curves[-1].corruption.name


def _of(one: Asked, name: str) -> str:
    (curve,) = (c for c in one.robustness.curves if c.corruption.name == name)
    return f"{100 * curve.left.figure.value:.1f}"


def _left(one: Asked, kind: str) -> str:
    return f"{100 * one.robustness.left[kind].figure.value:.1f}"


def _table(found: Sequence[Asked]) -> str:
    lines = [
        "| variant | listening score | mIoU, unchanged | left, sound | left, picture | left, all |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for one in found:
        heard = one.result.listening
        listens = bootstrap(heard.by_unit(), listening_score) if heard else None
        unchanged = one.robustness.curves[0].points[0].score
        numbers = [listens, unchanged, *(one.robustness.left[kind] for kind in KINDS)]
        cells = [shown(Number.of(number) if number else None) for number in numbers]
        lines.append(f"| {' | '.join([one.variant.title, *cells])} |")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="How the listening study's models fall as sound and picture get worse."
    )
    parser.add_argument("--data", type=Path, default=Path("data/listening"))
    parser.add_argument("--runs", type=Path, default=Path("runs/listening"))
    parser.add_argument("--page", type=Path, default=Path("docs/robustness.md"))
    names = [variant.name for variant in VARIANTS]
    shown = [variant.name for variant in SHOWN]
    parser.add_argument("--variants", nargs=3, choices=names, default=shown, metavar="NAME")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="of test, by a hash")
    parser.add_argument("--jobs", type=int, default=2, help="side by side, a thread each")
    parser.add_argument("--device", default="auto", help="as in avs-bench robust")
    return parser


if __name__ == "__main__":
    main()
