"""Deformable attention is its definition: every head, level and point in a loop."""

import math

import pytest
import torch
from torch import Tensor

from avs_bench.models.deformable_attention import DeformableAttention, map_centres

SIZES = ((5, 7), (3, 4), (2, 2))


def looked_up(image: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Return the bilinear value [D] of an image [D, h, w] at pixel coordinates; 0 outside."""
    h, w = image.shape[1:]
    left, top = math.floor(x.item()), math.floor(y.item())
    total = image.new_zeros(image.shape[0])
    for row in (top, top + 1):
        for column in (left, left + 1):
            if 0 <= row < h and 0 <= column < w:
                share = (1 - (x - column).abs()) * (1 - (y - row).abs())
                total = total + share * image[:, row, column]
    return total


def by_definition(attention: DeformableAttention, queries: Tensor, tokens: Tensor) -> Tensor:
    N, L, D = queries.shape
    heads, levels, points, width = attention.heads, attention.levels, attention.points, D
    offsets = attention.sampling_offsets(queries).view(N, L, heads, levels, points, 2)
    weights = attention.attention_weights(queries).view(N, L, heads, levels * points).softmax(-1)
    values = attention.value_proj(tokens)
    maps = values.split([h * w for h, w in SIZES], dim=1)
    centres = [((j + 0.5) / w, (i + 0.5) / h) for h, w in SIZES for i in range(h) for j in range(w)]
    rows = []
    for n in range(N):
        for token in range(L):
            answer = []
            for head in range(heads):
                part = slice(head * width // heads, (head + 1) * width // heads)
                total = values.new_zeros(width // heads)
                for level, (h, w) in enumerate(SIZES):
                    image = maps[level][n, :, part].T.reshape(-1, h, w)
                    for point in range(points):
                        dx, dy = offsets[n, token, head, level, point]
                        x = centres[token][0] * w - 0.5 + dx
                        y = centres[token][1] * h - 0.5 + dy
                        weight = weights[n, token, head, level * points + point]
                        total = total + weight * looked_up(image, x, y)
                answer.append(total)
            rows.append(torch.cat(answer))
    return attention.output_proj(torch.stack(rows).view(N, L, D))


@pytest.mark.parametrize("reach", [0.3, 4.0], ids=["inside", "far outside"])
def test_forward_and_gradient_are_the_definition(reach):
    torch.manual_seed(0)
    attention = DeformableAttention(8, heads=2, points=2).double()
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter)
    torch.nn.init.normal_(attention.sampling_offsets.weight, std=reach / 8)
    torch.nn.init.normal_(attention.sampling_offsets.bias, std=reach)
    length = sum(h * w for h, w in SIZES)
    queries = torch.randn(2, length, 8, dtype=torch.float64, requires_grad=True)
    tokens = torch.randn(2, length, 8, dtype=torch.float64, requires_grad=True)
    slope = torch.randn(2, length, 8, dtype=torch.float64)
    wanted = [queries, tokens, *attention.parameters()]

    ours = attention(queries, tokens, map_centres(SIZES, tokens), SIZES)
    theirs = by_definition(attention, queries, tokens)
    assert torch.allclose(ours, theirs, atol=1e-10)
    for mine, reference in zip(
        torch.autograd.grad((ours * slope).sum(), wanted),
        torch.autograd.grad((theirs * slope).sum(), wanted),
        strict=True,
    ):
        assert torch.allclose(mine, reference, atol=1e-8)


def test_it_begins_with_rays_of_growing_length_and_equal_weights():
    attention = DeformableAttention(16, heads=8, points=4)
    offsets = attention.sampling_offsets.bias.view(8, 3, 4, 2)
    assert torch.allclose(offsets[0, 2], torch.tensor([[1.0, 0], [2, 0], [3, 0], [4, 0]]))
    assert torch.allclose(offsets[1, 0, 0], torch.tensor([1.0, 1.0]), atol=1e-6)
    assert attention.attention_weights.weight.abs().max() == 0
