"""AVSegFormer's losses equal the published code's, value and gradient."""

import json
import sys

import numpy as np
import pytest
import torch
from torch import Tensor

from avs_bench.losses.cross_entropy import binary_cross_entropy, cross_entropy, valid_pixels
from avs_bench.losses.dice import dice, feature_mask, objects
from tests.shared_material import SHARED
from vpo_builder.dataset.schema import IGNORE

LOSSES = SHARED / "fixtures" / "losses"
needs_fixtures = pytest.mark.skipif(
    not (LOSSES / "avsegformer_s4.npz").exists(), reason=f"no parity fixtures: {LOSSES}"
)


class Case:
    """What a fixture's numbers were computed from, and the numbers."""

    def __init__(self, part: str, frames: int) -> None:
        sys.path.insert(0, str(LOSSES.parent))
        import fill

        sys.path.pop(0)
        self.expected = json.loads((LOSSES / f"avsegformer_{part}.json").read_text())
        self.arrays = np.load(LOSSES / f"avsegformer_{part}.npz")
        seed, classes = self.expected["seed"], self.expected["classes"]
        N = self.expected["videos"] * frames
        self.logits = torch.from_numpy(fill.tensor(seed, N, classes, 48, 64)).requires_grad_()
        feature = 4 * fill.tensor(seed + 1, N, 256, 12, 16)
        self.feature = torch.from_numpy(feature).requires_grad_()
        self.target = torch.from_numpy(self.arrays["target"]).long()

    def check(self, iou: Tensor, mix: Tensor, prefix: str = "") -> None:
        assert iou.item() == pytest.approx(self.expected[f"{prefix}iou_loss"], rel=1e-5)
        assert 0.1 * mix.item() == pytest.approx(self.expected[f"{prefix}mix_loss"], rel=1e-5)

    def check_gradients(self, total: Tensor, every: int = 1) -> None:
        """The fixture keeps every third place, and one channel of the feature: all are alike."""
        assert total.item() == pytest.approx(self.expected["total"], rel=1e-5)
        logits, feature = torch.autograd.grad(total, (self.logits, self.feature))
        for ours, theirs in (
            (logits[:, ::every, ::3, ::3], self.arrays["grad_logits"]),
            (feature[:, 7], self.arrays["grad_mask_feature"]),
        ):
            assert np.abs(ours.numpy() - theirs).max() <= 1e-5 * np.abs(theirs).max()


@needs_fixtures
def test_s4_learns_from_the_first_frame_of_each_clip():
    case = Case("s4", 5)
    first = slice(None, None, 5)
    mask = feature_mask(case.feature, (48, 64))
    iou, mix = (dice(one[first], case.target).mean() for one in (case.logits[:, 0], mask))
    case.check(iou, mix)
    case.check_gradients(iou + 0.1 * mix)


@needs_fixtures
def test_ms3_learns_from_all_frames():
    case = Case("ms3", 5)
    mask = feature_mask(case.feature, (48, 64))
    iou, mix = (dice(one, case.target).mean() for one in (case.logits[:, 0], mask))
    case.check(iou, mix)
    case.check_gradients(iou + 0.1 * mix)
    valid = valid_pixels(case.target)
    bce = [
        binary_cross_entropy(one, case.target, valid) for one in (case.logits, mask.unsqueeze(1))
    ]
    case.check(*bce, prefix="bce_")


@needs_fixtures
def test_avss_learns_classes_from_annotated_frames():
    case = Case("avss", 10)
    annotated = torch.from_numpy(case.arrays["flag"]) > 0
    case.target[~annotated] = IGNORE
    mask = feature_mask(case.feature, (48, 64))
    iou = cross_entropy(case.logits, case.target, valid_pixels(case.target))
    mix = (dice(mask, objects(case.target)) * annotated).sum() / annotated.sum()
    case.check(iou, mix)
    case.check_gradients(iou + 0.1 * mix, every=7)


def test_a_frame_without_an_object_costs_one_and_teaches_nothing():
    logits = torch.randn(2, 4, 4, requires_grad=True)
    loss = dice(logits, torch.zeros(2, 4, 4, dtype=torch.long))
    (slope,) = torch.autograd.grad(loss.sum(), logits)
    assert loss.tolist() == [1, 1]
    assert slope.abs().max() == 0


def test_ignored_pixels_count_for_nothing():
    logits, targets = torch.randn(1, 4, 4), torch.randint(0, 2, (1, 4, 4))
    targets[0, 0] = IGNORE
    assert torch.allclose(dice(logits, targets), dice(logits[:, 1:], targets[:, 1:]))
    assert objects(torch.tensor([[[0, 7, IGNORE]]])).tolist() == [[[0, 1, IGNORE]]]


def test_dice_is_its_definition_frame_by_frame():
    torch.manual_seed(0)
    logits = torch.randn(3, 4, 5, dtype=torch.float64)
    targets = torch.randint(0, 2, (3, 4, 5))
    targets[1] = 0
    targets[2, :2] = IGNORE
    expected = []
    for scores, labels in zip(logits.numpy(), targets.numpy(), strict=True):
        found = (1 / (1 + np.exp(-scores)))[labels != IGNORE]
        wanted = (labels[labels != IGNORE] == 1).astype(float)
        below = (found**2).sum() + 0.001 + (wanted**2).sum() + 0.001
        expected.append(1 - 2 * (found * wanted).sum() / below)
    assert dice(logits, targets).numpy() == pytest.approx(np.array(expected), rel=1e-12)
    assert dice(logits, targets).dtype == torch.float64
    assert expected[1] == 1


def test_a_feature_draws_the_mean_of_its_channels_enlarged_between_the_centres_of_pixels():
    feature = torch.tensor([[[[0.0, 4.0]], [[2.0, 6.0]]]])  # means 1 and 5, side by side
    drawn = feature_mask(feature, (1, 4))
    assert drawn.tolist() == [[[1.0, 2.0, 4.0, 5.0]]]


def test_an_object_is_any_class_and_ignored_pixels_stay_so():
    targets = torch.tensor([[[0, 1], [7, IGNORE]]])
    assert objects(targets).tolist() == [[[0, 1], [1, IGNORE]]]
