from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from avs_bench.data.images import PAD_RGB, PictureReader, resized
from avs_bench.data.tensors import normalise, to_tensor
from vpo_builder.runtime.errors import InputError


def test_masks_are_read_as_class_indices(dataset):
    example = dataset.subsets["train"][0]
    picture = PictureReader(dataset.mask_lookup, 0).read(example)
    indices = np.unique(np.asarray(picture.target)).tolist()
    assert indices == [0, example.sources[0].class_index]
    assert picture.image.size == picture.target.size == (96, 64)


def test_a_kept_picture_is_not_decoded_again_and_the_limit_holds(dataset):
    first, second, *_ = dataset.subsets["train"]
    reader = PictureReader(dataset.mask_lookup, cache_mib=1)
    before = reader.read(first)
    first.image.unlink()
    assert reader.read(first) == before

    without = PictureReader(dataset.mask_lookup, cache_mib=0)
    without.read(second)
    second.image.unlink()
    with pytest.raises(InputError, match="no such file"):
        without.read(second)


def test_a_value_that_is_no_class_is_named(dataset):
    example = dataset.subsets["train"][0]
    mask = np.asarray(Image.open(example.mask)).copy()
    mask[3, 4] = 93
    Image.fromarray(mask).save(example.mask)
    with pytest.raises(InputError, match="pixel value 93 is no class"):
        PictureReader(dataset.mask_lookup, 0).read(example)


def test_a_picture_of_one_pixel_is_one_line(dataset):
    example = dataset.subsets["train"][0]
    Image.new("RGB", (1, 1)).save(example.image)
    reader = PictureReader(dataset.mask_lookup, 0)
    with pytest.raises(InputError, match="1×1 pixels, expected 96×64"):
        reader.read(example)

    Image.new("L", (1, 1)).save(example.mask)
    with pytest.raises(InputError, match="1×1 pixels, expected at least 16"):
        reader.read(replace(example, width=1, height=1))


@pytest.mark.parametrize("content", [b"", b"not a picture", "half"])
def test_a_file_that_cannot_be_decoded_is_one_line(dataset, content):
    example = dataset.subsets["train"][0]
    data = example.image.read_bytes()
    example.image.write_bytes(data[: len(data) // 2] if content == "half" else content)
    with pytest.raises(InputError, match="cannot be decoded"):
        PictureReader(dataset.mask_lookup, 0).read(example)


def test_resizing_keeps_the_shape_and_invents_no_class():
    mask = Image.fromarray(np.array([[0, 7], [255, 0]], dtype=np.uint8)).resize((80, 40), 0)
    small = resized(mask, long_side=60, scale=0.5)
    assert small.size == (30, 16)  # the shorter side stops at the smallest allowed
    assert set(np.unique(np.asarray(small))) == {0, 7, 255}
    assert resized(mask, long_side=0).size == (80, 40)
    assert resized(mask, long_side=0, scale=2).size == (160, 80)
    stretched = resized(mask, long_side=60, scale=0.5, stretched=True)
    assert stretched.size == (30, 30)
    assert set(np.unique(np.asarray(stretched))) == {0, 7, 255}
    assert resized(mask, long_side=0, stretched=True).size == (80, 80)


def test_padding_is_close_to_zero_once_normalised():
    padding = torch.tensor(PAD_RGB, dtype=torch.uint8).view(1, 3, 1, 1)
    assert normalise(padding).abs().max() < 0.01
    white = normalise(to_tensor(Image.new("RGB", (2, 2), "white"))[None])
    assert white[0, :, 0, 0].tolist() == pytest.approx([2.2489, 2.4286, 2.64], abs=1e-4)
