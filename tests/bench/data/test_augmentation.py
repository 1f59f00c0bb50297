from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from avs_bench.config import AugmentationSettings, ImageSettings
from avs_bench.data.augmentation import View, apply_view, draw_view
from avs_bench.data.images import PAD_RGB, Picture
from avs_bench.data.seeds import numpy_generator

SETTINGS = AugmentationSettings(
    side="as-scored",
    crop="random",
    flip=0.5,
    scales=(0.5, 1.0, 2.0),
    brightness=0.5,
    contrast=0.5,
    saturation=0.5,
    hue=0.25,
)
STILL = View(flip=False, scale=1.0, jitter=(), crop_at=(0.0, 0.0))


def cropped_to(crop: int, **others) -> ImageSettings:
    plain = {"long_side": 0, "frames": 1, "video_frames": 0, "stretched": False}
    return ImageSettings(crop=crop, **plain | others)


def picture(width: int = 40, height: int = 30) -> Picture:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    target = (pixels[..., 0] > 128).astype(np.uint8)
    return Picture(Image.fromarray(pixels), Image.fromarray(target))


def test_a_view_depends_on_its_keys_alone():
    one, again, other = (
        draw_view(SETTINGS, numpy_generator("view", 0, epoch, "id")) for epoch in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_drawn_factors_stay_in_their_ranges():
    views = [draw_view(SETTINGS, numpy_generator(i)) for i in range(200)]
    jitter = {what: [dict(v.jitter)[what] for v in views] for what in dict(views[0].jitter)}
    for what in ("brightness", "contrast", "saturation"):
        assert 0.5 <= min(jitter[what]) < 0.6
        assert 1.4 < max(jitter[what]) <= 1.5
    assert -0.25 <= min(jitter["hue"]) < -0.2
    assert {view.scale for view in views} == {0.5, 1.0, 2.0}
    assert 60 < sum(view.flip for view in views) < 140
    assert len({tuple(what for what, _ in view.jitter) for view in views}) > 10


def test_flip_mirrors_image_and_target_together():
    before = picture()
    flipped = apply_view(before, replace(STILL, flip=True), cropped_to(30))
    columns = np.asarray(before.image)[:, ::-1][:, :30]
    np.testing.assert_array_equal(np.asarray(flipped.image), columns)
    np.testing.assert_array_equal(
        np.asarray(flipped.target), np.asarray(before.target)[:, ::-1][:, :30]
    )


def test_what_is_outside_of_the_picture_is_mean_colour_and_ignored():
    seen = apply_view(picture(40, 30), STILL, cropped_to(64))
    image, target = np.asarray(seen.image), np.asarray(seen.target)
    assert image.shape == (64, 64, 3)
    np.testing.assert_array_equal(image[:30, :40], np.asarray(picture().image))
    assert (image[30:] == PAD_RGB).all()
    assert (image[:, 40:] == PAD_RGB).all()
    assert (target[30:] == 255).all()
    assert (target[:30, :40] <= 1).all()


@given(
    width=st.integers(16, 90),
    height=st.integers(16, 90),
    scale=st.sampled_from([0.5, 1.0, 1.75]),
    at=st.tuples(st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True)),
)
def test_any_picture_gives_a_crop_of_the_size_with_all_it_can_show(width, height, scale, at):
    view = replace(STILL, scale=scale, crop_at=at)
    seen = apply_view(picture(width, height), view, cropped_to(48))
    shown = (np.asarray(seen.target) != 255).sum()
    sides = [min(48, max(16, round(side * scale))) for side in (width, height)]
    assert seen.image.size == seen.target.size == (48, 48)
    assert shown == sides[0] * sides[1]


@pytest.mark.parametrize("what", ["brightness", "contrast", "saturation"])
def test_jitter_changes_colour_only_and_factor_one_changes_nothing(what):
    before = picture(32, 32)
    size = cropped_to(32)
    for factor, changes in ((1.0, False), (0.5, True)):
        seen = apply_view(before, replace(STILL, jitter=((what, factor),)), size)
        assert (np.asarray(seen.image) != np.asarray(before.image)).any() == changes
        np.testing.assert_array_equal(np.asarray(seen.target), np.asarray(before.target))


def test_hue_turns_the_colour_circle():
    red = Picture(Image.new("RGB", (16, 16), (255, 0, 0)), Image.new("L", (16, 16)))
    view = replace(STILL, jitter=(("hue", 1 / 3),))
    green = np.asarray(apply_view(red, view, cropped_to(16)).image)[0, 0]
    assert green[1] == 255
    assert max(green[0], green[2]) < 8


@pytest.mark.parametrize(("width", "height"), [(80, 40), (40, 80), (37, 81)])
def test_the_shorter_side_gets_the_length_and_the_centre_is_kept(width, height):
    settings = replace(SETTINGS, side="shorter", crop="centre", scales=(1.0,), flip=0.0)
    view = replace(draw_view(settings, numpy_generator("view", 0)), jitter=())
    before = picture(width, height)
    seen = apply_view(before, view, cropped_to(20, long_side=20, stretched=True))
    factor = 20 / min(width, height)
    size = (round(width * factor), round(height * factor))
    scaled = before.target.resize(size, Image.Resampling.NEAREST)
    left, top = ((side - 20 + 1) // 2 for side in size)
    expected = np.asarray(scaled)[top : top + 20, left : left + 20]
    np.testing.assert_array_equal(np.asarray(seen.target), expected)


def test_a_centred_crop_changes_nothing_else_of_what_is_drawn():
    random, centred = (
        draw_view(replace(SETTINGS, crop=crop), numpy_generator("view", 3))
        for crop in ("random", "centre")
    )
    assert replace(random, crop_at=(0.5, 0.5)) == centred
