"""The contrastive loss of CAVP between labelled embeddings (Chen et al. 2024, eq. 5)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from avs_bench.runtime.device import on_device


def info_nce(embeddings: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Return the mean over anchors of −log(e^{s⁺/τ} / (e^{s⁺/τ} + Σ⁻ e^{s⁻/τ})).

    `embeddings` [N, D] of unit length and `labels` [N] are anchors and contrasts at once, with a
    gradient through both roles. Each positive (same label, not itself) stands alone against the
    sum of the anchor's negatives; an anchor's terms are averaged over its positives, and an
    anchor without any counts as 0 in the mean.

    Negatives matter only through their sum, so pairs are formed inside a label only: the largest
    matrix is label × all, not all × all. Embeddings are put in the order of their labels, so that
    every label is a slice: with `labels` in main memory nothing waits for a GPU.
    """
    embeddings = embeddings.float()
    ordered, counts = _by_label(embeddings, labels)
    loss, first = embeddings.new_zeros(()), 0
    for count in counts:
        own, first = slice(first, first + count), first + count
        if count == 1:
            continue
        similarity = ordered[own] @ ordered.T / temperature
        others = torch.cat([similarity[:, : own.start], similarity[:, own.stop :]], dim=1)
        against = others.logsumexp(dim=1, keepdim=True)
        pairs = F.softplus(against - similarity[:, own])  # −log(a / (a + b)) = softplus(b − a)
        loss = loss + (pairs.sum() - pairs.diagonal().sum()) / (count - 1)
    return loss / max(1, len(labels))


def _by_label(embeddings: Tensor, labels: Tensor) -> tuple[Tensor, list[int]]:
    """Return the embeddings in the order of their labels, and how many each label has."""
    order = labels.argsort(stable=True)
    _, counts = labels[order].unique_consecutive(return_counts=True)
    return embeddings[on_device(order, embeddings.device)], counts.tolist()


def info_nce_and_slopes(
    embeddings: Tensor, labels: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """Return the loss and its gradient [N, D] with respect to the embeddings, both detached."""
    with torch.enable_grad():
        leaf = embeddings.detach().requires_grad_()
        loss = info_nce(leaf, labels, temperature)
        if not loss.requires_grad:  # no anchor has a positive
            return loss, torch.zeros_like(embeddings)
        (slopes,) = torch.autograd.grad(loss, leaf)
    return loss.detach(), slopes
