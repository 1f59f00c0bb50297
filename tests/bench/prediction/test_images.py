import io
import json
import os
from fractions import Fraction

import numpy as np
import pytest
import soundfile
from PIL import Image

from avs_bench.painting import heat_tint, mask_tint, overlay_png
from avs_bench.prediction.images import read_picture
from avs_bench.prediction.inputs import tasks_of
from avs_bench.prediction.predict import predict_all
from avs_bench.prediction.segmenter import Segmenter
from tests.bench.prediction.conftest import Broken, Deaf, Hears, opened
from vpo_builder.dataset.class_colours import class_colours
from vpo_builder.runtime.errors import InputError

RATE = 16_000
PAGES = ["index.html", "predictions.json"]


def write_pair(folder, name="a", ringing=True, size=(60, 40)):
    folder.mkdir(exist_ok=True)
    pixels = np.full((size[1], size[0], 3), 200, np.uint8)
    Image.fromarray(pixels).save(folder / f"{name}.jpg", quality=95)
    tone = 0.5 * np.sin(np.arange(RATE) * 0.4) * ringing
    soundfile.write(folder / f"{name}.wav", tone, RATE)
    return folder / f"{name}.jpg"


def predicted(given, out, segmenter):
    tasks = tasks_of([given], None, out, None)
    return predict_all(tasks, segmenter, out, note=lambda line: None)


def test_a_picture_gives_its_mask_overlay_attention_and_what_is_heard(tmp_path, hears):
    out = tmp_path / "out"
    made = predicted(write_pair(tmp_path / "in"), out, hears)
    files = {path.name for path in (out / "a").iterdir()}
    assert files == {"mask.png", "overlay.png", "picture.jpg", "heard.mp3", "attention.png"}
    mask = np.asarray(Image.open(out / "a" / "mask.png"))
    assert mask.shape == (40, 60)
    assert (mask[:, :28] == 1).all()
    assert (mask[:, 32:] == 0).all()
    overlay = np.asarray(Image.open(out / "a" / "overlay.png")).astype(int)
    assert np.abs(overlay[:, 40:] - 200).max() <= 4
    assert np.abs(overlay[:, :25] - 200).min(axis=(0, 1)).max() > 20
    assert made.items[0].classes == ["bell"]
    written = json.loads((out / "predictions.json").read_text())
    assert written["items"][0]["moments"][0]["attention"] == [0.0, 0.25]
    assert written["classes"] == ["background", "bell", "dog"]


def test_of_a_folder_what_cannot_be_done_is_named_and_the_rest_is_done(tmp_path, hears):
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("a", "b", "c"):
        write_pair(folder, name, ringing=name == "a")
    (folder / "b.jpg").write_text("no picture")
    with pytest.raises(InputError, match=r"1 of 3 inputs.*b\.jpg: no picture that can be read"):
        predicted(folder, out, hears)
    assert sorted(path.name for path in out.iterdir()) == ["a", "c", *PAGES]
    written = json.loads((out / "predictions.json").read_text())
    assert [list(item["moments"][0]["areas"]) for item in written["items"]] == [["bell"], []]


def test_an_earlier_prediction_is_replaced_and_nothing_else_is(tmp_path, hears):
    out, picture = tmp_path / "out", write_pair(tmp_path / "in")
    predicted(picture, out, hears)
    assert (out / "a" / "attention.png").exists()
    predicted(picture, out, Segmenter(hears.opened))
    assert not (out / "a" / "attention.png").exists()
    (out / "a" / "overlay.png").unlink()
    (out / "a" / "thesis.tex").touch()
    with pytest.raises(InputError, match="holds something that is no prediction"):
        predicted(picture, out, hears)
    assert (out / "a" / "thesis.tex").exists()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "no picture that can be read: no picture of a known format"),
        (b"\x89PNG\r\n\x1a\n broken", "no picture that can be read"),
    ],
)
def test_what_is_no_picture_is_one_line_and_leaves_nothing(tmp_path, hears, content, match):
    picture = write_pair(tmp_path / "in")
    picture.write_bytes(content)
    with pytest.raises(InputError, match=match) as error:
        predicted(picture, tmp_path / "out", hears)
    assert "\n" not in str(error.value)
    assert not list((tmp_path / "out").iterdir())


def test_a_picture_too_small_to_see_is_one_line(tmp_path, hears):
    picture = write_pair(tmp_path / "in", size=(1, 1))
    with pytest.raises(InputError, match="1×1 pixels, expected at least 16"):
        predicted(picture, tmp_path / "out", hears)


def test_a_picture_lies_as_its_camera_meant_it(tmp_path, hears):
    picture = write_pair(tmp_path / "in")
    image = Image.open(picture)
    exif = image.getexif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(picture, exif=exif)
    item = predicted(picture, tmp_path / "out", hears).items[0]
    assert (item.width, item.height) == (40, 60)


def test_a_model_without_attention_says_so(tmp_path):
    picture = write_pair(tmp_path / "in")
    with pytest.raises(InputError, match="planted as it was trained has no attention map"):
        predicted(picture, tmp_path / "out", Segmenter(opened(Deaf()), True))


def test_logits_that_are_no_numbers_are_one_line(tmp_path):
    picture = write_pair(tmp_path / "in")
    with pytest.raises(InputError, match="logits are not numbers"):
        predicted(picture, tmp_path / "out", Segmenter(opened(Broken())))


def test_a_stereo_model_hears_two_channels(tmp_path):
    heard = []

    class Ears(Hears):
        def forward(self, images, spectrograms):
            heard.append(spectrograms.shape)
            return super().forward(images, spectrograms)

    segmenter = Segmenter(opened(Ears(), seconds=3, channels=2))
    predicted(write_pair(tmp_path / "in"), tmp_path / "out", segmenter)
    assert heard == [(1, 2, 300, 64)]


class TestPainting:
    def test_a_tint_mixes_by_its_share_and_leaves_the_rest(self):
        picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        mask = np.zeros((64, 64), np.uint8)
        mask[16:48, 16:48] = 2
        mask[0] = 255
        colours = class_colours(3)
        tinted = mask_tint(mask, colours).over(picture)
        assert (tinted[1:14] == picture[1:14]).all()
        inside = np.s_[20:44, 20:44]
        expected = (picture[inside].astype(float) + colours[2]) / 2
        assert np.abs(tinted[inside] - expected).max() <= 1
        assert (tinted[16, 16:48] == colours[2]).all()

    def test_heat_covers_what_is_hot(self):
        picture = np.full((4, 4, 3), 100, np.uint8)
        heat = np.zeros((4, 4))
        heat[0] = 1
        warm = heat_tint(heat).over(picture)
        assert (warm[1:] == 100).all()
        assert np.abs(warm[0].astype(int) - 100).max() > 40

    def test_an_overlay_is_clear_but_for_objects(self):
        mask = np.zeros((40, 40), np.uint8)
        mask[10:30, 10:30] = 1
        mask[0] = 255
        image = Image.open(io.BytesIO(overlay_png(mask, class_colours(3))))
        layers = np.asarray(image.convert("RGBA"))
        assert (layers[mask != 1][:, 3] == 0).all()
        assert (layers[15:25, 15:25, 3] > 100).all()


def test_a_picture_of_16_bits_is_scaled_and_one_of_floats_refused(tmp_path):
    grey = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    Image.fromarray(grey).save(tmp_path / "deep.png")
    assert (read_picture(tmp_path / "deep.png") == (grey >> 8)[..., None]).all()
    Image.fromarray(grey.astype(np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(InputError, match=r"float\.tif: no picture that can be read: 32 bits a pix"):
        read_picture(tmp_path / "float.tif")


@pytest.mark.parametrize("name", ["a.png", "a.mp4"])
def test_a_pipe_or_a_device_is_neither_picture_nor_video_nor_waited_for(tmp_path, hears, name):
    soundfile.write(tmp_path / "sound.wav", np.zeros(RATE), RATE)
    os.mkfifo(tmp_path / name)
    (tmp_path / f"device{name}").symlink_to("/dev/zero")
    for given in (tmp_path / name, tmp_path / f"device{name}"):
        (task,) = tasks_of([given], tmp_path / "sound.wav", tmp_path / "out", Fraction(1))
        with pytest.raises(InputError, match="is no regular file"):
            predict_all([task], hears, tmp_path / "out", note=lambda line: None)
