"""Holds `instances.jsonl` against the manifest whose sources it outlines."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from vpo_builder.dataset.faults import Fault
from vpo_builder.dataset.instances import INSTANCES, Instance, decode_instances, decode_silent
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
        data = read_regular(manifest.folder / INSTANCES)
        outlines, silent = decode_instances(data), decode_silent(data)
    except OSError:
        return
    except InputError as error:
        yield Fault(INSTANCES, str(error).removeprefix(f"{INSTANCES}, "))
        return
    for sample in manifest.samples:
        faults = [
            *_faults_of_sources(sample, outlines, decode=decode),
            *_faults_of_twins(sample, silent.pop(sample.sample_id, ()), decode=decode),
        ]
        yield from (Fault(INSTANCES, reason) for reason in faults)
    if outlines or silent:
        number = len(outlines) + sum(map(len, silent.values()))
        yield Fault(INSTANCES, f"{number} outlines of what does not sound")


def _faults_of_sources(
    sample: Sample, outlines: dict[tuple[str, int], str], *, decode: bool
) -> Iterator[str]:
    """Take the outlines of a sample's sources out, and yield what is wrong with them."""
    for source in sample.sources:
        counts = outlines.pop((sample.sample_id, source.ann_id), None)
        where = f"annotation {source.ann_id} of sample {sample.sample_id}"
        if counts is None:
            yield f"no outline of {where}"
        elif decode and (reason := _fault(sample, source, counts)):
            yield f"the outline of {where} {reason}"


def _faults_of_twins(sample: Sample, twins: Iterable[Instance], *, decode: bool) -> Iterator[str]:
    for twin in twins:
        if reason := _fault_of_twin(sample, twin, decode=decode):
            yield f"annotation {twin.ann_id} of sample {sample.sample_id}, silent, {reason}"


def _fault_of_twin(sample: Sample, twin: Instance, *, decode: bool) -> str:
    """Return what is wrong with the outline of a silent object, "" for nothing."""
    if twin.silent not in sample.silent:
        return f"is of class {str(twin.silent)[:80]!r}, which its manifest does not name as silent"
    try:
        if decode:
            _drawn(sample, twin.counts)
    except BrokenMaskError as error:
        return f"has an outline that cannot be drawn: {error}"
    return ""


def _drawn(sample: Sample, counts: str) -> dict[str, Any]:
    told = msgspec.json.encode({"size": [sample.height, sample.width], "counts": counts})
    return encode_segmentation(told, sample.height, sample.width)


def _fault(sample: Sample, source: Source, counts: str) -> str:
    """Return what is wrong with an outline, "" for nothing."""
    try:
        code = _drawn(sample, counts)
    except BrokenMaskError as error:
        return f"cannot be drawn: {error}"
    centre = horizontal_centre(code, sample.width)
    return "" if centre == source.pan else f"has its centre at {centre}, its pan is {source.pan}"
