"""Softmax attention with dropout, which torch has no fused kernel for on a CPU."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from avs_bench.models.query_attention import Attention

WIDTH, RATE = 32, 0.25


@pytest.fixture(scope="module")
def attention() -> Attention:
    torch.manual_seed(0)
    return Attention(WIDTH, heads=4, bias=True, dropout=RATE)


@pytest.fixture(scope="module")
def tokens() -> tuple[torch.Tensor, torch.Tensor]:
    drawn = torch.Generator().manual_seed(1)
    return tuple(torch.randn(2, n, WIDTH, generator=drawn) for n in (5, 7))


def test_dropout_drops_what_torch_drops_itself(attention, tokens):
    queries, asked = tokens
    heads = [attention._heads(x, part) for part, x in enumerate((queries, asked, asked))]
    torch.manual_seed(2)
    answer = F.scaled_dot_product_attention(*heads, dropout_p=RATE)
    torch.manual_seed(2)
    ours = attention.train()(queries, asked)
    assert torch.allclose(ours, attention.out_proj(answer.transpose(1, 2).flatten(2)), atol=1e-6)
    assert not torch.allclose(ours, attention.eval()(queries, asked), atol=1e-2)


def test_a_step_in_bfloat16_multiplies_nothing_in_float32(attention, tokens):
    with Products() as products:
        with torch.autocast("cpu", torch.bfloat16):
            answer = attention.train()(*tokens)
        answer.float().sum().backward()
    assert products.dtypes == {torch.bfloat16}


class Products(TorchDispatchMode):
    """Notes what matrix products are computed in."""

    def __init__(self):
        super().__init__()
        self.dtypes = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if str(function) in ("aten.mm.default", "aten.bmm.default", "aten.addmm.default"):
            self.dtypes |= {a.dtype for a in args if isinstance(a, torch.Tensor) and a.dim() > 1}
        return function(*args, **(kwargs or {}))
