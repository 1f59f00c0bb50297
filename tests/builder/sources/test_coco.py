"""COCO's two files as others write them: each keeps its own tables, and may leave fields out."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.builder.building import build_from, run_build, source_options
from tests.builder.small_corpus import CATEGORIES, farm
from vpo_builder.dataset.manifest import META, Manifest, read_manifest
from vpo_builder.documents.attribution import ATTRIBUTION
from vpo_builder.runtime.errors import InputError

Rows = dict[str, Any]


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return farm(tmp_path_factory.mktemp("farm")).folder


@pytest.fixture(scope="module")
def whole(farm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return read_manifest(build_from(farm_folder, tmp_path_factory.mktemp("whole")).folder)


@pytest.fixture
def sources(farm_folder: Path, tmp_path: Path) -> Path:
    """A corpus whose json files a test may change."""
    folder = tmp_path / "sources"
    (folder / "coco" / "annotations").mkdir(parents=True)
    (folder / "vggsound").symlink_to(farm_folder / "vggsound")
    for path in (farm_folder / "coco").iterdir():
        if path.name != "annotations":
            (folder / "coco" / path.name).symlink_to(path)
    for path in (farm_folder / "coco" / "annotations").iterdir():
        (folder / "coco" / "annotations" / path.name).write_bytes(path.read_bytes())
    return folder


def rewrite(sources: Path, change: Callable[[str, Rows], None], *parts: str) -> None:
    """Change the instances of the parts, all by default."""
    for part in parts or ("train2017", "val2017"):
        path = sources / "coco" / "annotations" / f"instances_{part}.json"
        tables = json.loads(path.read_text())
        change(part, tables)
        path.write_text(json.dumps(tables))


def built(sources: Path) -> Manifest:
    return read_manifest(build_from(sources, sources / "out").folder)


def refusal(sources: Path) -> str:
    """Return the one line with which a build is refused."""
    result = run_build(
        "--split", "ss", "--out", sources / "out", "--workers", 1, *source_options(sources)
    )
    assert result.exit_code == 2, result.output
    assert not list((sources / "out").rglob("manifest*"))
    return result.stderr.splitlines()[-1]


def without(table: str, field: str) -> Callable[[str, Rows], None]:
    def change(part: str, tables: Rows) -> None:
        for row in tables[table]:
            row.pop(field)

    return change


def setting(table: str, field: str, value: Any) -> Callable[[str, Rows], None]:
    def change(part: str, tables: Rows) -> None:
        for row in tables[table]:
            row[field] = value

    return change


def with_folder(part: str, tables: Rows) -> None:
    for row in tables["images"]:
        row["file_name"] = f"{part}/{row['file_name']}"


def with_folders_of_another_machine(part: str, tables: Rows) -> None:
    for row in tables["images"]:
        row["file_name"] = f"data/pictures/{row['file_name']}"


@pytest.mark.parametrize(
    "change",
    [
        without("annotations", "iscrowd"),
        setting("annotations", "iscrowd", None),
        setting("annotations", "iscrowd", False),
        without("annotations", "area"),
        setting("annotations", "area", None),
        with_folder,
        with_folders_of_another_machine,
    ],
)
def test_what_other_producers_leave_out_changes_no_sample(
    sources: Path, whole: Manifest, change: Callable[[str, Rows], None]
) -> None:
    rewrite(sources, change)
    assert built(sources).samples == whole.samples


def with_names_spelt_otherwise(part: str, tables: Rows) -> None:
    for row in tables["categories"]:
        row["name"] = f"{row['name']} ".replace(" ", "_").title()


def with_points_among_outlines(part: str, tables: Rows) -> None:
    for row in tables["annotations"]:
        row["segmentation"].insert(0, [7, 7, 9, 9])


@pytest.mark.parametrize(
    "change",
    [
        with_names_spelt_otherwise,
        with_points_among_outlines,
        setting("annotations", "area", 0),
        setting("annotations", "area", 0.2),
        setting("annotations", "area", -1),
    ],
)
def test_what_other_producers_write_otherwise_changes_no_sample(
    sources: Path, whole: Manifest, change: Callable[[str, Rows], None]
) -> None:
    rewrite(sources, change, "val2017")
    assert built(sources).samples == whole.samples


def test_a_byte_order_mark_is_no_text(sources: Path, whole: Manifest) -> None:
    for path in (sources / "coco" / "annotations").iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert built(sources).samples == whole.samples


def repeated_picture(part: str, tables: Rows) -> None:
    tables["images"].append({**tables["images"][0], "id": 9999})


def of_no_image(part: str, tables: Rows) -> None:
    for row in tables["annotations"]:
        row["image_id"] += 1000


def of_no_class(part: str, tables: Rows) -> None:
    for row in tables["categories"]:
        row["name"] = f"my {row['name']}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (repeated_picture, "images 1 and 9999 are both 000000000001.jpg: expected each picture"),
        (of_no_image, "no_sounding_object; of their objects "),
        (of_no_class, "no category of the class table is in them: it has 'airplane', "),
    ],
)
def test_lists_that_cannot_be_meant_are_refused_with_the_cause(
    sources: Path, change: Callable[[str, Rows], None], said: str
) -> None:
    rewrite(sources, change)
    assert said in refusal(sources)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ('{"images": [{"id": NaN', "numbers without NaN: correct the file"),
        ('{"images', "cut short: fetch"),
    ],
)
def test_a_list_is_to_be_fetched_again_only_if_it_is_cut_short(
    sources: Path, broken: str, said: str
) -> None:
    path = sources / "coco" / "annotations" / "instances_val2017.json"
    path.write_text(broken)
    assert said in refusal(sources)


def test_a_crowd_is_one_too_where_it_is_a_truth_value(sources: Path) -> None:
    rewrite(sources, setting("annotations", "iscrowd", True), "val2017")
    assert {sample.subset for sample in built(sources).samples} == {"train", "val"}


def test_names_in_capitals_are_found(sources: Path, whole: Manifest) -> None:
    images = sources / "coco" / "val2017"
    originals = images.resolve()
    images.unlink()
    images.mkdir()
    for path in originals.iterdir():
        (images / f"{path.stem}.JPG").symlink_to(path)

    def capitals(part: str, tables: Rows) -> None:
        for row in tables["images"]:
            row["file_name"] = row["file_name"].replace(".jpg", ".JPG")

    rewrite(sources, capitals, "val2017")
    assert built(sources).samples == whole.samples


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/a.jpg", "a/../b.jpg", ".a/b.jpg", "a//b.jpg"])
def test_a_name_that_climbs_is_refused(sources: Path, name: str) -> None:
    rewrite(sources, setting("images", "file_name", name), "train2017")
    assert f"image 1: file_name {name!r} is not a plain file name" in refusal(sources)


def test_an_annotation_with_only_a_box_is_one_without_an_outline(sources: Path) -> None:
    def boxes(part: str, tables: Rows) -> None:
        for row in tables["annotations"][::4]:
            row.pop("segmentation")

    rewrite(sources, boxes)
    assert built(sources).meta.funnel["objects"]["annotation_without_area"] > 0


@pytest.mark.parametrize("segmentation", [None, [], [[]], {}])
def test_a_file_without_any_outline_is_refused(sources: Path, segmentation: Any) -> None:
    rewrite(sources, setting("annotations", "segmentation", segmentation), "val2017")
    assert "instances_val2017.json: none of its" in refusal(sources)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ([1, 2, 3, 4, 5, 6], "has no len"),
        ([["1", "2", "3", "4", "5", "6"]], "not str"),
        ({"size": [3, 4], "counts": "abc"}, "size [3, 4], the image is [48, 64]"),
        ([[0, 0, 1e9, 0, 0, 1e9]], "[1000000000.0, 0.0] lies far outside 64×48 pixels"),
    ],
)
@pytest.mark.parametrize("parts", [("val2017",), ("train2017", "val2017")])
def test_masks_none_of_which_can_be_read_are_refused_with_count_first_and_why(
    sources: Path, broken: Any, said: str, parts: tuple[str, ...]
) -> None:
    rewrite(sources, setting("annotations", "segmentation", broken), *parts)
    line = refusal(sources)
    assert "masks that were looked at cannot be read, the first being annotation" in line
    assert said in line
    assert all(f"instances_{part}.json" in line for part in parts)


def test_categories_follow_the_names_that_each_file_gives_its_ids(
    sources: Path, whole: Manifest
) -> None:
    number_of = {number: place + 1 for place, number in enumerate(CATEGORIES.values())}

    def renumber(part: str, tables: Rows) -> None:
        for row in tables["categories"]:
            row["id"] = number_of[row["id"]]
        for row in tables["annotations"]:
            row["category_id"] = number_of[row["category_id"]]

    rewrite(sources, renumber, "val2017")
    assert built(sources).samples == whole.samples


def test_a_name_under_two_ids_is_one_category(sources: Path, whole: Manifest) -> None:
    def split(part: str, tables: Rows) -> None:
        tables["categories"].append({"id": 99, "name": "dog"})
        for row in tables["annotations"][::3]:
            row["category_id"] = (
                99 if row["category_id"] == CATEGORIES["dog"] else row["category_id"]
            )

    rewrite(sources, split)
    assert built(sources).samples == whole.samples


@pytest.mark.parametrize(
    ("table", "row", "said"),
    [
        ("categories", {"id": 18, "name": "wolf"}, "category id 18 stands there twice"),
        ("licenses", {"id": 1, "name": "Other"}, "licence id 1 stands there twice"),
    ],
)
def test_an_id_with_two_meanings_is_refused(
    sources: Path, table: str, row: Rows, said: str
) -> None:
    rewrite(sources, lambda part, tables: tables[table].append(row), "val2017")
    assert f"instances_val2017.json: {said}" in refusal(sources)


def test_image_ids_that_begin_again_are_refused_by_the_first_one(sources: Path) -> None:
    def restart(part: str, tables: Rows) -> None:
        for row in tables["images"]:
            row["id"] -= 26
        for row in tables["annotations"]:
            row["image_id"] -= 26

    rewrite(sources, restart, "val2017")
    assert "image id 3 stands in both (12 do)" in refusal(sources)


def test_annotation_ids_that_begin_again_are_refused_by_the_first_one(sources: Path) -> None:
    def restart(part: str, tables: Rows) -> None:
        for number, row in enumerate(tables["annotations"]):
            row["id"] = number + 7

    rewrite(sources, restart, "val2017")
    assert "annotation id 7 stands in both" in refusal(sources)


def test_each_file_has_licences_of_its_own_and_none_is_unknown(sources: Path) -> None:
    def other(part: str, tables: Rows) -> None:
        tables["licenses"] = [{"id": 1, "name": "No known copyright", "url": None}]
        tables["images"][0]["license"] = None
        tables["images"][0]["flickr_url"] = None

    rewrite(sources, other, "val2017")
    folder = build_from(sources, sources / "out").folder
    table = (folder / ATTRIBUTION).read_text()
    rows = {int(row.split(",")[1]): row for row in table.splitlines() if row.startswith("image,")}
    assert "Attribution License" in rows[min(rows)]
    assert "No known copyright" in rows[max(rows)]
    assert 29 not in rows or "copyright" not in rows[29]


def test_a_file_without_licences_is_read(sources: Path, whole: Manifest) -> None:
    rewrite(sources, lambda part, tables: tables.update(licenses=None))
    assert built(sources).samples == whole.samples


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (setting("annotations", "area", "12"), "annotations[0] (id 1): Expected `float | null`"),
        (without("images", "width"), "images[0] (id 1): Object missing required field `width`"),
    ],
)
def test_a_field_of_another_kind_is_named_with_its_record(
    sources: Path, change: Callable[[str, Rows], None], said: str
) -> None:
    rewrite(sources, change, "train2017")
    line = refusal(sources)
    assert said in line
    assert "fetch it again" not in line


def test_the_whole_corpus_has_samples_of_both_files(whole: Manifest) -> None:
    assert (whole.folder / META).is_file()
    assert {sample.image_id > 28 for sample in whole.samples} == {True, False}


@pytest.mark.parametrize("name", ["coco/annotations/instances_val2017.json", "vggsounder.csv"])
def test_a_pipe_in_the_place_of_a_table_is_refused_and_not_waited_for(
    sources: Path, name: str
) -> None:
    path = sources / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    table = ("--vggsounder", path) if name == "vggsounder.csv" else ()
    options = ("--split", "ss", "--out", sources / "out", *source_options(sources), *table)
    result = run_build(*options)
    assert result.exit_code == 2
    assert f"{path}: cannot be read: is no regular file" in result.stderr


def test_a_wrong_field_before_a_byte_that_is_no_text_is_one_line(sources: Path) -> None:
    path = sources / "coco" / "annotations" / "captions_train2017.json"
    path.write_bytes(b'{"annotations": 3, "\xff": 1}')
    with pytest.raises(InputError, match="not as COCO 2017 writes it: Expected `array"):
        build_from(sources, sources.parent / "out")
