"""What is exported as VPO is published is imported to the same samples, and exported again."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.builder.build.published_copies import run_data
from tests.builder.dataset_by_hand import DUETS, PICTURES, VALUES, finish, mask_png, write_dataset
from tests.builder.export.test_export import digests
from vpo_builder.dataset.manifest import read_manifest
from vpo_builder.dataset.schema import Split
from vpo_builder.export.export import export_dataset


@pytest.mark.parametrize("split", ["ss", "ms", "msmi"])
def test_an_export_as_published_is_imported_and_exported_to_the_same_bytes(
    split: Split, tmp_path: Path
) -> None:
    folder = write_dataset(tmp_path / "data", PICTURES if split == "ss" else DUETS, split)
    samples = read_manifest(folder).samples
    if split == "msmi":  # two objects of a class, each with its own sound and place
        first, *others = samples
        cat, dog = first.sources
        samples = (replace(first, sources=(cat, replace(dog, category="cat"))), *others)
        boxes = [(VALUES["cat"], (8, 16, 40, 48)), (VALUES["cat"], (48, 16, 80, 48))]
        (folder / first.mask).write_bytes(mask_png(boxes, (96, 64)))
        finish(folder, split, samples)
    export_dataset(folder, tmp_path / "published", "published")
    out = tmp_path / "imported"
    result = run_data("import", tmp_path / "published", "--out", out, "--workers", 1)
    assert result.exit_code == 0, result.output
    again = out / "VPO" / folder.name
    found = read_manifest(again)
    for sample, ours in zip(found.samples, samples, strict=True):
        # A published list has no val, and names nothing that stays silent.
        subset = "test" if ours.subset == "test" else "train"
        assert sample == replace(ours, subset=subset, silent=())
        assert (again / sample.image).read_bytes() == (folder / ours.image).read_bytes()
    export_dataset(again, tmp_path / "twice", "published")
    assert digests(tmp_path / "twice") == digests(tmp_path / "published")
