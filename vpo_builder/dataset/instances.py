"""`instances.jsonl`: the outline of every sounding object of MSMI, each on its own.

A mask file merges the objects of a class, and of two that overlap it shows the smaller. Here each
keeps all of its pixels, as COCO's annotation draws them.
"""

from dataclasses import dataclass

from vpo_builder.dataset.manifest import decode_lines

INSTANCES = "instances.jsonl"


@dataclass(frozen=True, slots=True)
class Instance:
    """The outline of one source of a sample.

    `counts` is COCO's compressed run-length code, of the sample's height and width.
    """

    sample_id: str
    ann_id: int
    counts: str


def decode_instances(data: bytes) -> dict[tuple[str, int], str]:
    """Return (sample id, annotation id) -> run-length code from the bytes of `instances.jsonl`.

    Raises InputError for a line that is none; whether a code fits its picture is not checked.
    """
    records = decode_lines(data, Instance, INSTANCES)
    return {(record.sample_id, record.ann_id): record.counts for record in records}
