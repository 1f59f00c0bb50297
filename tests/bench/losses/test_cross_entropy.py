import math

import pytest
import torch
import torch.nn.functional as F

from avs_bench.losses import cross_entropy as loss_module
from avs_bench.losses.cross_entropy import binary_cross_entropy, cross_entropy, valid_pixels
from vpo_builder.dataset.schema import IGNORE


def random_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(4, 5, 6, 7, generator=generator)
    targets = torch.randint(0, 5, (4, 6, 7), generator=generator)
    targets[0, :4] = 255
    return logits, targets


def test_over_its_own_count_it_is_the_mean_over_valid_pixels():
    logits, targets = random_pixels()
    mean = F.cross_entropy(logits, targets, ignore_index=255)
    assert torch.allclose(cross_entropy(logits, targets, valid_pixels(targets)), mean)


def test_parts_over_the_whole_count_add_up_to_the_whole():
    logits, targets = random_pixels()
    count = valid_pixels(targets)
    parts = cross_entropy(logits[:1], targets[:1], count) + cross_entropy(
        logits[1:], targets[1:], count
    )
    assert torch.allclose(parts, cross_entropy(logits, targets, count))


def test_a_step_without_a_valid_pixel_has_loss_zero():
    logits, targets = random_pixels()
    targets[:] = 255
    assert valid_pixels(targets) == 0
    assert cross_entropy(logits, targets, 0).item() == pytest.approx(0.0)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(24, 20), (6, 20), (9, 11), (3, 2)])
def test_coarse_scores_are_taken_at_the_size_of_the_targets(size, dtype, monkeypatch):
    generator = torch.Generator().manual_seed(1)
    scores = (20 * torch.randn(4, 5, 6, 7, generator=generator)).to(dtype).requires_grad_()
    targets = torch.randint(0, 5, (4, *size), generator=generator)
    targets[0] = 255
    count = valid_pixels(targets)
    precise = scores.detach().double().requires_grad_()
    logits = F.interpolate(precise, size, mode="bilinear", align_corners=False)
    expected = 3 * F.cross_entropy(logits, targets, ignore_index=255)
    expected.backward()
    loss = 3 * cross_entropy(scores, targets, count)
    loss.backward()
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 1e-2}[dtype]
    torch.testing.assert_close(loss.double(), expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(scores.grad.double(), precise.grad, rtol=tolerance, atol=tolerance)
    monkeypatch.setattr("avs_bench.losses.cross_entropy.CACHED", 1)  # one picture at a time
    torch.testing.assert_close(3 * cross_entropy(scores, targets, count), loss)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_binary_entropy_is_a_sum_over_counted_pixels_by_their_number(count):
    logits = torch.tensor([[[[0.5, -1.0, 2.0, 3.0]]]])
    targets = torch.tensor([[[1, 0, IGNORE, 0]]])
    terms = [math.log1p(math.exp(-0.5)), math.log1p(math.exp(-1.0)), math.log1p(math.exp(3.0))]
    loss = binary_cross_entropy(logits, targets, count)
    assert loss.item() == pytest.approx(sum(terms) / count, rel=1e-6)


def test_a_single_valid_pixel_counts_whole():
    logits, targets = random_pixels()
    targets[:], targets[0, 0, 0] = IGNORE, 2
    expected = F.cross_entropy(logits[0, :, 0, 0], torch.tensor(2))
    torch.testing.assert_close(cross_entropy(logits, targets, 1), expected)


def test_pixels_whose_scores_lie_far_apart_are_each_taken_by_their_own_highest():
    scores = torch.tensor([[1000.0, 998.0], [-1000.0, -997.0]])[:, :, None, None]
    targets = torch.ones(2, 2, 2, dtype=torch.long)
    expected = F.cross_entropy(scores.expand(-1, -1, 2, 2), targets)
    torch.testing.assert_close(cross_entropy(scores, targets, 8), expected)


@pytest.mark.parametrize(("held", "pieces"), [(2, [2, 2, 1]), (5, [5]), (0.5, [1] * 5)])
def test_as_many_pictures_are_enlarged_at_once_as_fit_the_cache(monkeypatch, held, pieces):
    seen, plain = [], loss_module._entropy_and_slope

    def watched(logits, targets):
        seen.append(len(targets))
        return plain(logits, targets)

    monkeypatch.setattr(loss_module, "_entropy_and_slope", watched)
    monkeypatch.setattr(loss_module, "CACHED", int(held * 3 * 8 * 10))
    scores, targets = torch.zeros(5, 3, 2, 5), torch.zeros(5, 8, 10, dtype=torch.long)
    cross_entropy(scores, targets, 1)
    assert seen == pieces
