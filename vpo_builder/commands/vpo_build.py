"""The command `vpo-build`: it reads its arguments and calls one function.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from vpo_builder.commands.fetch_options import fetch_options
from vpo_builder.dataset.schema import SPLITS
from vpo_builder.fetching.flags import FetchFlags, is_fetch_override
from vpo_builder.runtime.errors import InputError, one_line_errors
from vpo_builder.runtime.interruption import resumable
from vpo_builder.runtime.outside_text import say

if TYPE_CHECKING:
    from vpo_builder.build.request import BuildReport, BuildRequest
    from vpo_builder.build.single_plus import SinglePlusRequest
    from vpo_builder.config import SyntheticS4Settings, SyntheticSettings
    from vpo_builder.dataset.manifest import Manifest

VPO_ONLY = (
    *("coco", "vggsound", "vggsounder", "allow_substitutes", "seed", "classes"),
    *("download", "plan", "clip_url", "cookies", "proxy", "rate", "retry", "shard", "merge"),
)
"""Options that AVSBench-Single+ has no use for: it is made of S4, and nothing is drawn."""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.command(context_settings=CONTEXT)
@click.option("--split", type=click.Choice(SPLITS), help="Which dataset.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Output folder.")
@click.option("--coco", type=click.Path(path_type=Path), help="COCO 2017: annotations/ and images.")
@click.option(
    "--vggsound", type=click.Path(path_type=Path), help="VGGSound: vggsound.csv and audios/."
)
@click.option(
    "--avsbench", type=click.Path(path_type=Path), help="AVSBench's S4, for avsbench-single-plus."
)
@click.option(
    "--vggsounder", type=click.Path(path_type=Path), help="VGGSounder's csv: drop unheard labels."
)
@click.option(
    "--from-manifest",
    type=click.Path(path_type=Path),
    help="Build the dataset of this manifest.jsonl again; its meta lies beside it.",
)
@click.option(
    "--allow-substitutes", is_flag=True, help="With --from-manifest: replace clips that are gone."
)
@click.option("--preset", default="default", show_default=True, help="Settings to start from.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; repeatable."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 1024), help="Processes; default: one a processor."
)
@click.option(
    "--executor",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where the work is done: processes of this machine, or Ray's.",
)
@click.option("--strict", is_flag=True, help="Stop at the first broken image, mask or clip.")
@click.option(
    "--classes", type=click.Path(path_type=Path), help="A class table of your own (TOML)."
)
@fetch_options
@resumable
@one_line_errors
def build_command(
    split: Any,
    out: Path,
    coco: Path | None,
    vggsound: Path | None,
    avsbench: Path | None,
    vggsounder: Path | None,
    from_manifest: Path | None,
    allow_substitutes: bool,
    preset: str,
    overrides: tuple[str, ...],
    seed: int,
    workers: int | None,
    executor: Any,
    strict: bool,
    classes: Path | None,
    fetching: FetchFlags,
) -> None:
    """Build an audio-visual segmentation dataset from COCO masks and VGGSound clips.

    avsbench-single-plus is built from AVSBench's S4 instead. Without its sources each is built
    from an embedded synthetic corpus, for trying.
    """
    from vpo_builder.build.from_manifest import RebuildRequest, config_of, read_published, rebuild
    from vpo_builder.build.request import BuildRequest
    from vpo_builder.build.vpo import build
    from vpo_builder.classes import CLASS_TABLE
    from vpo_builder.config import load_config
    from vpo_builder.runtime.executors import default_workers

    _refuse_file(out)
    workers = workers or default_workers()
    manifest = None if from_manifest is None else read_published(from_manifest)
    if manifest is not None:
        _refuse_what_the_manifest_says(split, manifest.meta.split)
        split, seed = manifest.meta.split, manifest.meta.seed
    elif fetching.avsbench_csv is not None:
        _fetch_avsbench(fetching, out, overrides, workers, executor)
        return
    elif split is None:
        raise InputError(f"--split is missing: choose one of {', '.join(SPLITS)}")
    if split == "avsbench-single-plus":
        single = _single_plus_request(avsbench, out, preset, overrides, workers, strict, manifest)
        single = replace(single, executor=executor)
        _print_report(_build_single_plus(single, manifest))
        return
    if avsbench is not None:
        raise InputError(f"--avsbench: --split {split} is made of COCO and VGGSound: leave it out")
    own = tuple(text for text in overrides if not is_fetch_override(text))
    request = BuildRequest(
        split=split,
        out=out,
        coco=coco or out,
        vggsound=vggsound or out,
        config=load_config(preset, own) if manifest is None else config_of(manifest),
        seed=seed,
        workers=workers,
        executor=executor,
        strict=strict,
        class_table=classes or CLASS_TABLE,
        vggsounder=vggsounder,
    )
    if (fetching.plan or fetching.shard) and manifest is not None:
        flag = "--plan" if fetching.plan else "--shard"
        raise InputError(f"{flag}: a manifest is built again in one go: leave {flag} out")
    if fetching.plan or fetching.shard:
        _print_lines(request, coco, vggsound, fetching, overrides)
        return
    with _supplied(request, coco, vggsound, fetching, overrides) as supplied:
        if manifest is None:
            report = build(supplied)
        else:
            report = rebuild(RebuildRequest(supplied, manifest, allow_substitutes))
    _print_report(report)


def _fetch_avsbench(
    fetching: FetchFlags, out: Path, overrides: tuple[str, ...], workers: int, executor: Any
) -> None:
    from vpo_builder.fetching.avsbench import SIDES, AvsBenchRequest, fetch_avsbench

    if not fetching.download or fetching.avsbench_csv is None:
        raise InputError("--avsbench-csv: its videos have to be fetched: add --download")
    options, side = fetching.options(overrides), SIDES[fetching.frames]
    request = AvsBenchRequest(fetching.avsbench_csv, out, options, side, workers, executor)
    for line in fetch_avsbench(request):
        say(line)


def _print_lines(
    request: "BuildRequest",
    coco: Path | None,
    vggsound: Path | None,
    fetching: FetchFlags,
    overrides: tuple[str, ...],
) -> None:
    from vpo_builder.fetching.completing import plan_or_prepare

    for line in plan_or_prepare(request, coco, vggsound, fetching, overrides):
        say(line)


def _supplied(
    request: "BuildRequest",
    coco: Path | None,
    vggsound: Path | None,
    fetching: FetchFlags,
    overrides: tuple[str, ...],
) -> AbstractContextManager["BuildRequest"]:
    """Return the request with its sources: the folders given, completed, or synthetic ones."""
    if fetching.download or fetching.merge:
        from vpo_builder.fetching.completing import completed

        return completed(request, coco, vggsound, fetching, overrides)
    fetching.refuse_without_download()
    if coco is not None and vggsound is not None:
        return nullcontext(request)
    if (coco is None) != (vggsound is None):
        given, missing = ("--coco", "--vggsound") if vggsound is None else ("--vggsound", "--coco")
        raise InputError(
            f"{given} without {missing}: give both folders, or add --download, or none of these "
            "for synthetic"
        )
    coco, vggsound = _synthetic_sources(request.split, request.out, request.config.synthetic)
    return nullcontext(replace(request, coco=coco, vggsound=vggsound, synthetic=True))


def _refuse_what_the_manifest_says(given: str | None, split: str) -> None:
    """Refuse options that a manifest already settles."""
    if given not in (None, split):
        raise InputError(f"--split {given}: the manifest is of {split}: leave --split out")
    context = click.get_current_context()
    for name, flag in (("preset", "--preset"), ("overrides", "--set"), ("seed", "--seed")):
        if name == "overrides" and all(map(is_fetch_override, context.params[name])):
            continue
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise InputError(f"{flag}: --from-manifest takes it from the manifest: leave it out")


def _refuse_file(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file: --out needs a folder, existing or new")


def _single_plus_request(
    avsbench: Path | None,
    out: Path,
    preset: str,
    overrides: tuple[str, ...],
    workers: int,
    strict: bool,
    manifest: "Manifest | None",
) -> "SinglePlusRequest":
    from vpo_builder.build.single_plus import SinglePlusRequest
    from vpo_builder.config import SinglePlusConfig, load_single_plus_config
    from vpo_builder.runtime.settings import from_tree

    context = click.get_current_context()
    for name in VPO_ONLY:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            flag = f"--{name.replace('_', '-')}"
            raise InputError(
                f"{flag}: avsbench-single-plus is made of S4 alone, given by --avsbench: leave it "
                "out"
            )
    if manifest is None:
        config = load_single_plus_config(preset, overrides)
    else:
        config = from_tree(SinglePlusConfig, manifest.meta.config, f"{manifest.folder}: its config")
    synthetic = avsbench is None
    if avsbench is None:
        avsbench = _synthetic_s4(out, config.synthetic)
    return SinglePlusRequest(avsbench, out, config, workers, strict, synthetic)


def _build_single_plus(request: "SinglePlusRequest", manifest: "Manifest | None") -> "BuildReport":
    from vpo_builder.build.from_manifest import compared
    from vpo_builder.build.single_plus import build_single_plus

    report = build_single_plus(request)
    return report if manifest is None else compared(report, manifest)


def _print_report(report: "BuildReport") -> None:
    from vpo_builder.publishing.funnel import format_funnel

    if report.already_built:
        say(f"{report.folder}: already built from the same inputs: nothing to do")
        return
    for line in format_funnel(report.funnel):
        say(line)
    for line in report.notes:
        say(line)
    say(f"{report.folder}: {report.funnel['samples']['entered']} samples")
    if not report.complete:
        say("incomplete: not every sample of the manifest could be built", err=True)
        sys.exit(1)


def _synthetic_s4(out: Path, settings: "SyntheticS4Settings") -> Path:
    from vpo_builder.synthetic import write_synthetic_s4

    _say_synthetic("avsbench-single-plus", out, "--avsbench DIR")
    return write_synthetic_s4(
        out / "synthetic-s4",
        videos_per_category=settings.videos_per_category,
        seed=settings.seed,
    )


def _say_synthetic(split: str, out: Path, sources: str) -> None:
    say(
        "Building from the embedded SYNTHETIC corpus, for trying and testing only. For the real "
        f"one: vpo-build --split {split} --out {out} {sources}"
    )


def _synthetic_sources(split: str, out: Path, settings: "SyntheticSettings") -> tuple[Path, Path]:
    from vpo_builder.synthetic import write_synthetic_corpus

    _say_synthetic(split, out, "--coco DIR --vggsound DIR")
    corpus = write_synthetic_corpus(
        out / "synthetic-corpus",
        images=settings.images,
        seed=settings.seed,
        clips_per_class=settings.clips_per_class,
    )
    return corpus.coco, corpus.vggsound
