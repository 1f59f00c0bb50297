import json
import sys

import numpy as np
import pytest
import torch

from avs_bench.losses.cross_entropy import binary_cross_entropy, cross_entropy, valid_pixels
from avs_bench.losses.tpavi import cosine_matching, divergence_matching
from tests.shared_material import SHARED
from vpo_builder.dataset.schema import IGNORE

FIXTURES = SHARED / "fixtures"
needs_fixtures = pytest.mark.skipif(
    not (FIXTURES / "losses" / "tpavi_s4.npz").exists(), reason=f"no parity fixtures: {FIXTURES}"
)


@pytest.fixture
def tensor(monkeypatch):
    monkeypatch.syspath_prepend(str(FIXTURES))
    import fill

    yield lambda seed, *shape: torch.from_numpy(fill.tensor(seed, *shape))
    sys.modules.pop("fill")


def inputs(tensor, part, frames, classes):
    """Return what the fixture's numbers were computed from, and the numbers."""
    expected = json.loads((FIXTURES / "losses" / f"tpavi_{part}.json").read_text())
    seed, N = expected["seed"], 2 * frames
    maps = [tensor(seed + i, N, 256, 56 >> i, 56 >> i) for i in range(4)]
    audio = [tensor(seed + 10 + i, 2, frames, 256).flatten(0, 1) for i in range(4)]
    logits = tensor(seed + 20, N, classes, 56, 56)
    target = np.load(FIXTURES / "losses" / f"tpavi_{part}.npz")["target"]
    return expected, maps, audio, logits, torch.from_numpy(target).long()


@needs_fixtures
def test_s4_equals_the_published_code(tensor):
    expected, maps, audio, logits, first = inputs(tensor, "s4", frames=5, classes=1)
    targets = torch.full((10, 56, 56), IGNORE)
    targets[[0, 5]] = first[:, 0, 0]  # one labelled frame of five
    bce = binary_cross_entropy(logits, targets, valid_pixels(targets))
    term = cosine_matching(maps, audio, logits).mean()

    assert bce.item() == pytest.approx(expected["iou_loss"], rel=1e-5)
    assert term.item() == pytest.approx(expected["sa_loss"], rel=1e-5)
    assert (bce + term).item() == pytest.approx(expected["total"], rel=1e-5)


@needs_fixtures
def test_ms3_equals_the_published_code_in_both_variants(tensor):
    expected, maps, audio, logits, targets = inputs(tensor, "ms3", frames=5, classes=1)
    targets = targets[:, 0]
    bce = binary_cross_entropy(logits, targets, valid_pixels(targets))
    assert bce.item() == pytest.approx(expected["iou_loss"], rel=1e-5)
    for nearest, prefix, total in (
        (False, "sa_loss", "total"),
        (True, "closer_sa", "closer_total"),
    ):
        term = divergence_matching(maps, audio, logits, normalise=True, nearest=nearest).sum()
        assert term.item() == pytest.approx(expected[prefix], rel=1e-5)
        assert (bce + 0.5 * term).item() == pytest.approx(expected[total], rel=1e-5)


@needs_fixtures
def test_avss_equals_the_published_code(tensor):
    expected, maps, audio, logits, targets = inputs(tensor, "avss", frames=10, classes=71)
    labelled = torch.tensor(expected["flag"]) > 0
    targets[~labelled] = IGNORE
    ce = cross_entropy(logits, targets, valid_pixels(targets))
    term = divergence_matching(maps, audio, logits, normalise=True)[labelled].mean()

    assert ce.item() == pytest.approx(expected["iou_loss"], rel=1e-5)
    assert term.item() == pytest.approx(expected["sa_loss"], rel=1e-5)
    assert (ce + 0.5 * term).item() == pytest.approx(expected["total"], rel=1e-5)


def test_the_divergence_is_none_where_sound_and_masked_map_agree():
    seen = torch.rand(3, 8, 4, 4)
    logits = torch.full((3, 1, 16, 16), 50.0)  # the whole picture is masked in
    heard = seen.mean((2, 3))
    assert divergence_matching([seen], [heard], logits, normalise=False).abs().max() < 1e-6
    assert divergence_matching([seen], [heard.flip(1)], logits, normalise=False).min() > 1e-4


def test_a_batch_without_a_labelled_pixel_has_no_cross_entropy_and_a_gradient_of_zero():
    logits = torch.randn(2, 1, 4, 4, requires_grad=True)
    loss = binary_cross_entropy(logits, torch.full((2, 4, 4), IGNORE), 0)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad.abs().max() == 0


def made_inputs(classes):
    """Return two maps of two sizes, their sounds and logits, for four frames."""
    torch.manual_seed(classes)
    maps = [torch.rand(4, 6, side, side) for side in (4, 2)]
    audio = [torch.randn(4, 6) for _ in maps]
    return maps, audio, 2 * torch.randn(4, classes, 8, 8)


def block_means(values, side):
    """Average [8, 8] down to [side, side]."""
    step = 8 // side
    return np.array(
        [
            [values[r : r + step, c : c + step].mean() for c in range(0, 8, step)]
            for r in range(0, 8, step)
        ]
    )


def unit(vector):
    return vector / np.linalg.norm(vector)


def softmax(vector):
    return np.exp(vector) / np.exp(vector).sum()


def test_the_cosine_term_is_its_definition_frame_by_frame():
    maps, audio, logits = made_inputs(1)
    audio[0][1] = -audio[0][1].abs()  # a sound that points away from the map
    wide = logits.double().numpy()[:, 0]
    terms = np.zeros((2, 4))
    for k, (seen, heard) in enumerate(zip(maps, audio, strict=True)):
        for n in range(4):
            mask = block_means(1 / (1 + np.exp(-wide[n])), seen.shape[-1]) > 0.5
            assert 0 < mask.sum() < mask.size or seen.shape[-1] == 2
            mean = (seen[n].double().numpy() * mask).sum((1, 2)) / (mask.sum() + 1e-6)
            length = np.linalg.norm(mean)
            cosine = unit(heard[n].double().numpy()) @ mean / max(length, 1e-12)
            terms[k, n] = -np.log(max(cosine, 0) + 1e-6)
    found = cosine_matching(maps, audio, logits)
    assert terms[0, 1] == pytest.approx(-np.log(1e-6))
    assert found.numpy() == pytest.approx(terms.mean(0), rel=1e-4)


def test_a_probability_of_one_half_is_not_masked_in():
    seen, heard = torch.rand(1, 6, 4, 4), torch.ones(1, 6)
    term = cosine_matching([seen], [heard], torch.zeros(1, 1, 8, 8))
    assert term.item() == pytest.approx(-np.log(1e-6), rel=1e-5)


@pytest.mark.parametrize("classes", [1, 3])
@pytest.mark.parametrize("normalise", [False, True])
@pytest.mark.parametrize("nearest", [False, True])
def test_the_divergence_is_its_definition_frame_by_frame(classes, normalise, nearest):
    maps, audio, logits = made_inputs(classes)
    wide = logits.double().numpy()
    terms = np.zeros((2, 4))
    for k, (seen, heard) in enumerate(zip(maps, audio, strict=True)):
        side = seen.shape[-1]
        vectors, sounds = [], [one.double().numpy() for one in heard]
        for n in range(4):
            if classes == 1:
                mask = 1 / (1 + np.exp(-block_means(wide[n, 0], side)))
            else:
                mask = block_means((wide[n].argmax(0) != 0).astype(float), side)
            vectors.append((seen[n].double().numpy() * mask).mean((1, 2)))
        if normalise:
            vectors, sounds = list(map(unit, vectors)), list(map(unit, sounds))
        for n in range(4):
            wanted = sounds[n]
            if nearest:
                apart = [
                    np.inf if m == n else np.linalg.norm(sounds[m] - sounds[n]) for m in range(4)
                ]
                wanted = vectors[int(np.argmin(apart))]
            p, q = softmax(wanted), softmax(vectors[n])
            terms[k, n] = (p * np.log(p / q)).sum()
    found = divergence_matching(maps, audio, logits, normalise=normalise, nearest=nearest)
    assert found.numpy() == pytest.approx(terms.mean(0), rel=1e-4, abs=1e-7)


def test_a_wide_map_matches_as_the_same_map_on_its_side():
    seen, heard, logits = torch.rand(2, 6, 2, 4), torch.randn(2, 6), torch.randn(2, 1, 8, 16)
    wide = divergence_matching([seen], [heard], logits, normalise=True)
    high = divergence_matching([seen.mT], [heard], logits.mT, normalise=True)
    torch.testing.assert_close(wide, high)
