"""`diff`: every kind of change is named, alone, and nothing else is."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builder.dataset_by_hand import (
    AUDIO,
    DUETS,
    finish,
    mask_png,
    photograph,
    write_dataset,
)
from vpo_builder.dataset.manifest import CHECKSUMS, META, read_manifest
from vpo_builder.dataset.schema import Sample
from vpo_builder.runtime.errors import InputError
from vpo_builder.verify.diff import Change, ChangeKind, Comparison, compare, format_comparison


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal builds of VPO-MS in different places."""
    return write_dataset(tmp_path / "a", DUETS, "ms"), write_dataset(tmp_path / "b", DUETS, "ms")


def rewrite(folder: Path, change: Callable[[Sample], Sample]) -> None:
    """Change the first sample of a dataset."""
    first, *others = read_manifest(folder).samples
    finish(folder, "ms", [change(first), *others])


def changes_of(comparison: Comparison) -> list[tuple[str, ChangeKind]]:
    return [(change.sample_id, change.kind) for change in comparison.changes]


def test_equal_builds_in_other_places_do_not_differ(two: tuple[Path, Path]) -> None:
    comparison = compare(*two)
    assert comparison.changes == ()
    assert comparison.unchanged == 3
    assert list(format_comparison(comparison)) == ["no difference; 3 samples are the same"]


def test_added_and_removed_samples(two: tuple[Path, Path]) -> None:
    first, second = two
    finish(second, "ms", read_manifest(second).samples[1:])
    assert changes_of(compare(first, second)) == [("000000000011", ChangeKind.REMOVED)]
    assert changes_of(compare(second, first)) == [("000000000011", ChangeKind.ADDED)]


def test_another_clip_is_re_paired_and_its_share_is_given(two: tuple[Path, Path]) -> None:
    first, second = two
    other = "ddddddddddd_000000"

    def re_pair(sample: Sample) -> Sample:
        source = replace(sample.sources[0], clip_id=other)
        return replace(sample, sources=(source, *sample.sources[1:]))

    rewrite(second, re_pair)
    comparison = compare(first, second)
    detail = f"cat 1100: -aaaaaaaaaa_000010 → {other}"
    assert comparison.changes == (Change("000000000011", ChangeKind.REPAIRED, detail),)
    assert (comparison.repaired_sources, comparison.shared_sources) == (1, 6)
    assert list(format_comparison(comparison))[-1].endswith("(16.7 %)")


def test_other_subset_objects_and_pan(two: tuple[Path, Path]) -> None:
    first, second = two
    rewrite(second, lambda sample: replace(sample, subset="val"))
    assert changes_of(compare(first, second)) == [("000000000011", ChangeKind.MOVED)]
    rewrite(second, lambda sample: replace(sample, subset="train", sources=sample.sources[:1]))
    assert compare(first, second).changes[0].detail == "1100, 1101 → 1100"
    rewrite(first, lambda sample: replace(sample, sources=(replace(sample.sources[0], pan=0.75),)))
    assert changes_of(compare(first, second)) == [("000000000011", ChangeKind.PAN)]


def test_changed_media_under_the_same_names(two: tuple[Path, Path]) -> None:
    first, second = two
    samples = read_manifest(second).samples
    (second / samples[0].image).write_bytes(photograph(99))
    (second / samples[1].mask).write_bytes(mask_png([(18, (0, 0, 5, 5))], (96, 64)))
    clip = second / AUDIO / f"{samples[2].sources[1].clip_id}.wav"
    clip.write_bytes(clip.read_bytes()[:-2] + b"\x01\x02")
    finish(second, "ms", samples)
    assert changes_of(compare(first, second)) == [
        ("000000000011", ChangeKind.IMAGE),
        ("000000000012", ChangeKind.MASK),
        ("000000000013", ChangeKind.AUDIO),
    ]


def test_bad_input_is_one_line(two: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = two
    with pytest.raises(InputError, match="two of a split"):
        compare(first, write_dataset(tmp_path / "c"))
    (second / CHECKSUMS).write_bytes((second / CHECKSUMS).read_bytes()[64:])
    with pytest.raises(InputError, match="vpo-data verify"):
        compare(first, second)
    (second / META).unlink()
    with pytest.raises(InputError, match="not finished"):
        compare(first, second)
