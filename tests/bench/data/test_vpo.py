from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner

from avs_bench.data.datasets import read_dataset
from avs_bench.data.example import UNKNOWN
from avs_bench.data.vpo import mask_lookup, read_vpo
from avs_bench.report.published_rows import published_rows
from tests.avsbench_trees import write_s4
from tests.builder.building_single_plus import FOLDER, build_from
from tests.builder.dataset_by_hand import (
    CLASSES,
    DUETS,
    PICTURES,
    Picture,
    counterfactual,
    finish,
    write_dataset,
)
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.dataset.schema import SPLITS
from vpo_builder.runtime.errors import InputError


def test_every_sample_becomes_an_example_of_its_subset(dataset, folder):
    assert {name: len(examples) for name, examples in dataset.subsets.items()} == {
        "train": 4,
        "val": 1,
        "test": 3,
    }
    assert dataset.name == "VPO-SS"
    assert dataset.classes[:3] == ("background", "bus", "cat")
    assert dataset.sha256 == read_manifest(folder).meta.manifest_sha256
    first = dataset.subsets["train"][0]
    assert first.image.is_file()
    assert first.mask.is_file()
    assert first.sources[0].clip.is_file()
    assert dataset.classes[first.sources[0].class_index] == "cat"


def test_mask_values_map_through_a_table_and_never_twice():
    car_and_airplane = (
        replace(CLASSES[1], index=1, name="airplane", mask_value=5),
        replace(CLASSES[2], index=5, name="car", mask_value=3),
    )
    lookup = mask_lookup((CLASSES[0], *car_and_airplane))
    assert lookup[np.array([3, 5, 0, 255, 77])].tolist() == [5, 1, 0, 255, UNKNOWN]


def test_samples_of_one_picture_are_counterfactual(tmp_path):
    pictures = (
        Picture(1, "test", (("cat", "aaaaaaaaaaa_000001"),), ("dog",)),
        Picture(2, "test", (("dog", "bbbbbbbbbbb_000002"),)),
    )
    folder = write_dataset(tmp_path, pictures)
    manifest = read_manifest(folder)
    twin = counterfactual(folder, manifest.samples[0], "dog", "bbbbbbbbbbb_000002")
    finish(folder, "ss", [*manifest.samples, replace(twin, silent=("cat",))])

    groups = {e.example_id: e.groups for e in read_vpo(folder).subsets["test"]}
    assert groups[twin.sample_id] == groups[manifest.samples[0].sample_id]
    assert groups[twin.sample_id] == {
        "listening": "some-silent",
        "picture": "counterfactual",
        "sources": "1",
    }
    assert groups[manifest.samples[1].sample_id] == {
        "listening": "all-sound",
        "picture": "single",
        "sources": "1",
    }


def test_a_part_of_a_subset_has_all_samples_of_its_pictures(dataset):
    test = dataset.subsets["test"]
    twice = (*test, *(replace(one, example_id=f"{one.example_id}-again") for one in test))
    twice = tuple(replace(one, picture_id=one.example_id.removesuffix("-again")) for one in twice)
    whole = replace(dataset, subsets={**dataset.subsets, "test": twice})
    parts = [whole.with_pictures("test", count).subsets["test"] for count in range(5)]
    ids = [[example.example_id for example in part] for part in parts]
    assert list(map(len, ids)) == [0, 2, 4, 6, 6]
    for small, large in pairwise(ids):
        assert set(small) <= set(large)
        assert small == [one.example_id for one in twice if one.example_id in small]
    assert parts[1][0].unit == parts[1][1].unit
    assert not whole.with_pictures("test", 2).subsets["train"]


def test_several_sources_keep_their_order_and_pan(tmp_path):
    dataset = read_vpo(write_dataset(tmp_path, DUETS, "ms"))
    example = dataset.subsets["test"][0]
    assert [dataset.classes[s.class_index] for s in example.sources] == ["cat", "dog"]
    assert [s.pan for s in example.sources] == [0.25, 0.666667]
    assert example.groups["sources"] == "2"


@pytest.mark.parametrize("split", SPLITS)
def test_every_split_has_the_name_that_its_published_rows_have(tmp_path, split):
    if split == "avsbench-single-plus":
        build_from(write_s4(tmp_path / "avsbench"), tmp_path / "data")
        dataset = read_vpo(tmp_path / "data" / FOLDER)
    else:
        dataset = read_vpo(write_dataset(tmp_path, [PICTURES[6]], split))
    assert published_rows(dataset.name, "test", dataset.family)


@pytest.mark.parametrize("path", ["../../secret.jpg", "data/../../../secret.jpg", "/etc/passwd"])
def test_a_manifest_that_points_elsewhere_is_refused(folder, path):
    stray = replace(read_manifest(folder).samples[0], image=path)
    finish(folder, "ss", [stray])
    with pytest.raises(InputError, match="lies outside"):
        read_vpo(folder)


def test_pictures_may_lie_in_the_dataset_beside(folder):
    duets = write_dataset(folder.parents[1], DUETS, "ms")
    shared = [
        replace(sample, image=f"../VPO-MS/{sample.image}", mask=f"../VPO-MS/{sample.mask}")
        for sample in read_manifest(duets).samples
    ]
    finish(folder, "msmi", shared)
    assert read_vpo(folder).subsets["train"][0].image.is_file()


def test_a_category_outside_of_the_class_table_is_refused(folder):
    sample = read_manifest(folder).samples[0]
    strange = replace(sample.sources[0], category="unicorn")
    finish(folder, "ss", [replace(sample, sources=(strange,))])
    with pytest.raises(InputError, match=r"sounds 'unicorn', which its class table lacks"):
        read_vpo(folder)


def test_no_folder_and_an_unfinished_build_are_each_one_line(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: is a file: expected a dataset"):
        read_dataset(tmp_path / "file")
    with pytest.raises(InputError, match="no such folder"):
        read_vpo(tmp_path / "nowhere")
    (folder / META).unlink()
    with pytest.raises(InputError, match="its build was not finished"):
        read_vpo(folder)


def test_a_published_copy_is_imported_first_and_then_read(tmp_path):
    folder = write_dataset(tmp_path / "archive")
    for path in [*folder.glob("manifest.*"), folder / "SHA256SUMS"]:
        path.unlink()
    for place in (folder, tmp_path / "archive"):
        with pytest.raises(InputError, match="vpo-data import"):
            read_dataset(place)
    out = tmp_path / "out"
    result = CliRunner().invoke(
        data_command, ["import", str(tmp_path / "archive"), "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    dataset = read_dataset(out / "VPO" / "VPO-SS")
    assert [e.example_id for e in dataset.subsets["test"]]
    # What else could have sounded is not published, so that no score is told of it.
    assert all("listening" not in e.groups for e in dataset.subsets["test"])
