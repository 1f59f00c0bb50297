"""A layer of queries: they attend to each other, to what they ask, and pass a perceptron."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Softmax attention with several heads; queries, keys and values in one matrix, as published.

    In evaluation `weights` gives what a query looks at; training does without them.
    """

    def __init__(self, width: int, heads: int = 8, *, bias: bool, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width)) if bias else None
        self.out_proj = nn.Linear(width, width, bias=bias)
        nn.init.xavier_uniform_(self.in_proj_weight)
        if bias:
            nn.init.zeros_(self.out_proj.bias)

    def forward(self, queries: Tensor, asked: Tensor) -> Tensor:
        """Return the answers [N, Q, width] that queries get from the tokens [N, L, width] asked."""
        if asked.shape[1] == 1:  # a softmax over one token is 1: every query gets its value
            answer = self._projected(asked, 2).expand_as(queries)
        else:
            query, key, value = (
                self._heads(queries, 0),
                self._heads(asked, 1),
                self._heads(asked, 2),
            )
            answer = self._answered(query, key, value).transpose(1, 2).flatten(2)
        joined: Tensor = self.out_proj(answer)
        return joined

    def weights(self, queries: Tensor, asked: Tensor) -> Tensor:
        """Return how much each head of each query looks at each token: [N, heads, Q, L]."""
        query, key = self._heads(queries, 0), self._heads(asked, 1)
        return _shares(query, key)

    def _answered(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        rate = self.dropout if self.training else 0.0
        if rate and query.device.type == "cpu":
            # torch has no fused kernel with dropout for CPUs: what it runs instead computes in
            # float32 where autocast asks for bfloat16, and takes twice as long
            return F.dropout(_shares(query, key), rate) @ value
        return F.scaled_dot_product_attention(query, key, value, dropout_p=rate)

    def _projected(self, tokens: Tensor, part: int) -> Tensor:
        bias = None if self.in_proj_bias is None else self.in_proj_bias.chunk(3)[part]
        return F.linear(tokens, self.in_proj_weight.chunk(3)[part], bias)

    def _heads(self, tokens: Tensor, part: int) -> Tensor:
        return self._projected(tokens, part).view(*tokens.shape[:2], self.heads, -1).transpose(1, 2)


def _shares(query: Tensor, key: Tensor) -> Tensor:
    scaled = query / math.sqrt(query.shape[-1])
    return (scaled @ key.transpose(2, 3)).softmax(dim=-1)


class QueryLayer(nn.Module):
    """Self-attention, cross-attention and perceptron, each added and then normed.

    The generator's has no attention biases and no dropout, the decoder's has both
    (avsegformer.md, Network 7 and 8).
    """

    def __init__(self, width: int, hidden: int, *, bias: bool, dropout: float) -> None:
        super().__init__()
        self.self_attn = Attention(width, bias=bias, dropout=dropout)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn = Attention(width, bias=bias, dropout=dropout)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = DroppedPerceptron(width, hidden, dropout)
        self.norm3 = nn.LayerNorm(width)
        self.drop = nn.Dropout(dropout)

    def forward(self, queries: Tensor, asked: Tensor) -> Tensor:
        """Return the queries [N, Q, width] after asking the tokens [N, L, width]."""
        q = self._met(queries)
        q = self.norm2(q + self.drop(self.cross_attn(q, asked)))
        answered: Tensor = self.norm3(q + self.drop(self.mlp(q)))
        return answered

    def looks_at(self, queries: Tensor, asked: Tensor) -> Tensor:
        """Return what the heads of the queries look at: [N, heads, Q, L]."""
        return self.cross_attn.weights(self._met(queries), asked)

    def _met(self, queries: Tensor) -> Tensor:
        """Return the queries after they attended to each other."""
        met: Tensor = self.norm1(queries + self.drop(self.self_attn(queries, queries)))
        return met


class DroppedPerceptron(nn.Module):
    """Linear, GELU (exact), dropout, Linear."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, hidden)
        self.drop = nn.Dropout(dropout)
        self.linear2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it to tokens [..., width]."""
        y: Tensor = self.linear2(self.drop(F.gelu(self.linear1(x))))
        return y
