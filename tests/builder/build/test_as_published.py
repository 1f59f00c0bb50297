"""The preset `as-published`: the authors' rules, as far as their test lists show them."""

from collections import Counter
from pathlib import Path

import pytest
from pycocotools.coco import COCO

from tests.builder.building import build_from
from tests.builder.small_corpus import LEFT, MIDDLE, RIGHT, TINY, SmallCorpus
from tests.shared_material import CORPUS, needs_corpus
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.documents.documents import CARD
from vpo_builder.runtime.errors import InputError
from vpo_builder.verify.verify import verify

CAT_OVER_DESK, PLAYERS, GIRL = 417802, 352257, 562150
"""Images of the authors' test lists, with what COCO has in them."""
LABELS = {
    "dog": "dog barking",
    "cat": "cat meowing",
    "mouse": "mouse clicking",
    "keyboard": "typing on computer keyboard",
    "racket": "playing tennis",
    "ball": "basketball bounce",
    "female": "female speech, woman speaking",
    "male": "male speech, man speaking",
}


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a corpus with the pictures that tell the rules apart."""
    corpus = SmallCorpus(tmp_path_factory.mktemp("desks"))
    corners = [(x, y, 10, 10) for x in (2, 50) for y in (2, 35)]
    mice = [("mouse", box) for box in corners[:2]]
    keyboards = [("keyboard", box) for box in corners[2:]]
    corpus.image(CAT_OVER_DESK, ("cat", (20, 15, 20, 20)), *mice, *keyboards)
    persons = [("person", LEFT), ("person", RIGHT)]
    corpus.image(
        PLAYERS, ("sports ball", TINY), ("tennis racket", MIDDLE), *persons, captions=("Players.",)
    )
    corpus.image(GIRL, ("person", LEFT), captions=("A little girl.", "A young girl."))
    corpus.image(1, ("person", LEFT), ("dog", RIGHT), captions=("A kid and a dog.",))
    corpus.image(2, ("cat", LEFT), ("dog", RIGHT))
    corpus.image(3, ("cat", LEFT), ("cat", RIGHT))
    corpus.image(4, ("cat", LEFT), ("dog", RIGHT), part="val2017")
    for name, label in LABELS.items():
        for number in range(12):
            corpus.clip(f"{name:-<8}{number:03d}", label, "test" if number < 4 else "train")
    corpus.write()
    return corpus.folder


def built(
    sources: Path, out: Path, split: str = "ss", *overrides: str, preset: str = "as-published"
) -> Manifest:
    return read_manifest(build_from(sources, out, split, overrides, preset).folder)


def heard(manifest: Manifest) -> dict[int, list[str]]:
    """Return the classes that sound in each image."""
    return {s.image_id: [source.category for source in s.sources] for s in manifest.samples}


@pytest.mark.parametrize("share", ["0", "0.9"])
def test_ss_keeps_what_the_authors_lists_have(desks: Path, tmp_path: Path, share: str) -> None:
    manifest = built(desks, tmp_path, "ss", f"subsets.test_fraction={share}")
    found = heard(manifest)
    assert len(manifest.samples) == len(found)  # one object a picture, in test too
    assert found.keys() == {CAT_OVER_DESK, PLAYERS, GIRL, 1, 2}
    assert found[CAT_OVER_DESK] == ["cat"]
    assert found[PLAYERS][0] in ("sports ball", "tennis racket")
    assert found[GIRL] == ["female"]
    assert found[1] == ["dog"]
    assert ("test" in {sample.subset for sample in manifest.samples}) == (share != "0")
    assert not verify(manifest.folder).faults
    card = (manifest.folder / CARD).read_text()
    assert '`filters.repeats` is "sounding", not "any"' in card
    assert "each object that could sound has its own sample" not in card


def test_the_default_rules_leave_those_out(desks: Path, tmp_path: Path) -> None:
    manifest = built(desks, tmp_path, preset="default")
    assert heard(manifest).keys() == {2, 4}
    assert [sample.subset for sample in manifest.samples if sample.image_id == 4] == ["test"] * 2
    assert "Built by other rules" not in (manifest.folder / CARD).read_text()


def test_each_setting_gives_back_its_own_picture(desks: Path, tmp_path: Path) -> None:
    for number, (setting, more) in enumerate(
        [
            ("filters.repeats=sounding", {CAT_OVER_DESK, PLAYERS}),
            ("person.child=adult", {GIRL}),
            ("person.ambiguous=silent", {1}),
        ]
    ):
        manifest = built(desks, tmp_path / str(number), "ss", setting, preset="default")
        assert heard(manifest).keys() - {2, 4} == more, setting


def test_without_a_limit_an_object_of_four_pixels_sounds(desks: Path, tmp_path: Path) -> None:
    both = built(desks, tmp_path / "0", "ms", "selection.min_sources=2")
    assert heard(both)[PLAYERS] == ["sports ball", "tennis racket"]
    limit = "filters.min_area_fraction=0.0014"  # of 64 x 48 pixels, 4.3
    assert heard(built(desks, tmp_path / "1", "ms", limit))[PLAYERS] == ["tennis racket"]


def test_ms_has_pictures_with_one_sound_and_msmi_has_its_files(desks: Path, tmp_path: Path) -> None:
    msmi = built(desks, tmp_path, "msmi")
    ms = read_manifest(msmi.folder.parent / "VPO-MS")
    assert heard(ms).keys() == {CAT_OVER_DESK, PLAYERS, GIRL, 1, 2}
    assert heard(ms)[CAT_OVER_DESK] == ["cat"]
    assert "one or more objects of different classes sound" in (ms.folder / CARD).read_text()
    shared = [sample for sample in msmi.samples if sample.image.startswith("../VPO-MS/")]
    assert {sample.image_id for sample in shared} == {GIRL, 1, 2}
    of_ms = {sample.image_id: sample.sources for sample in ms.samples}
    assert all(sample.sources == of_ms[sample.image_id] for sample in shared)
    assert set(heard(msmi)[CAT_OVER_DESK]) in ({"mouse"}, {"keyboard"})
    assert heard(msmi)[3] in (["cat"], ["cat", "cat"])
    assert not verify(msmi.folder).faults


def test_val2017_is_not_needed_where_test_is_a_share(desks: Path, tmp_path: Path) -> None:
    manifest = built(desks, tmp_path)
    assert not [name for name in manifest.meta.inputs if "val2017" in name]
    assert manifest.meta.funnel["images"]["entered"] == 6


def test_other_rules_are_refused_in_a_finished_folder(desks: Path, tmp_path: Path) -> None:
    built(desks, tmp_path, preset="default")
    with pytest.raises(
        InputError, match=r"config.filters.repeats is not set, now 'sounding'; give"
    ):
        built(desks, tmp_path, "ss", "filters.repeats=sounding", preset="default")


@needs_corpus
@pytest.mark.parametrize("split", ["ss", "ms"])
def test_of_the_real_corpus_it_keeps_what_the_default_does_and_more(
    tmp_path: Path, split: str
) -> None:
    manifest = built(CORPUS, tmp_path / "published", split, "subsets.test_fraction=0.3")
    assert not verify(manifest.folder).faults
    coco = COCO(str(CORPUS / "coco" / "annotations" / "instances_train2017.json"))
    twins = 0
    for image, sounding in heard(manifest).items():
        rows = [coco.anns[i] for i in coco.getAnnIds([image], iscrowd=None)]
        counts = Counter(row["category_id"] for row in rows for _ in range(1 + row["iscrowd"]))
        chosen = {s.ann_id for t in manifest.samples if t.image_id == image for s in t.sources}
        assert {counts[coco.anns[ann]["category_id"]] for ann in chosen} == {1}
        assert len(chosen) == len(sounding)
        twins += max(counts.values()) > 1
    assert twins > 0
    default = built(CORPUS, tmp_path / "default", "ss", preset="default")
    train = {s.image_id for s in default.samples if s.subset != "test"}
    assert train < heard(manifest).keys()
    assert {CAT_OVER_DESK, PLAYERS} & coco.imgs.keys() <= heard(manifest).keys()
