"""The options of `vpo-build`, in groups, and those of them that `vpo-data fetch-avsbench` has."""

from pathlib import Path

import click
from click import Choice, Option

from vpo_builder.commands.option_groups import FILE, OptionGroup
from vpo_builder.commands.option_records import (
    AvsBenchVideos,
    Choices,
    Fetching,
    Folders,
    HowToFetchVideos,
    HowToRun,
    Overrides,
    Running,
    What,
)
from vpo_builder.dataset.schema import SPLITS
from vpo_builder.runtime.command_help import PresetOption, examples

EXAMPLES = examples(
    "Try it, on an embedded synthetic corpus:",
    "vpo-build --split ss --out data",
    "From COCO 2017 and VGGSound, as they lie on your disk:",
    "vpo-build --split msmi --out data --coco coco/ --vggsound vggsound/",
    "With recordings of your own, each with its label, licence and group:",
    "vpo-build --split ss --out data --coco coco/ --sounds recordings.csv",
    "Fetch what is needed and not there; see first what that is:",
    "vpo-build --split ss --out data --plan --download",
    "vpo-build --split ss --out data --download",
    "Build a published dataset again, from its manifest:",
    "vpo-build --from-manifest manifests/synthetic-vpo-ss/manifest.jsonl --out data",
)


def _preset_folders() -> dict[str, Path]:
    from vpo_builder.config import PRESETS, SINGLE_PLUS_PRESETS

    return {"": PRESETS, "avsbench-single-plus: ": SINGLE_PLUS_PRESETS}


_WHAT = OptionGroup(
    "What to build",
    What,
    "vpo-build --split ss --out data",
    (
        Option(["--split"], type=Choice(SPLITS), help="Which dataset."),
        Option(["--out"], type=FILE, required=True, metavar="DIR", help="Where it goes."),
        Option(
            ["--from-manifest"],
            type=FILE,
            metavar="FILE",
            help="Build the dataset of this manifest.jsonl again; its meta lies beside it.",
        ),
        Option(
            ["--allow-substitutes"],
            is_flag=True,
            help="With --from-manifest: replace clips that are gone by those that rank next.",
        ),
    ),
)
_SOURCES = OptionGroup(
    "Sources",
    Folders,
    "vpo-build --split ms --out data --coco coco/ --vggsound vggsound/",
    (
        Option(
            ["--coco"], type=FILE, metavar="DIR", help="COCO 2017: annotations/ and the images."
        ),
        Option(
            ["--images"],
            type=FILE,
            metavar="TOML|DIR",
            help="Other pictures and masks, beside COCO or instead: a list of LVIS, COCO-ReM or "
            "any json of COCO's shape (docs/own-pictures.md), or a folder of pictures/ and masks/.",
        ),
        Option(
            ["--vggsound"], type=FILE, metavar="DIR", help="VGGSound: vggsound.csv and recordings."
        ),
        Option(
            ["--vggsound-csv"],
            type=FILE,
            metavar="CSV",
            help="VGGSound's csv, if it lies elsewhere.",
        ),
        Option(
            ["--sounds"],
            type=FILE,
            multiple=True,
            metavar="CSV|DIR",
            help="Other recordings, without or beside VGGSound's: the folder of FSD50K, ESC-50, "
            "AudioSet or VGGSounder, or a csv with the columns file, label, licence, page and "
            "group; repeatable.",
        ),
        Option(
            ["--avsbench"], type=FILE, metavar="DIR", help="AVSBench's S4: avsbench-single-plus."
        ),
        Option(
            ["--exclude"],
            type=FILE,
            metavar="LIST",
            help="Published samples, as for vpo-data reconcile: their pictures stay out of train "
            "and val.",
        ),
        Option(
            ["--vggsounder"],
            type=FILE,
            metavar="CSV",
            help="VGGSounder's list: leave out clips whose label cannot be heard.",
        ),
    ),
)
_CHOICES = OptionGroup(
    "Choices, which decide what comes out",
    Choices,
    "vpo-build --split ss --out data --seed 1 --set limits.per_class=100",
    (
        PresetOption(
            ["--preset"],
            metavar="NAME|FILE",
            help="Settings to start from, see below.  [default: default]",
            folders=_preset_folders,
        ),
        Option(
            ["--set", "overrides"],
            multiple=True,
            callback=Overrides.read,
            metavar="KEY=VALUE",
            help="Change a setting; repeatable. Those of fetching begin with fetch.",
        ),
        Option(
            ["--seed"],
            type=click.IntRange(0, 2**63 - 1),
            metavar="N",
            help="Another number draws other clips and objects.  [default: 0]",
        ),
        Option(
            ["--classes"],
            type=FILE,
            metavar="TOML|NAME",
            help="A class table of your own, or vpo-v2.  [default: the preset's, else VPO's]",
        ),
    ),
)


_HOW_TO_FETCH = (
    Option(
        ["--clip-url"],
        metavar="TEMPLATE",
        help="Fetch recordings from a mirror instead of YouTube: a URL with {id} and "
        "{start:06d}, or with {id} alone for whole videos.",
    ),
    Option(["--cookies"], type=FILE, metavar="FILE", help="A browser's cookies.txt, for YouTube."),
    Option(["--proxy"], metavar="URL", help="A proxy for everything that is fetched."),
    Option(
        ["--rate"],
        type=click.FloatRange(0),
        metavar="N",
        help="Recordings an hour; 0 for no limit.  [default: 300 from YouTube]",
    ),
    Option(
        ["--retry"],
        metavar="transient|REASON",
        help="Ask again for what failed for a passing reason, or for one reason of the ledger.",
    ),
)
_HOW_TO_RUN = (
    Option(
        ["--workers"],
        type=click.IntRange(1, 1024),
        metavar="N",
        help="Processes.  [default: one a processor]",
    ),
    Option(
        ["--executor"],
        type=Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Where the work is done: in processes of this machine, or of Ray's.",
    ),
)
_FETCHING = OptionGroup(
    "Fetching",
    Fetching,
    "vpo-build --split ss --out data --download --rate 100",
    (
        Option(["--download"], is_flag=True, help="Fetch what is needed and not there."),
        Option(
            ["--plan"],
            is_flag=True,
            help="Only say what would be fetched and how long it takes; with --download the "
            "sources' lists are fetched for that, and no media.",
        ),
        *_HOW_TO_FETCH,
        Option(
            ["--shard"],
            metavar="I/N",
            help="Only prepare the clips and photographs of share I of N, on a machine of its own; "
            "/N takes I from SLURM_ARRAY_TASK_ID.",
        ),
        Option(["--merge"], is_flag=True, help="Build from what the shards have prepared, united."),
    ),
)
_RUNNING = OptionGroup(
    "Running",
    Running,
    "vpo-build --split ss --out data --workers 8 --strict",
    (
        *_HOW_TO_RUN,
        Option(
            ["--strict"], is_flag=True, help="Publish nothing if an image, mask or clip is broken."
        ),
        Option(
            ["--side-files"],
            type=Choice(["time", "hash", "off"]),
            default="time",
            show_default=True,
            help="What is kept of long lists in your cache folder, so that they are planned from "
            "sooner: trusted by a list's size and time, by its hash too, or none.",
        ),
    ),
)
GROUPS = {
    "what": _WHAT,
    "sources": _SOURCES,
    "choices": _CHOICES,
    "fetching": _FETCHING,
    "running": _RUNNING,
}

_AVSBENCH = "vpo-data fetch-avsbench s4_meta_data.csv --out avsbench"
FETCH_AVSBENCH_GROUPS = {
    "videos": OptionGroup(
        "What to fetch",
        AvsBenchVideos,
        f"{_AVSBENCH} --frames native",
        (
            Option(["--out"], type=FILE, required=True, metavar="DIR", help="Where it goes."),
            Option(
                ["--frames"],
                type=Choice(["224", "native"]),
                default="224",
                show_default=True,
                help="Frames of 224×224, as S4's and MS3's are, or as in the video.",
            ),
        ),
    ),
    "fetching": OptionGroup(
        "Fetching",
        HowToFetchVideos,
        f"{_AVSBENCH} --rate 100",
        (
            *_HOW_TO_FETCH,
            Option(
                ["--set", "overrides"],
                multiple=True,
                callback=Overrides.read,
                metavar="fetch.KEY=VALUE",
                help="Change a setting of fetching; repeatable.",
            ),
        ),
    ),
    "running": OptionGroup("Running", HowToRun, f"{_AVSBENCH} --workers 8", _HOW_TO_RUN),
}
