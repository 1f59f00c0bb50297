"""Photographs and masks of one's own: what is read, and what is left out and why."""

import io
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from tests.builder.building import run_build
from tests.builder.own_corpora import (
    LEFT,
    RIGHT,
    WIDTH,
    photograph,
    pixels,
    save,
    write_clips,
    write_own_folder,
)
from vpo_builder.build import own_masks
from vpo_builder.dataset.manifest import Manifest, read_manifest
from vpo_builder.verify.verify import verify

SUBSETS = ("subsets.val_fraction=0.3", "subsets.test_fraction=0.3")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder of 24 pictures, and clips beside it."""
    write_clips(tmp_path)
    return write_own_folder(tmp_path / "mine")


def build(own: Path, *settings: str, split: str = "ss", images: Path | None = None) -> Manifest:
    result = run_build(*asked(own, *settings, split=split, images=images))
    assert result.exit_code == 0, result.output
    return read_manifest(own.parent / "out" / "VPO" / f"VPO-{split.upper()}")


def asked(
    own: Path, *settings: str, split: str = "ss", images: Path | None = None
) -> tuple[object, ...]:
    chosen = [word for value in (*SUBSETS, *settings) for word in ("--set", value)]
    out = ("--split", split, "--out", own.parent / "out", "--workers", 1)
    return (*out, "--images", images or own, "--vggsound", own.parent / "vggsound", *chosen)


def listed(own: Path, more: str) -> Path:
    """Return a toml that lists the folder, with another line."""
    path = own.parent / "sources.toml"
    path.write_text(f'[[images]]\nmasks = "mine/masks"\npictures = "mine/pictures"\n{more}')
    return path


def refusal(own: Path, *settings: str, images: Path | None = None) -> str:
    result = run_build(*asked(own, *settings, images=images))
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return result.stderr.splitlines()[-1]


def test_index_masks_and_a_png_for_each_object_become_samples(own: Path) -> None:
    manifest = build(own)
    assert manifest.meta.funnel["images"]["kept"] == 24
    assert {s.subset for s in manifest.samples} == {"train", "val", "test"}
    for sample in manifest.samples:
        (source,) = sample.sources
        box, value = (LEFT, 18) if source.category == "dog" else (RIGHT, 17)
        mask = np.asarray(Image.open(manifest.folder / sample.mask))
        assert np.array_equal(mask, pixels((value, box)))
        assert source.pan == round((box[0] + box[2] / 2) / WIDTH, 6)
        assert sample.silent == ("cat" if source.category == "dog" else "dog",)
    card = (manifest.folder / "README.md").read_text()
    assert "Photographs of the list mine in which one object sounds" in card
    assert "a pixel's value is the class's `mask_value`" in card


def test_a_picture_more_changes_no_other(own: Path) -> None:
    before = build(own).samples
    save(own / "pictures" / "A.png", photograph(99))
    save(own / "masks" / "A.png", pixels((18, LEFT)))
    own.parent.joinpath("out").rename(own.parent / "before")
    after = build(own).samples
    assert len(after) == len(before) + 1
    assert set(before) < set(after)


def test_names_of_one_hash_get_ids_of_their_own(own: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(own_masks, "IDS", own_masks.FIRST_ID + 50)  # for 24 pictures, 48 objects
    samples = build(own).samples
    assert len({s.image_id for s in samples}) == 24
    assert len({s.sources[0].ann_id for s in samples}) == len(samples)


def test_two_objects_of_a_class_repeat_only_where_each_has_a_png(own: Path) -> None:
    save(own / "masks" / "Bild 2 (ä)" / "cat_2.png", pixels((1, (24, 4, 12, 30))))
    manifest = build(own)
    assert manifest.meta.funnel["images"]["repeated_instances"] == 1
    assert len({s.image_id for s in build(own, split="msmi").samples}) == 24


def test_names_may_be_spelt_otherwise(own: Path) -> None:
    for path in (own / "masks").glob("*/cat_1.png"):
        path.rename(path.with_name(" Cat_1.png"))
    samples = build(own).samples
    assert len({s.image_id for s in samples}) == 24
    assert all({s.sources[0].category, *s.silent} == {"cat", "dog"} for s in samples)


def test_values_of_ones_own_name_categories(own: Path) -> None:
    for path in (own / "masks").glob("*.png"):
        save(path, pixels((1, LEFT), (300 % 256, RIGHT), (7, (24, 4, 12, 30))))
    toml = own.parent / "sources.toml"
    values = "values = {dog = 1, cat = 44, chair = 7}"
    toml.write_text(
        f'[[images]]\nname = "a"\nmasks = "mine/masks"\npictures = "mine/pictures"\n{values}'
    )
    assert build(own, images=toml).meta.funnel["images"]["kept"] == 24


def test_values_of_16_bits_are_values(own: Path) -> None:
    for path in (own / "masks").glob("*.png"):
        save(path, np.where(pixels((1, LEFT)), np.uint16(3001), np.uint16(0)))
    toml = own.parent / "sources.toml"
    toml.write_text(
        '[[images]]\nmasks = "mine/masks"\npictures = "mine/pictures"\nvalues = {cat = 3001}'
    )
    counts = [s.sources[0].category for s in build(own, images=toml).samples]
    assert counts.count("cat") > counts.count("dog")


def test_persons_may_be_told_apart_by_name(own: Path) -> None:
    (own / "masks" / "Bild 0 (ä)" / "dog.png").rename(own / "masks" / "Bild 0 (ä)" / "female.png")
    manifest = build(own)
    assert manifest.meta.funnel["images"]["kept"] == 24
    assert "person_ambiguous" not in manifest.meta.funnel["images"]


def turned(own: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photograph(1).save(own / "pictures" / "Bild 1 (ä).jpg", exif=exif)


def broken(path: str, content: bytes) -> Callable[[Path], None]:
    return lambda own: (own / path).write_bytes(content) and None


def other_mask(image: np.ndarray | Image.Image, suffix: str = "PNG") -> Callable[[Path], None]:
    def write(own: Path) -> None:
        buffer = io.BytesIO()
        (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, suffix)
        (own / "masks" / "Bild 1 (ä).png").write_bytes(buffer.getvalue())

    return write


def both_kinds(own: Path) -> None:
    save(own / "masks" / "Bild 1 (ä)" / "dog.png", pixels((1, LEFT)))


@pytest.mark.parametrize(
    ("spoil", "reason", "detail"),
    [
        (turned, "image_turned_by_exif", "orientation 6: turn the pixels"),
        (broken("pictures/Bild 1 (ä).jpg", b"\xff\xd8nothing"), "image_corrupt", ""),
        (lambda own: (own / "pictures" / "a.heic").write_bytes(b""), "image_corrupt", "convert it"),
        (
            lambda own: (own / "masks" / "Bild 1 (ä).png").unlink(),
            "mask_missing",
            "no Bild 1 (ä).png",
        ),
        (broken("masks/Bild 1 (ä).png", b"\x89PNG\r\n\x1a\nnothing"), "mask_corrupt", "Bild 1"),
        (other_mask(pixels((18, LEFT)), "JPEG"), "mask_corrupt", "a JPEG, which changes values"),
        (other_mask(pixels((18, LEFT))[:, 1:]), "mask_size_differs", "63x48, its picture 64x48"),
        (other_mask(pixels((18, LEFT)).T), "mask_size_differs", "48x64, its picture 64x48"),
        (other_mask(photograph(1)), "mask_corrupt", "colours (RGB)"),
        (other_mask(pixels()), "mask_empty", "no pixel"),
        (other_mask(pixels((255, LEFT))), "mask_empty", "no pixel"),
        (other_mask(pixels((18, LEFT), (200, RIGHT))), "mask_value_of_no_class", "value 200"),
        (other_mask(pixels((18, LEFT)).astype(np.uint16) * 257), "mask_value_of_no_class", "4626"),
        (both_kinds, "mask_corrupt", "keep one of them"),
    ],
)
def test_what_cannot_be_used_is_counted_by_reason(
    own: Path, spoil: Callable[[Path], None], reason: str, detail: str
) -> None:
    spoil(own)
    manifest = build(own)
    images = manifest.meta.funnel["images"]
    assert images[reason] == 1
    assert images["kept"] == images["entered"] - 1
    lines = (manifest.folder / "rejections.jsonl").read_text().splitlines()
    (row,) = [row for row in map(json.loads, lines) if row["reason"] == reason]
    assert verify(manifest.folder, 1).faults == ()
    assert detail in row["detail"]
    assert row["record"] in ("Bild 1 (ä).jpg", "a.heic")


def test_an_object_without_a_pixel_leaves_its_picture_out(own: Path) -> None:
    save(own / "masks" / "Bild 2 (ä)" / "dog.png", pixels())
    assert build(own).meta.funnel["images"]["mask_empty"] == 1


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_two_pictures_of_one_name_are_refused(own: Path, form: Literal["NFC", "NFD"]) -> None:
    name = unicodedata.normalize(form, "Bild 1 (ä).png")
    save(own / "pictures" / name, photograph(7))
    assert "2 pictures are called 'Bild 1 (ä)', and share its masks: rename them" in refusal(own)


def test_masks_of_another_system_are_found(own: Path) -> None:
    for path in list((own / "masks").iterdir()):
        path.rename(path.with_name(unicodedata.normalize("NFD", path.name).replace("png", "PNG")))
    (own / "pictures" / "desktop.ini").touch()
    funnel = build(own).meta.funnel["images"]
    assert funnel["kept"] == funnel["entered"] == 24


@pytest.mark.parametrize("name", ["cat 2", "cat (2)", "cat2", "cat-2"])
def test_a_number_behind_a_name_is_no_part_of_it(own: Path, name: str) -> None:
    save(own / "masks" / "Bild 2 (ä)" / f"{name}.png", pixels((1, (24, 4, 12, 30))))
    assert build(own).meta.funnel["images"]["repeated_instances"] == 1


def test_what_was_said_of_an_unreadable_mask_is_the_same_each_time(own: Path) -> None:
    (own / "masks" / "Bild 1 (ä).png").write_bytes(b"")
    text = (build(own).folder / "rejections.jsonl").read_text()
    assert "Bild 1 (ä).png: no picture of a known format" in text


def test_pictures_in_folders_are_not_looked_for_and_told_of(own: Path) -> None:
    (own / "pictures").rename(own / "2024")
    (own / "pictures").mkdir()
    (own / "2024").rename(own / "pictures" / "2024")
    assert "none of 0 pictures can be used: it holds 2024: expected pictures in it" in refusal(own)


def test_a_folder_that_is_no_source_is_refused(own: Path) -> None:
    assert "no pictures and no masks in it" in refusal(own, images=own / "pictures")
    assert "gone: cannot be read" in refusal(own, images=own / "gone")


def test_where_no_picture_can_be_used_the_first_is_named(own: Path) -> None:
    (own / "masks").rename(own / "labels")
    (own / "masks").mkdir()
    line = refusal(own)
    assert "none of 24 pictures can be used, the first being Bild 0 (ä).jpg: no Bild 0" in line


def test_captions_cannot_name_pictures_without_ids(own: Path) -> None:
    toml = own.parent / "sources.toml"
    toml.write_text(
        '[[images]]\nmasks = "mine/masks"\npictures = "mine/pictures"\ncaptions = "a.json"'
    )
    assert "captions: pictures of a folder have no ids" in refusal(own, images=toml)
