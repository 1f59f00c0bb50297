import numpy as np
import pytest
from PIL import Image

from avs_bench.data.scaling import scaled_part


@pytest.mark.parametrize("size", [(160, 120), (107, 160), (125, 83), (153, 153)])
@pytest.mark.parametrize("scale", [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0])
def test_a_scaled_part_is_the_part_of_the_scaled_whole(size: tuple[int, int], scale: float) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    image = Image.fromarray(pixels)  # noise: any shift of the filter shows
    wide, high = (round(scale * side) for side in size)
    whole = image.resize((wide, high), Image.Resampling.BICUBIC)
    for side in (1, 48, 400):
        left, top = (int(random.integers(0, max(1, length - side))) for length in (wide, high))
        box = (left, top, min(left + side, wide), min(top + side, high))
        part = scaled_part(image, (wide, high), box)
        assert np.array_equal(np.asarray(part), np.asarray(whole.crop(box)))
