"""Holds `instances.jsonl` against the manifest whose sources it outlines."""

from collections.abc import Iterator, Mapping

import msgspec

from vpo_builder.dataset.faults import Fault
from vpo_builder.dataset.instances import INSTANCES, decode_instances
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.schema import Sample, Source
from vpo_builder.rendering.mask import BrokenMaskError, encode_segmentation, horizontal_centre
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular


def outline_faults(
    manifest: Manifest, listed: Mapping[str, str], *, decode: bool
) -> Iterator[Fault]:
    """Yield a fault for each source without an outline, and each outline of no source.

    With `decode` also for one that cannot be drawn or lies elsewhere than its source. A dataset
    that lists no outlines has none to check, and a file that is missing is told elsewhere.
    """
    if INSTANCES not in listed:
        return
    try:
        outlines = decode_instances(read_regular(manifest.folder / INSTANCES))
    except OSError:
        return
    except InputError as error:
        yield Fault(INSTANCES, str(error).removeprefix(f"{INSTANCES}, "))
        return
    for sample in manifest.samples:
        for source in sample.sources:
            counts = outlines.pop((sample.sample_id, source.ann_id), None)
            where = f"annotation {source.ann_id} of sample {sample.sample_id}"
            if counts is None:
                yield Fault(INSTANCES, f"no outline of {where}")
            elif decode and (reason := _fault(sample, source, counts)):
                yield Fault(INSTANCES, f"the outline of {where} {reason}")
    if outlines:
        yield Fault(INSTANCES, f"{len(outlines)} outlines of what does not sound")


def _fault(sample: Sample, source: Source, counts: str) -> str:
    """Return what is wrong with an outline, "" for nothing."""
    told = msgspec.json.encode({"size": [sample.height, sample.width], "counts": counts})
    try:
        code = encode_segmentation(told, sample.height, sample.width)
    except BrokenMaskError as error:
        return f"cannot be drawn: {error}"
    centre = horizontal_centre(code, sample.width)
    return "" if centre == source.pan else f"has its centre at {centre}, its pan is {source.pan}"
