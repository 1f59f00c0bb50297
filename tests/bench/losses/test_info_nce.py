from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from avs_bench.losses.info_nce import info_nce, info_nce_and_slopes

FIXTURE = Path(__file__).parents[4] / "shared" / "fixtures" / "losses" / "info_nce.npz"


@pytest.mark.skipif(not FIXTURE.exists(), reason=f"parity fixture absent: {FIXTURE}")
def test_loss_and_gradient_equal_the_published_code():
    fixture = np.load(FIXTURE)
    embeddings = torch.tensor(fixture["embeddings"], requires_grad=True)
    loss = info_nce(embeddings, torch.tensor(fixture["labels"]), temperature=0.1)
    loss.backward()

    assert loss.item() == pytest.approx(float(fixture["loss"]), rel=1e-5)
    largest = np.abs(fixture["grad"]).max()
    np.testing.assert_allclose(embeddings.grad, fixture["grad"], rtol=0, atol=1e-5 * largest)


def test_the_formula_written_out_gives_the_same():
    embeddings = F.normalize(torch.randn(9, 4, generator=torch.Generator().manual_seed(1)), dim=1)
    labels = torch.tensor([1, 1, 1, 2, 2, 4, 4, 4, 3])
    s = (embeddings @ embeddings.T / 0.5).exp().tolist()

    total = 0.0
    for i in range(9):
        positives = [p for p in range(9) if p != i and labels[p] == labels[i]]
        negatives = sum(s[i][n] for n in range(9) if labels[n] != labels[i])
        terms = [-np.log(s[i][p] / (s[i][p] + negatives)) for p in positives]
        total += float(np.mean(terms)) if terms else 0.0

    assert info_nce(embeddings, labels, temperature=0.5).item() == pytest.approx(total / 9)


def test_slopes_are_the_gradient_also_where_none_is_recorded():
    embeddings = F.normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(2)), dim=1)
    labels = torch.tensor([0, 1, 1, 2, 2, 2])
    leaf = embeddings.clone().requires_grad_()
    expected = info_nce(leaf, labels, 0.3)
    expected.backward()
    with torch.no_grad():
        loss, slopes = info_nce_and_slopes(embeddings, labels, 0.3)
    assert torch.equal(loss, expected.detach())
    assert torch.equal(slopes, leaf.grad)
    assert not embeddings.requires_grad
    loss, slopes = info_nce_and_slopes(embeddings, torch.arange(6), 0.3)
    assert loss.item() == 0
    assert torch.equal(slopes, torch.zeros_like(embeddings))


@pytest.mark.parametrize("labels", [[], [3], [1, 1, 1], [0, 1, 2]])
def test_without_positives_or_without_negatives_loss_and_gradient_are_zero(labels):
    embeddings = torch.eye(4)[: len(labels)].requires_grad_()
    loss = info_nce(embeddings * 1.0, torch.tensor(labels, dtype=torch.long), temperature=0.1)

    assert loss.item() == 0.0
    if loss.requires_grad:
        loss.backward()
        assert embeddings.grad.abs().max() == 0
