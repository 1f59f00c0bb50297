"""Makes an unfinished build of a finished one, as tests of resuming need it."""

from pathlib import Path

from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.publishing.build_identity import BuildIdentity, mark_started


def begun_again(folder: Path) -> None:
    """Leave of a finished dataset what a kill before its end leaves."""
    meta = read_manifest(folder).meta
    (folder / META).unlink()
    mark_started(folder, BuildIdentity(meta.split, meta.seed, meta.config, meta.inputs))
