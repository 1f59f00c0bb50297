import io
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.builder.building import build_from
from tests.builder.small_corpus import HEIGHT, WIDTH, farm
from vpo_builder.dataset.manifest import read_manifest
from vpo_builder.dataset.picture_hash import picture_hash
from vpo_builder.records import Photo, Reason
from vpo_builder.rendering.images import ImageTask, render_image
from vpo_builder.rendering.published_picture import Change, published_picture

ORIENTATION = 274
NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syn'
    b'tax-ns#"><rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def encoded(form: str, orientation: int | None = None, **options: object) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(NOISE)
    exif = Image.Exif()
    exif[271] = "a camera"
    if orientation is not None:
        exif[ORIENTATION] = orientation
    image.save(buffer, form, exif=exif, **options)
    return buffer.getvalue()


def published(data: bytes) -> tuple[bytes, Change | None]:
    with Image.open(io.BytesIO(data)) as image:
        made, change, found = published_picture(data, image)
    assert found.tolist() == picture_hash(made).tolist()  # what an audit finds in the file
    return made, change


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", [None, 1])
def test_a_picture_that_nobody_turns_keeps_its_bytes(form: str, orientation: int | None) -> None:
    data = encoded(form, orientation)
    assert published(data) == (data, None)


@pytest.mark.parametrize(
    ("form", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"progressive": True, "comment": b"kept", "dpi": (300, 300)}),
        ("PNG", {}),
    ],
)
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_that_asks_to_be_turned_is_the_same_to_every_reader(
    form: str, options: dict[str, object], orientation: int
) -> None:
    data = encoded(form, orientation, **options)
    clean, change = published(data)
    assert change == Change.UNTURNED
    stored = Image.open(io.BytesIO(data))
    assert ImageOps.exif_transpose(stored) is not None
    found = Image.open(io.BytesIO(clean))
    assert np.array_equal(np.asarray(found), np.asarray(stored))
    assert np.array_equal(np.asarray(ImageOps.exif_transpose(found)), np.asarray(stored))
    assert found.info.get("comment") == stored.info.get("comment")


def test_xmp_turns_nothing_either() -> None:
    data = encoded("JPEG", xmp=XMP)
    assert Image.open(io.BytesIO(data)).getexif()[ORIENTATION] == 6
    clean, change = published(data)
    assert change == Change.UNTURNED
    assert Image.open(io.BytesIO(clean)).getexif().get(ORIENTATION) is None


def test_16_bits_are_scaled_and_not_cut_to_white() -> None:
    grey = (np.arange(HEIGHT * WIDTH, dtype=np.uint32) * 21).astype(np.uint16)
    buffer = io.BytesIO()
    Image.fromarray(grey.reshape(HEIGHT, WIDTH)).save(buffer, "PNG")
    clean, change = published(buffer.getvalue())
    assert change == Change.EIGHT_BITS
    rgb = np.asarray(Image.open(io.BytesIO(clean)).convert("RGB"))
    assert np.array_equal(rgb[..., 1], grey.reshape(HEIGHT, WIDTH) >> 8)


def render(source: Path, target: Path) -> Reason | None:
    photo = Photo(1, WIDTH, HEIGHT, source.name)
    return render_image(ImageTask(photo, source, (target,), ())).reason


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_regular_file_is_no_image_and_is_left_at_once(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "a.jpg"
    if kind == "pipe":
        os.mkfifo(source)
    elif kind == "device":
        source.symlink_to("/dev/zero")
    else:
        source.mkdir()
    began = time.monotonic()
    assert render(source, tmp_path / "out.jpg") == Reason.IMAGE_CORRUPT
    assert time.monotonic() - began < 5
    assert not (tmp_path / "out.jpg").exists()


def test_floats_are_no_photograph(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((HEIGHT, WIDTH), np.float32)).save(tmp_path / "a.tif")
    assert render(tmp_path / "a.tif", tmp_path / "out.jpg") == Reason.IMAGE_CORRUPT


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 3
    Image.open(path).save(path, exif=exif)


def deep(path: Path) -> None:
    grey = np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(path, "PNG")


@pytest.mark.parametrize(("change", "said"), [(turned, Change.UNTURNED), (deep, Change.EIGHT_BITS)])
def test_a_build_says_how_many_pictures_it_changed_and_keeps_their_samples(
    tmp_path: Path, change: Callable[[Path], None], said: str
) -> None:
    farm(tmp_path)
    for path in (tmp_path / "coco" / "train2017").iterdir():
        change(path)
    report = build_from(tmp_path, tmp_path / "out")
    samples = read_manifest(report.folder).samples
    images = {sample.image for sample in samples if sample.subset != "test"}
    assert f"{len(images)} pictures {said}" in report.notes
    for name in images:
        with Image.open(report.folder / name) as image:
            assert image.getexif().get(ORIENTATION, 1) == 1
            assert np.asarray(image.convert("L")).std() > 20
