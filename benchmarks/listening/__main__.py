"""`python -m benchmarks.listening`: run the study and write its document."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.listening.document import write_document
from benchmarks.listening.study import CLIPS_PER_CLASS, IMAGES, Study, build, outcomes
from vpo_builder.runtime.errors import InputError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study and write its document."""
    options = _parser().parse_args(arguments)
    study = Study(
        options.data,
        options.runs,
        tuple(range(options.seeds)),
        options.jobs,
        tuple(options.overrides),
        options.device,
    )
    try:
        build(study, options.images, options.clips_per_class)
        print(write_document(study, outcomes(study), options.document))
    except InputError as error:
        sys.exit(f"Error: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Does contrastive audio-visual pairing make a model listen?"
    )
    parser.add_argument("--data", type=Path, default=Path("data/listening"))
    parser.add_argument("--runs", type=Path, default=Path("runs/listening"))
    parser.add_argument("--document", type=Path, default=Path("docs/listening.md"))
    parser.add_argument("--seeds", type=int, default=2, help="how many")
    parser.add_argument("--jobs", type=int, default=2, help="side by side, a thread each")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--clips-per-class", type=int, default=CLIPS_PER_CLASS)
    parser.add_argument("--device", default="auto", help="as in avs-bench train")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], help="of the preset, for all"
    )
    return parser


if __name__ == "__main__":
    main()
