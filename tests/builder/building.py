"""Runs a build in tests: through the Python function, or as a stranger would, by the command."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from vpo_builder.build.build import build
from vpo_builder.build.request import BuildReport, BuildRequest, Sources, Work
from vpo_builder.commands.vpo_build import build_command
from vpo_builder.config import load_config

BUILD = [
    sys.executable,
    "-c",
    "from vpo_builder.commands.vpo_build import build_command; build_command()",
]


def build_from(
    sources: Path,
    out: Path,
    split: Any = "ss",
    overrides: tuple[str, ...] = (),
    preset: str = "default",
    **options: Any,
) -> BuildReport:
    """Build a split from `sources`/coco and `sources`/vggsound."""
    folders = Sources(sources / "coco", sources / "vggsound")
    config = load_config(preset, overrides)
    return build(BuildRequest(split, out, folders, config, work=Work(**options)))


def run_build(*arguments: object) -> Result:
    """Run `vpo-build` in this process."""
    return CliRunner().invoke(build_command, [str(argument) for argument in arguments])


def run_build_process(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `vpo-build` in a process of its own, with changes to its environment."""
    return subprocess.run(
        [*BUILD, *map(str, arguments)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )


def source_options(sources: Path) -> tuple[str, ...]:
    """Return the options that name a corpus."""
    return ("--coco", str(sources / "coco"), "--vggsound", str(sources / "vggsound"))
