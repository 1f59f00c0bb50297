"""What `vpo-build` does with the options of fetching: plan, do a share, or complete sources."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from vpo_builder.build.request import BuildRequest
from vpo_builder.fetching.cost_estimate import plan_lines
from vpo_builder.fetching.downloads import downloading
from vpo_builder.fetching.flags import FetchFlags
from vpo_builder.fetching.ledger import STATE_FOLDER
from vpo_builder.fetching.shards import DONE, SHARDS, parse_shard, prepare_shard, unite_shards
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.output_lock import output_lock
from vpo_builder.runtime.whole_files import write_atomically


def plan_or_prepare(
    request: BuildRequest,
    coco: Path | None,
    vggsound: Path | None,
    flags: FetchFlags,
    overrides: tuple[str, ...],
) -> Iterator[str]:
    """Do what `--plan` or `--shard` asks for, and yield lines for a person."""
    if flags.plan:
        options = flags.options(overrides)
        yield from plan_lines(request, options, coco, vggsound, download=flags.download)
        return
    shard = parse_shard(flags.shard or "")
    folder = request.out / STATE_FOLDER / SHARDS / shard.name
    with (
        output_lock(folder),
        _completed(request, coco, vggsound, flags, overrides, shard.name) as supplied,
    ):
        yield from prepare_shard(supplied, shard)
        write_atomically(folder / DONE, b"")


def completed(
    request: BuildRequest,
    coco: Path | None,
    vggsound: Path | None,
    flags: FetchFlags,
    overrides: tuple[str, ...],
) -> AbstractContextManager[BuildRequest]:
    """Return the request with its sources completed by fetching, the shards' work united."""
    if flags.merge:
        unite_shards(request.out)
    return _completed(request, coco, vggsound, flags, overrides, "")


def _completed(
    request: BuildRequest,
    coco: Path | None,
    vggsound: Path | None,
    flags: FetchFlags,
    overrides: tuple[str, ...],
    shard: str,
) -> AbstractContextManager[BuildRequest]:
    if flags.download:
        return downloading(request, flags.options(overrides), coco, vggsound, shard)
    if coco is None or vggsound is None:
        flag = "--shard" if shard else "--merge"
        raise InputError(f"{flag}: no sources: give --coco and --vggsound, or --download")
    return nullcontext(replace(request, coco=coco, vggsound=vggsound))
