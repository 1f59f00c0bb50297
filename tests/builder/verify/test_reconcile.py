"""A list of published samples, made of a build with planted differences, is told apart by rule."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.builder.build.published_copies import run_data
from tests.builder.building import run_build, source_options
from tests.builder.small_corpus import LEFT, MIDDLE, RIGHT, TINY, SmallCorpus
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.published_ids import read_published_ids

NO_CLIP, REPEATED, SMALL, SECOND = 101, 102, 103, 104


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dogs and cats of which every one can sound, and a picture against each of four rules."""
    corpus = SmallCorpus(tmp_path_factory.mktemp("corpus"))
    for number in range(1, 31):
        part = "train2017" if number <= 24 else "val2017"
        corpus.image(number, (("dog", "cat")[number % 2], LEFT), part=part)
    corpus.image(NO_CLIP, ("zebra", LEFT))
    corpus.image(REPEATED, ("dog", LEFT), ("dog", RIGHT))
    corpus.image(SMALL, ("dog", TINY))
    corpus.image(SECOND, ("dog", LEFT), ("cat", MIDDLE))
    for number in range(20):
        split = "test" if number % 4 == 0 else "train"
        corpus.clip(f"dogsdogs-{number:02d}", "dog barking", split)
        corpus.clip(f"catscats-{number:02d}", "cat meowing", split)
    corpus.write()
    return corpus.folder


@pytest.fixture(scope="module")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return build(sources, tmp_path_factory.mktemp("out"))


def build(sources: Path, out: Path, *options: object) -> Manifest:
    settings = ("--set", "filters.min_area_fraction=0.005", "--workers", 1)
    result = run_build("--split", "ss", "--out", out, *source_options(sources), *settings, *options)
    assert result.exit_code == 0, result.output
    return read_manifest(out / "VPO" / "VPO-SS")


def objects_of(sources: Path) -> dict[int, list[int]]:
    """Return the annotations of each picture of train2017."""
    tables = json.loads((sources / "coco/annotations/instances_train2017.json").read_text())
    found: dict[int, list[int]] = {}
    for row in tables["annotations"]:
        found.setdefault(row["image_id"], []).append(row["id"])
    return found


def write_names(path: Path, pairs: list[tuple[int, int]]) -> Path:
    """Write a json like SSLalignment's: names, each with a box on 224×224 pixels."""
    rows = [{"file": f"{image:012d}_{ann}", "bbox": [[0, 0, 100, 120]]} for image, ann in pairs]
    path.write_text(json.dumps(rows))
    return path


@pytest.fixture
def names(sources: Path, built: Manifest, tmp_path: Path) -> Path:
    """Five samples of the build, the object beside another, and one against each rule."""
    objects = objects_of(sources)
    pairs = [(s.image_id, s.sources[0].ann_id) for s in built.samples if s.subset == "train"][:5]
    silent = next(s for s in built.samples if s.image_id == SECOND).sources[0].ann_id
    pairs = [pair for pair in pairs if pair[0] != SECOND]
    pairs.append((SECOND, next(ann for ann in objects[SECOND] if ann != silent)))
    pairs += [(image, objects[image][0]) for image in (NO_CLIP, REPEATED, SMALL)]
    return write_names(tmp_path / "vpo_ss_bbox.json", [*pairs, (999, 12345)])


def test_each_planted_difference_is_found_by_its_rule(
    built: Manifest, names: Path, tmp_path: Path
) -> None:
    table = tmp_path / "out.csv"
    result = run_data("reconcile", built.folder, names, "--csv", table)
    assert result.exit_code == 0, result.output
    rows = {int(row["image_id"]): row for row in csv.DictReader(table.open())}
    assert rows[SECOND]["outcome"] == "same picture, another object sounds"
    assert rows[SECOND]["reason"] == "another_object_sounds"
    reasons = {number: rows[number]["reason"] for number in (NO_CLIP, REPEATED, SMALL, 999)}
    assert reasons == {
        NO_CLIP: "class_without_clips",
        REPEATED: "repeated_instances",
        SMALL: "no_eligible_object",
        999: "no_rule_tells",
    }
    same = [row for row in rows.values() if row["outcome"] == "same object sounds"]
    assert len(same) == len(rows) - 5
    assert {row["subset"] for row in same} == {"train"}
    assert "training sees pictures" in result.output


def test_a_csv_and_a_manifest_name_the_same_samples(built: Manifest) -> None:
    wanted = {(s.image_id, source.ann_id) for s in built.samples for source in s.sources}
    for path in (built.folder / "vpo_ss_data_stereo.csv", built.folder / "manifest.jsonl"):
        found = read_published_ids(path)
        assert {(o.image_id, o.ann_id) for o in found.objects} == wanted
    result = run_data("reconcile", built.folder, built.folder, "--csv", built.folder / "../x.csv")
    assert "100.0 %" in result.output


def test_excluded_pictures_are_in_neither_train_nor_val(
    sources: Path, built: Manifest, tmp_path: Path
) -> None:
    """Every other picture is excluded, of test too, which keeps its own."""
    chosen = [s for s in built.samples if s.image_id % 2]
    assert {s.subset for s in chosen} >= {"train", "test"}
    ids = write_names(tmp_path / "names.json", [(s.image_id, s.sources[0].ann_id) for s in chosen])
    assert run_data("audit", built.folder, "--against", ids).exit_code == 1
    without = build(sources, tmp_path / "out", "--exclude", ids)
    left = {s.image_id: s.subset for s in without.samples}
    before = {s.image_id: s.subset for s in built.samples}
    assert not [n for n, subset in left.items() if n % 2 and subset != "test"]
    # Nothing else moves: subsets are a function of ids.
    assert left == {n: sub for n, sub in before.items() if sub == "test" or not n % 2}
    lost = sum(n % 2 and subset != "test" for n, subset in before.items())
    assert without.meta.funnel["images"]["excluded_by_list"] == lost
    result = run_data("audit", without.folder, "--against", ids)
    assert result.exit_code == 0, result.output
    assert "none of the" in result.output
    assert "kept out of train and val" in (without.folder / "README.md").read_text()
    again = run_build(
        "--split", "ss", "--out", tmp_path / "out", *source_options(sources), "--workers", 1
    )
    assert again.exit_code == 2
    assert "exclude" in again.output


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", "[1, 2"),
        ("a.json", '["a picture"]'),
        ("a.csv", "name,box\nx,y\n"),
        ("a.csv", "img_Id,ann_Ids\nx,1\n"),
        ("a.csv", "img_Id,ann_Ids\n"),
    ],
)
def test_a_list_of_another_form_is_one_line(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match="annotation id"):
        read_published_ids(tmp_path / name)
    result = CliRunner().invoke(data_command, ["reconcile", str(tmp_path), str(tmp_path / name)])
    assert result.exit_code == 2
