"""A build's sources completed by fetching: for the whole of it, or for one share of its work."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

from vpo_builder.build.request import VpoRequest
from vpo_builder.fetching.downloads import downloading
from vpo_builder.fetching.fetch_request import FetchOptions
from vpo_builder.fetching.ledger import STATE_FOLDER
from vpo_builder.fetching.shards import DONE, SHARDS, parse_shard, prepare_shard
from vpo_builder.runtime.output_lock import output_lock
from vpo_builder.runtime.whole_files import write_atomically


def complete_sources(
    request: VpoRequest, options: FetchOptions | None, shard: str = ""
) -> AbstractContextManager[VpoRequest]:
    """Return the request with its sources completed by fetching; as it is without options."""
    return nullcontext(request) if options is None else downloading(request, options, shard)


def do_share(request: VpoRequest, options: FetchOptions | None, share: str) -> Iterator[str]:
    """Prepare the clips and photographs of a share such as "2/16"; yield lines for a person."""
    shard = parse_shard(share)
    folder = request.out / STATE_FOLDER / SHARDS / shard.name
    with output_lock(folder), complete_sources(request, options, shard.name) as supplied:
        yield from prepare_shard(supplied, shard)
        write_atomically(folder / DONE, b"")
