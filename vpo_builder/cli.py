"""The commands `vpo-build` and `vpo-data`; each one reads its arguments and calls one function.

Everything heavy is imported inside the command that needs it, so that `--help` answers at once.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from vpo_builder.errors import InputError, one_line_errors

if TYPE_CHECKING:
    from vpo_builder.build import BuildReport
    from vpo_builder.config import SyntheticSettings

BUILT = ("ss", "ms", "avsbench-single-plus")
VPO_ONLY = ("coco", "vggsound", "seed", "classes")
"""Options that AVSBench-Single+ has no use for: it is made of S4, and nothing is drawn."""
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.command(context_settings=CONTEXT)
@click.option("--split", type=click.Choice(BUILT), required=True, help="Which dataset.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Output folder.")
@click.option("--coco", type=click.Path(path_type=Path), help="COCO 2017: annotations/ and images.")
@click.option(
    "--vggsound", type=click.Path(path_type=Path), help="VGGSound: vggsound.csv and audios/."
)
@click.option(
    "--avsbench", type=click.Path(path_type=Path), help="AVSBench's S4, for avsbench-single-plus."
)
@click.option("--preset", default="default", show_default=True, help="Settings to start from.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting; repeatable."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True)
@click.option(
    "--workers", type=click.IntRange(1, 1024), help="Processes; default: one a processor."
)
@click.option("--strict", is_flag=True, help="Stop at the first broken image, mask or clip.")
@click.option(
    "--classes", type=click.Path(path_type=Path), help="A class table of your own (TOML)."
)
@one_line_errors
def build_command(
    split: Any,
    out: Path,
    coco: Path | None,
    vggsound: Path | None,
    avsbench: Path | None,
    preset: str,
    overrides: tuple[str, ...],
    seed: int,
    workers: int | None,
    strict: bool,
    classes: Path | None,
) -> None:
    """Build an audio-visual segmentation dataset from COCO masks and VGGSound clips.

    Without --coco and --vggsound it builds from the embedded synthetic corpus, for trying.
    avsbench-single-plus is built from AVSBench's S4 instead.
    """
    from vpo_builder.build import BuildRequest, build
    from vpo_builder.classes import CLASS_TABLE
    from vpo_builder.config import load_config
    from vpo_builder.executors import default_workers

    workers = workers or default_workers()
    if split == "avsbench-single-plus":
        _print_report(_build_single_plus(avsbench, out, preset, overrides, workers, strict))
        return
    if avsbench is not None:
        raise InputError(f"--avsbench: --split {split} is made of COCO and VGGSound: leave it out")
    config = load_config(preset, overrides)
    if (coco is None) != (vggsound is None):
        given, missing = ("--coco", "--vggsound") if vggsound is None else ("--vggsound", "--coco")
        raise InputError(f"{given} without {missing}: give both folders, or none for synthetic")
    _refuse_file(out)
    synthetic = coco is None or vggsound is None
    if coco is None or vggsound is None:
        coco, vggsound = _synthetic_sources(split, out, config.synthetic)
    report = build(
        BuildRequest(
            split=split,
            out=out,
            coco=coco,
            vggsound=vggsound,
            config=config,
            synthetic=synthetic,
            seed=seed,
            workers=workers,
            strict=strict,
            class_table=classes or CLASS_TABLE,
        )
    )
    _print_report(report)


def _refuse_file(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: is a file: --out needs a folder, existing or new")


def _build_single_plus(
    avsbench: Path | None,
    out: Path,
    preset: str,
    overrides: tuple[str, ...],
    workers: int,
    strict: bool,
) -> "BuildReport":
    from vpo_builder.build_single_plus import SinglePlusRequest, build_single_plus
    from vpo_builder.config import load_single_plus_config

    context = click.get_current_context()
    for name in VPO_ONLY:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise InputError(
                f"--{name}: avsbench-single-plus is made of S4 alone, given by --avsbench: "
                "leave it out"
            )
    if avsbench is None:
        raise InputError("avsbench-single-plus: no source: give --avsbench DIR, the folder of S4")
    _refuse_file(out)
    config = load_single_plus_config(preset, overrides)
    return build_single_plus(SinglePlusRequest(avsbench, out, config, workers, strict))


def _print_report(report: "BuildReport") -> None:
    from vpo_builder.funnel import format_funnel

    if report.already_built:
        click.echo(f"{report.folder}: already built from the same inputs: nothing to do")
        return
    for line in format_funnel(report.funnel):
        click.echo(line)
    for line in report.notes:
        click.echo(line)
    click.echo(f"{report.folder}: {report.funnel['samples']['entered']} samples")


def _synthetic_sources(split: str, out: Path, settings: "SyntheticSettings") -> tuple[Path, Path]:
    from vpo_builder.sources.synthetic import write_synthetic_corpus

    click.echo(
        "Building from the embedded SYNTHETIC corpus, for trying and testing only. For the real "
        f"one: vpo-build --split {split} --out {out} --coco DIR --vggsound DIR"
    )
    corpus = write_synthetic_corpus(
        out / "synthetic-corpus",
        images=settings.images,
        seed=settings.seed,
        clips_per_class=settings.clips_per_class,
    )
    return corpus.coco, corpus.vggsound


@click.group(context_settings=CONTEXT)
def data_command() -> None:
    """Check, count and show a dataset that vpo-build made."""


@data_command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--decode", is_flag=True, help="Also decode every photograph and clip.")
@one_line_errors
def verify(folder: Path, decode: bool) -> None:
    """Check every file of a finished dataset; exit code 1 and a line for each fault."""
    from vpo_builder.verify import format_verification, verify

    result = verify(folder, decode=decode)
    for line in format_verification(result):
        click.echo(line)
    sys.exit(1 if result.faults else 0)


@data_command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--png", type=click.Path(path_type=Path), help="Where the chart goes [FOLDER's name.png]."
)
@one_line_errors
def stats(folder: Path, png: Path | None) -> None:
    """Count a dataset by class and subset, as a table and as a chart like the papers'.

    A folder of AVSBench as published (S4, MS3, AVSS) is counted by videos and annotated frames.
    """
    from vpo_builder.charts import write_chart
    from vpo_builder.manifest import META, read_manifest
    from vpo_builder.stats import count, format_statistics

    if folder.is_dir() and not (folder / META).exists() and _print_trees(folder, png):
        return
    statistics = count(read_manifest(folder))
    for line in format_statistics(statistics):
        click.echo(line)
    chart = png or Path(f"{folder.resolve().name}-statistics.png")
    write_chart(statistics, chart)
    click.echo(f"chart: {chart}")


def _print_trees(folder: Path, png: Path | None) -> bool:
    """Print the statistics of AVSBench's trees in a folder and tell whether it holds any."""
    from vpo_builder.avsbench_stats import count_tree, format_trees
    from vpo_builder.sources.avsbench import find_trees

    trees = find_trees(folder)
    if trees and png is not None:
        raise InputError(f"--png {png}: {folder} is AVSBench as published: it has tables, no chart")
    for line in format_trees(map(count_tree, trees)):
        click.echo(line)
    return bool(trees)


@data_command.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--near-duplicates",
    "policy",
    type=click.Choice(["warn", "fail"]),
    default="warn",
    show_default=True,
    help="Whether photographs that look alike are a fault.",
)
@click.option(
    "--sheet", type=click.Path(path_type=Path), help="Where such photographs are shown [NAME.html]."
)
@one_line_errors
def audit(folder: Path, policy: Any, sheet: Path | None) -> None:
    """Look for anything that crosses the subsets; exit code 1 for a leak."""
    from vpo_builder.audit import audit, format_audit
    from vpo_builder.audit.sheet import write_sheet
    from vpo_builder.documents.attribution import read_licences
    from vpo_builder.manifest import read_manifest

    report = audit(read_manifest(folder), read_licences(folder))
    for line in format_audit(report, policy):
        click.echo(line)
    if report.near_duplicates:
        page = sheet or Path(f"{folder.resolve().name}-near-duplicates.html")
        write_sheet(report, page)
        click.echo(f"side by side: {page}")
    sys.exit(0 if report.passes(policy) else 1)
