"""`verify` holds the outlines of MSMI's sources against its manifest."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from tests.builder.dataset_by_hand import DUETS, finish, write_dataset
from vpo_builder.dataset.instances import INSTANCES, Instance
from vpo_builder.dataset.manifest import encode_lines, read_manifest
from vpo_builder.verify.verify import verify


def outline(left: int) -> str:
    pixels = np.zeros((64, 96), np.uint8, order="F")
    pixels[16:48, left : left + 32] = 1
    return str(coco_mask.encode(pixels)["counts"].decode())


@pytest.fixture
def msmi(tmp_path: Path) -> Path:
    """A VPO-MSMI of three samples with the outlines of their sources."""
    folder = write_dataset(tmp_path / "data", DUETS, "msmi")
    write(folder, right(folder))
    return folder


def right(folder: Path) -> list[Instance]:
    return [
        Instance(sample.sample_id, source.ann_id, outline(8 + 40 * place))
        for sample in read_manifest(folder).samples
        for place, source in enumerate(sample.sources)
    ]


def write(folder: Path, instances: Iterable[Instance]) -> None:
    (folder / INSTANCES).write_bytes(encode_lines(instances))
    finish(folder, "msmi", read_manifest(folder).samples)


def reasons(folder: Path, *, decode: bool) -> list[str]:
    return [fault.reason for fault in verify(folder, 1, decode=decode).faults]


@pytest.mark.parametrize("decode", [False, True])
def test_the_outlines_of_the_sources_have_no_fault(msmi: Path, decode: bool) -> None:
    assert reasons(msmi, decode=decode) == []
    (msmi / INSTANCES).unlink()
    finish(msmi, "msmi", read_manifest(msmi).samples)
    assert reasons(msmi, decode=decode) == []  # an import has none


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows[1:], "no outline of annotation 1100 of sample 000000000011"),
        (lambda rows: [*rows, replace(rows[0], ann_id=7)], "1 outlines of what does not sound"),
    ],
)
def test_outlines_are_those_of_the_sources(
    msmi: Path, change: Callable[[list[Instance]], list[Instance]], reason: str
) -> None:
    write(msmi, change(right(msmi)))
    assert reasons(msmi, decode=False) == [reason]


@pytest.mark.parametrize(
    ("twin", "reason"),
    [
        ({}, ""),
        ({"silent": "cat"}, "is of class 'cat', which its manifest does not name as silent"),
        ({"counts": outline(8)[:-1]}, "has an outline that cannot be drawn"),
        ({"ann_id": 1201}, "annotation 1201 of sample '000000000012': 2 outlines"),
        ({"sample_id": "12"}, "1 outlines of what does not sound"),
    ],
)
def test_twins_are_silent_in_the_manifest_too(
    msmi: Path, twin: dict[str, str | int], reason: str
) -> None:
    first = Instance("000000000012", 1250, outline(48), "bus")
    write(msmi, [*right(msmi), replace(first, **twin)])
    found = reasons(msmi, decode=True)
    assert (reason in found[0]) if reason else not found


@pytest.mark.parametrize(
    ("counts", "reason"),
    [("é", "cannot be drawn"), (outline(12), "has its centre at 0.291667, its pan is 0.25")],
)
def test_an_outline_that_is_not_its_source_s_is_found_by_decoding(
    msmi: Path, counts: str, reason: str
) -> None:
    first, *others = right(msmi)
    write(msmi, [replace(first, counts=counts), *others])
    assert reasons(msmi, decode=False) == []
    (found,) = reasons(msmi, decode=True)
    assert reason in found


def test_a_line_that_is_no_outline_is_one_fault(msmi: Path) -> None:
    (msmi / INSTANCES).write_bytes(b'{"sample_id": 3}\n')
    finish(msmi, "msmi", read_manifest(msmi).samples)
    (found,) = reasons(msmi, decode=False)
    assert found.startswith("line 1: no instance")
