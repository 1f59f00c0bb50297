"""The table of models: complete, and right about sizes."""

import pytest
import torch
from torch import nn

from avs_bench.checkpoints.catalogue import CARDS, PRESET_CARDS, count_flops, markdown, rows
from avs_bench.models import MODELS, build_model
from avs_bench.models.protocol import needs_of


@pytest.fixture(scope="module")
def listed():
    return {row.name: row for row in rows()}


def test_every_model_has_a_row(listed):
    presets = [f"cavp-deeplabv3plus-r50 by preset {name}" for name in PRESET_CARDS]
    assert list(CARDS) == list(MODELS)
    assert list(listed) == [*MODELS, *presets]
    table = markdown(list(listed.values())).splitlines()
    assert len(table) == 2 + len(MODELS) + len(presets)
    assert len({line.count("|") for line in table}) == 1


@pytest.mark.parametrize(
    ("name", "millions"),  # protocol §6, measured; TPAVI's for one class
    [
        ("cavp-deeplabv3plus-r50", 58.238),
        ("cavp-deeplabv3plus-r101", 77.230),
        ("cavp-hrnetv2-w48", 100.984),
        ("cavp-ocr-hrnetv2-w48", 98.289),
        ("tpavi-r50", 91.401),
        ("tpavi-pvtv2-b5", 101.321),
    ],
)
def test_parameters_in_use_and_dead_add_up_to_the_published_count(listed, name, millions):
    row = listed[name]
    count = (row.parameters - row.frozen + row.dead) / 1e6
    # 71 classes cost 33·70 weights more than one, and the semantic alignment has no bias.
    extra = (33 * 70 - 4 * 256) / 1e6 if name.startswith("tpavi") else 0
    assert count - extra == pytest.approx(millions, abs=6e-4)


@pytest.mark.parametrize(
    ("name", "shown"),  # measured and, where a paper gives it, quoted
    [
        ("cavp-deeplabv3plus-r50", "| 58.238 |  |"),
        ("cavp-deeplabv3plus-r50 by preset cavp-single-plus", "| 119.775 | 119.78 |"),
        ("tpavi-r50", "| 163.543 | 163.55 |"),  # 71 classes and VGGish
        ("avsegformer-r50", "| 150.907 | 150.90 |"),
        ("avsegformer-pvtv2-b5", "| 186.058 | 186.05 |"),
        ("tiny", "|  |  |"),
    ],
)
def test_the_published_count_stands_beside_the_one_in_use(listed, name, shown):
    row = listed[name]
    line = markdown([row]).splitlines()[-1]
    assert f"| {row.parameters / 1e6:.3f} |" in line
    assert shown in line


def test_the_frozen_part_is_vggish(listed):
    assert {row.frozen for row in listed.values()} == {0, 72_141_184}


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, images, spectrograms):
        return self.convolution(images)


def test_flops_count_a_multiplication_and_an_addition():
    images = torch.zeros(2, 3, 16, 20)
    assert count_flops(Plain(), images, images) == 2 * (2 * 8 * 16 * 20) * (3 * 9)


def test_inputs_have_the_sizes_that_a_model_needs():
    with torch.device("meta"):
        model = build_model("tpavi-r50", 71)
    images, sounds = needs_of(model).example(2, device="meta")
    assert images.shape == (2, 5, 3, 224, 224)
    assert sounds.shape == (2, 5, 1, 96, 64)
