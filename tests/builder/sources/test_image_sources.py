"""Lists of masks beside COCO 2017's: LVIS's, COCO-ReM's and anybody's, as a sources.toml names."""

import csv
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.builder.building import build_from, run_build
from tests.builder.small_corpus import farm
from vpo_builder.classes import CLASS_TABLE
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.documents.attribution import ATTRIBUTION
from vpo_builder.sources.image_sources import ImageSource, read_image_sources

ROOT = Path(__file__).resolve().parents[3]
Rows = dict[str, Any]
LVIS_NAMES = {"car": "car_(automobile)", "bus": "bus_(vehicle)", "keyboard": "computer_keyboard"}
LVIS_TOML = """
[[images]]
masks = "lvis_v1_train.json"
pictures = "coco"
subset = "train"
captions = "coco/annotations/captions_train2017.json"

[[images]]
masks = "lvis_v1_val.json"
pictures = "coco"
subset = "test"
captions = ["coco/annotations/captions_train2017.json", "coco/annotations/captions_val2017.json"]
"""


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return farm(tmp_path_factory.mktemp("farm")).folder


@pytest.fixture(scope="module")
def whole(farm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """The farm, built as COCO 2017."""
    return read_manifest(build_from(farm_folder, tmp_path_factory.mktemp("whole")).folder)


@pytest.fixture
def sources(farm_folder: Path, tmp_path: Path) -> Path:
    """A folder beside whose links a test may write lists."""
    for name in ("coco", "vggsound"):
        (tmp_path / name).symlink_to(farm_folder / name)
    return tmp_path


def tables_of(sources: Path, part: str) -> Rows:
    tables: Rows = json.loads(
        (sources / "coco" / "annotations" / f"instances_{part}.json").read_text()
    )
    return tables


def write_lvis(sources: Path, change: Callable[[Rows], None] = lambda tables: None) -> Path:
    """Write the farm as LVIS v1 would: other names and ids, no file names, what was looked for."""
    for part, name in (("train2017", "lvis_v1_train.json"), ("val2017", "lvis_v1_val.json")):
        tables = tables_of(sources, part)
        for row in tables["categories"]:
            row["id"] += 200
            row["name"] = LVIS_NAMES.get(row["name"], row["name"])
        for row in tables["annotations"]:
            row["category_id"] += 200
            row.pop("iscrowd")
        for row in tables["images"]:
            row["coco_url"] = f"http://images.example.org/{part}/{row.pop('file_name')}"
            row |= {"not_exhaustive_category_ids": [], "neg_category_ids": [262]}
        change(tables)
        (sources / name).write_text(json.dumps(tables))
    (sources / "sources.toml").write_text(LVIS_TOML)
    return sources / "sources.toml"


def built(sources: Path, images: Path, *options: object, split: str = "ss") -> Manifest:
    table = sources / "classes.toml"
    result = run_build(
        *("--split", split, "--out", sources / "out", "--workers", 1, "--images", images),
        *("--vggsound", sources / "vggsound", *options),
        *(("--classes", table) if table.exists() else ()),
    )
    assert result.exit_code == 0, result.output
    return read_manifest(sources / "out" / "VPO" / {"ss": "VPO-SS", "ms": "VPO-MS"}[split])


def refusal(sources: Path, images: Path, *options: object) -> str:
    result = run_build(
        *("--split", "ss", "--out", sources / "out", "--workers", 1, "--images", images),
        *("--vggsound", sources / "vggsound", *options),
    )
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.stderr.splitlines()[-1]


def test_lvis_over_cocos_pictures_gives_the_samples_that_coco_gives(
    sources: Path, whole: Manifest
) -> None:
    manifest = built(sources, write_lvis(sources))
    assert manifest.samples == whole.samples
    card = (manifest.folder / "README.md").read_text()
    assert "Photographs of LVIS v1 in which one object sounds" in card
    assert "gupta2019lvis" in card
    assert "lin2014microsoft" in card
    assert {name for name in manifest.meta.inputs if name.startswith("images/")} == {
        "images/lvis_v1_train",
        "images/lvis_v1_train/lvis_v1_train.json",
        "images/lvis_v1_train/captions_train2017.json",
        "images/lvis_v1_val",
        "images/lvis_v1_val/lvis_v1_val.json",
        "images/lvis_v1_val/captions_train2017.json",
        "images/lvis_v1_val/captions_val2017.json",
    }


def test_names_of_2014_are_found_by_the_addresses_of_2017(sources: Path, whole: Manifest) -> None:
    def as_of_2014(tables: Rows) -> None:
        for row in tables["images"]:
            row["file_name"] = f"COCO_train2014_{row['id']:012d}.jpg"

    assert built(sources, write_lvis(sources, as_of_2014)).samples == whole.samples


def marked(image: int, **fields: Any) -> Callable[[Rows], None]:
    def change(tables: Rows) -> None:
        for row in tables["images"]:
            if row["id"] == image:
                row.update(fields)

    return change


def sounding(manifest: Manifest, image: int) -> set[str]:
    rows = [sample for sample in manifest.samples if sample.image_id == image]
    return {source.category for sample in rows for source in sample.sources}


# Image 29 is of val2017: a cat and a cow.
def test_a_class_annotated_in_part_cannot_prove_that_it_is_alone(
    sources: Path, whole: Manifest
) -> None:
    assert sounding(whole, 29) == {"cat", "cow"}
    images = write_lvis(sources, marked(29, not_exhaustive_category_ids=[217]))
    manifest = built(sources, images)
    assert [s for s in whole.samples if s.image_id != 29] == list(manifest.samples)
    assert manifest.meta.funnel["images"]["annotated_in_part"] == 1
    assert (
        "may show more of a class than is annotated" in (manifest.folder / "README.md").read_text()
    )


def test_where_only_what_sounds_must_be_alone_it_stays_silent(sources: Path) -> None:
    images = write_lvis(sources, marked(29, not_exhaustive_category_ids=[217]))
    manifest = built(sources, images, "--set", "filters.repeats=sounding")
    assert sounding(manifest, 29) == {"cow"}
    assert manifest.meta.funnel["objects"]["annotated_in_part"] == 1


def test_not_exhaustive_of_another_class_changes_nothing(sources: Path, whole: Manifest) -> None:
    images = write_lvis(sources, marked(29, not_exhaustive_category_ids=[262]))
    assert built(sources, images).samples == whole.samples


@pytest.mark.parametrize(("looked_for", "kept"), [([262], False), ([262, 301], True)])
def test_of_a_class_of_two_categories_both_must_have_been_looked_for(
    sources: Path, whole: Manifest, looked_for: list[int], kept: bool
) -> None:
    def with_kittens(tables: Rows) -> None:
        tables["categories"].append({"id": 301, "name": "kitten"})
        for row in tables["images"]:
            row["neg_category_ids"] = [262, 301]
        marked(29, neg_category_ids=looked_for)(tables)

    images = write_lvis(sources, with_kittens)
    table = CLASS_TABLE.read_text()
    (sources / "classes.toml").write_text(
        table.replace('category = "cat"', 'category = ["cat", "kitten"]')
    )
    manifest = built(sources, images)
    assert (manifest.samples == whole.samples) == kept
    assert manifest.meta.funnel["images"].get("annotated_in_part", 0) == (0 if kept else 1)


def test_coco_rem_is_read_over_cocos_pictures(sources: Path, whole: Manifest) -> None:
    text = ""
    for part, home in (("train", "train"), ("val", "test")):
        (sources / f"instances_{part}rem.json").write_text(
            json.dumps(tables_of(sources, f"{part}2017"))
        )
        text += (
            f'[[images]]\nmasks = "instances_{part}rem.json"\npictures = "coco/{part}2017"\n'
            f'subset = "{home}"\n'
        )
    (sources / "sources.toml").write_text(text)
    manifest = built(sources, sources)
    assert manifest.samples == whole.samples
    assert "Photographs of COCO-ReM" in (manifest.folder / "README.md").read_text()


def write_own(sources: Path, *tables: str, change: Callable[[Rows], None] | None = None) -> Path:
    """Write the farm's two parts as lists of one's own that both number from 1."""
    for part in ("train2017", "val2017"):
        rows = tables_of(sources, part)
        first = min(row["id"] for row in rows["images"]) - 1
        for row in rows["images"]:
            row["id"] -= first
            row["license"] = None
        for number, row in enumerate(rows["annotations"], start=1):
            row |= {"id": number, "image_id": row["image_id"] - first}
        if change is not None:
            change(rows)
        (sources / f"{part}.json").write_text(json.dumps(rows))
    (sources / "sources.toml").write_text("\n".join(tables))
    return sources / "sources.toml"


FIRST = '[[images]]\nmasks = "train2017.json"\npictures = "coco/train2017"\n'
ADDED = "add_to_image_ids = 5000\nadd_to_annotation_ids = 5000"
SECOND = '[[images]]\nmasks = "val2017.json"\npictures = "coco/val2017"\n'


def test_lists_that_both_number_from_one_are_told_how_to_differ(sources: Path) -> None:
    images = write_own(sources, FIRST, SECOND)
    assert "image id 1 stands in both (12 do)" in refusal(sources, images)
    assert "list it by --images with add_to_image_ids = 29" in refusal(sources, images)
    images = write_own(sources, FIRST, SECOND, "add_to_image_ids = 29")
    assert "annotation id 1 stands in both" in refusal(sources, images)
    assert "add_to_annotation_ids = 70" in refusal(sources, images)
    images = write_own(sources, FIRST, 'subset = "train"', SECOND, 'subset = "test"', ADDED)
    samples = built(sources, images).samples
    assert {s.subset for s in samples if s.image_id <= 28} == {"train", "val"}
    tested = [s for s in samples if s.subset == "test"]
    assert tested
    assert all(5000 < s.image_id <= 5012 and s.sources[0].ann_id > 5000 for s in tested)


def test_a_list_for_val_leaves_the_others_whole(sources: Path) -> None:
    images = write_own(sources, FIRST, 'subset = "train"', SECOND, 'subset = "val"', ADDED)
    samples = built(sources, images, "--set", "subsets.val_fraction=0.5").samples
    assert {s.subset for s in samples if s.image_id <= 28} == {"train"}
    assert {s.subset for s in samples if s.image_id > 5000} == {"val"}


def test_a_list_is_divided_where_nothing_is_said(sources: Path) -> None:
    images = write_own(sources, FIRST)
    shares = ("--set", "subsets.val_fraction=0.3", "--set", "subsets.test_fraction=0.3")
    assert {s.subset for s in built(sources, images, *shares).samples} == {"train", "val", "test"}


def test_own_pictures_carry_the_licence_that_their_owner_gives(sources: Path) -> None:
    said = 'licence = "CC BY 4.0"\nlicence_url = "https://creativecommons.org/licenses/by/4.0/"\n'
    page = f'page = "https://example.org/me"\n{ADDED}'
    images = write_own(sources, FIRST, 'subset = "train"', SECOND, 'subset = "test"', said, page)
    manifest = built(sources, images)
    with (manifest.folder / ATTRIBUTION).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["kind"] == "image"]
    own = [row for row in rows if int(row["id"]) > 5000]
    assert {(row["license"], row["author_page"]) for row in own} == {
        ("CC BY 4.0", "https://example.org/me")
    }
    assert own[0]["original_url"].endswith(".jpg")
    assert {row["license"] for row in rows if int(row["id"]) <= 5000} == {""}
    card = (manifest.folder / "README.md").read_text()
    assert "The strictest in force is **unknown**" in card
    assert "| CC BY 4.0 | https://creativecommons.org/licenses/by/4.0/ |" in card
    assert "COCO" not in card.partition("## Files")[0]


def test_names_with_spaces_and_letters_of_any_kind_are_found(sources: Path) -> None:
    (sources / "mine").mkdir()

    def rename(tables: Rows) -> None:
        for row in tables["images"]:
            name = f"Über uns ({row['id']}).jpg"
            part = "train2017" if len(tables["images"]) == 28 else "val2017"
            place = sources / "mine" / part / name
            place.parent.mkdir(exist_ok=True)
            place.symlink_to(sources / "coco" / part / row["file_name"])
            row["file_name"] = unicodedata.normalize("NFD", f"{part}/{name}")

    toml = '[[images]]\nmasks = "train2017.json"\npictures = "mine"\n'
    assert built(sources, write_own(sources, toml, change=rename)).samples


@pytest.mark.parametrize(("turned", "reason"), [(6, "turned_by_exif"), (1, "size_differs")])
def test_a_picture_that_is_turned_only_by_exif_is_told_from_one_of_another_size(
    sources: Path, turned: int, reason: str
) -> None:
    def drawn_as_seen(tables: Rows) -> None:
        part = sources / "coco" / ("train2017" if len(tables["images"]) == 28 else "val2017")
        exif = Image.Exif()
        exif[0x0112] = turned
        for row in tables["images"]:
            name, size = row["file_name"], (row["width"], row["height"])
            picture = Image.open(part / name)
            if row["id"] == 3:  # stored lying, and seen upright
                picture = picture.transpose(Image.Transpose.ROTATE_90)
            (sources / "seen").mkdir(exist_ok=True)
            picture.save(sources / "seen" / name, exif=exif if row["id"] == 3 else b"")
            assert size == (64, 48)

    images = write_own(sources, FIRST.replace("coco/train2017", "seen"), change=drawn_as_seen)
    manifest = built(sources, images, "--set", "limits.max_missing_fraction=0.5")
    assert manifest.meta.funnel["images"][f"image_{reason}"] == 1


@pytest.mark.parametrize(
    "name", ["../a.jpg", "/etc/a.jpg", "a/../../b.jpg", "a\\b.jpg", "a\x00.jpg", "a.gif", "./a.jpg"]
)
def test_a_name_that_climbs_is_refused(sources: Path, name: str) -> None:
    def climb(tables: Rows) -> None:
        tables["images"][0]["file_name"] = name

    line = refusal(sources, write_own(sources, FIRST, change=climb))
    assert f"train2017.json: image 1: file_name {name!r} is not a plain file name" in line


@pytest.mark.parametrize("url", ["http://x/../passwd.jpg", "http://x/train2017/..", "a"])
def test_an_address_that_climbs_is_refused(sources: Path, url: str) -> None:
    def climb(tables: Rows) -> None:
        tables["images"][0]["coco_url"] = url

    assert "is not a plain file name" in refusal(sources, write_lvis(sources, climb))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no table [[images]]"),
        ("images = 3", "not a list of sources: Expected `array`"),
        ("[[image]]", "unknown key 'image': expected tables [[images]]"),
        ("[[images]]", "missing required field `masks`"),
        (FIRST + "where = 1", "unknown field `where`"),
        (
            FIRST + 'subset = "dev"',
            "Invalid enum value 'dev' - at `$[0].subset` (train, val, test, divided); expected a",
        ),
        (FIRST + "add_to_image_ids = -1", "add_to_image_ids"),
        (FIRST + "add_to_image_ids = 999999999999", "image id 1000000000027 is above"),
        (FIRST + "add_to_annotation_ids = 999999999999", "annotation id 1000000000068 is above"),
        (FIRST + 'name = "../x"', "a name stands in the manifest"),
        (FIRST + FIRST, "2 tables are called 'train2017'"),
        (FIRST + "values = {dog = 1}", "a json names its categories"),
        ("[[images]]\nmasks = 'gone.json'\npictures = '.'", "gone.json: cannot be read"),
        (
            "[[images]",
            "expected a toml of tables [[images]], or a folder with the folders pictures",
        ),
    ],
)
def test_what_cannot_be_a_source_is_one_line(sources: Path, text: str, said: str) -> None:
    line = refusal(sources, write_own(sources, text))
    assert said in line


def test_a_class_of_which_no_list_has_a_category_is_named(sources: Path, whole: Manifest) -> None:
    def few(tables: Rows) -> None:
        tables["categories"] = [r for r in tables["categories"] if r["name"] in ("dog", "cat")]
        kept = {row["id"] for row in tables["categories"]}
        tables["annotations"] = [r for r in tables["annotations"] if r["category_id"] in kept]

    images = write_own(sources, FIRST, change=few)
    out = ("--split", "ss", "--out", sources / "out", "--workers", 1)
    result = run_build(*out, "--images", images, "--vggsound", sources / "vggsound")
    assert result.exit_code == 0, result.output
    assert (
        "in no list of masks, so never seen: airplane, baby, bird, bus, car, cell" in result.output
    )


def test_half_of_the_sources_is_refused(sources: Path) -> None:
    result = run_build("--split", "ss", "--out", sources / "out", "--images", sources)
    assert result.exit_code == 2
    assert "--images without --vggsound" in result.stderr


def test_nothing_of_other_lists_is_fetched(sources: Path) -> None:
    assert "--images: what is fetched is COCO's" in refusal(sources, sources, "--download")


def test_coco_may_lie_beside_ones_own(sources: Path) -> None:
    coco = ("--coco", sources / "coco")
    images = write_own(sources, FIRST, 'subset = "train"')
    assert "both list 000000000001.jpg: leave one" in refusal(sources, images, *coco)
    images = write_own(sources, FIRST, 'subset = "train"', ADDED)
    samples = built(sources, images, *coco).samples
    assert [s for s in samples if s.image_id < 5000]
    assert [s for s in samples if s.image_id > 5000]


def test_a_dataset_of_other_lists_is_built_again_from_its_manifest(sources: Path) -> None:
    manifest = built(sources, write_lvis(sources))
    result = run_build(
        *("--from-manifest", manifest.folder / "manifest.jsonl", "--out", sources / "again"),
        *("--images", sources, "--vggsound", sources / "vggsound", "--workers", 1),
    )
    assert result.exit_code == 0, result.output
    again = read_manifest(sources / "again" / "VPO" / "VPO-SS")
    assert again.samples == manifest.samples


def example_of(guide: str, folder: Path) -> list[ImageSource]:
    """Return the sources that the toml of a guide lists."""
    text = (ROOT / "docs" / guide).read_text()
    (folder / "sources.toml").write_text(text.partition("```toml\n")[2].partition("```")[0])
    return read_image_sources(folder)


def test_the_examples_of_the_guides_are_lists_of_sources(tmp_path: Path) -> None:
    lvis, mine = example_of("own-pictures.md", tmp_path)
    assert (lvis.home, lvis.inputs) == ("train", "images/lvis_v1_train")
    assert (mine.home, mine.values, mine.add_to_image_ids) == (
        "divided",
        {"dog": 1, "cat": 2},
        5_000_000_000,
    )
    train, test = example_of("vpo-v2.md", tmp_path)
    assert (train.home, test.home, test.add_to_annotation_ids) == ("train", "test", 10_000_000)
    assert len(test.captions) == 2
