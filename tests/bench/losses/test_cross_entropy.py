import pytest
import torch
import torch.nn.functional as F

from avs_bench.losses.cross_entropy import cross_entropy, valid_pixels


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
