"""One step of CAVP against the protocol written out item by item and pixel by pixel."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from avs_bench.data.batch import Batch
from avs_bench.data.spectrograms import cavp_logmel
from avs_bench.data.tensors import torch_generator
from avs_bench.models import AVSOutput
from avs_bench.training.cavp import CavpObjective
from avs_bench.training.splitting import Splitting

CLASSES = [{1}, {1}, {2}, {1, 2}, {3}, {3}]
"""The classes that sound in the six items of the fixed batch."""
SILENT = [set(), {2}, {3}, set(), {1, 2}, set()]
"""The classes of what is seen there and makes no sound; no mask says where it is."""

SIDE, COARSE, CHANNELS = 8, 4, 5


class Listening(nn.Module):
    """Fixed features and logits; remembers what it was given, and may score the shuffled half."""

    def __init__(self, scores_all: bool = False) -> None:
        super().__init__()
        self.scored = 12 if scores_all else 6
        generator = torch.Generator().manual_seed(7)
        self.logits = torch.randn(12, 4, SIDE, SIDE, generator=generator)
        self.features = torch.randn(12, CHANNELS, COARSE, COARSE, generator=generator)
        self.heard: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor, spectrograms: torch.Tensor) -> AVSOutput:
        self.heard.append(spectrograms)
        half = len(spectrograms) > len(images)
        items = 12 if half else 6
        return AVSOutput(self.logits[: min(items, self.scored)], self.features[:items])


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(5)
    targets = torch.zeros(6, SIDE, SIDE, dtype=torch.long)
    sounding = torch.zeros(6, 4, dtype=torch.bool)
    for item, classes in enumerate(CLASSES):
        for place, label in enumerate(sorted(classes)):
            targets[item, 4 * place : 4 * place + 4, :6] = label
            sounding[item, label] = True
    seen = sounding.clone()
    for item, classes in enumerate(SILENT):
        seen[item, list(classes)] = True
    targets[:, :, 7] = 255
    pans = torch.tensor([math.nan if len(classes) > 1 else 0.5 for classes in CLASSES])
    waveforms = torch.randn(6, 1, 48_000, generator=generator) / 10
    images = torch.zeros(6, 3, SIDE, SIDE, dtype=torch.uint8)
    kinds = torch.zeros(6, dtype=torch.long)
    return Batch((None,) * 6, images, targets, waveforms, sounding, seen, pans, kinds)


@pytest.fixture
def small(settings):
    contrast = replace(settings.contrastive, weight=0.5, pixels_per_class=10, small_classes="skip")
    train = replace(settings.train, batch_size=6)
    return replace(settings, contrastive=contrast, train=train)


def by_hand(batch, bank, epoch, step, settings):
    """Return (second halves of the sounds, loss terms); `bank` lists the clips of each class."""
    generator = torch_generator("pairs", settings.train.seed, step)
    other = torch.randperm(6, generator=generator).tolist()
    sounds = [batch.waveforms[j] for j in other]
    matched = [CLASSES[i] == CLASSES[j] for i, j in enumerate(other)]
    absent = [not CLASSES[j] & (CLASSES[i] | SILENT[i]) for i, j in enumerate(other)]

    if epoch >= 1:
        mismatched = [i for i in range(6) if not matched[i]]
        order = torch.randperm(len(mismatched), generator=generator).tolist()
        for place in order[: math.floor(0.5 * len(mismatched))]:
            item = mismatched[place]
            if len(CLASSES[item]) == 1 and bank[min(CLASSES[item])]:
                sounds[item] = bank[min(CLASSES[item])][0]
                matched[item], absent[item] = True, False
    for item, classes in enumerate(CLASSES):
        if len(classes) == 1:
            queue = bank[min(classes)]
            queue.append(batch.waveforms[item])
            del queue[:-6]

    model = Listening()
    targets = batch.targets.tolist()
    terms = {
        "cross_entropy": cross_entropy_by_hand(model.logits[:6], targets, targets),
        "contrastive": 0.5 * contrast_by_hand(batch, matched, model.features, generator, settings),
    }
    if settings.pairs.cross_entropy_weight:
        heard = [
            targets[i] if matched[i] else silent_mask(targets[i], known=absent[i]) for i in range(6)
        ]
        term = cross_entropy_by_hand(model.logits[6:], heard, targets)
        terms["shuffled_cross_entropy"] = 0.7 * term
    return sounds, terms


def silent_mask(target, known):
    """Background where it is known that nothing seen is heard, 255 where something might be."""
    return [[0 if known and label != 255 else 255 for label in row] for row in target]


def cross_entropy_by_hand(logits, targets, counted):
    """Sum over the pixels of `targets`, divided by the number of those of `counted`."""
    total, count = 0.0, 0
    for i in range(6):
        for y in range(SIDE):
            for x in range(SIDE):
                count += counted[i][y][x] != 255
                if targets[i][y][x] != 255:
                    scores = [math.exp(v) for v in logits[i, :, y, x].tolist()]
                    total -= math.log(scores[targets[i][y][x]] / sum(scores))
    return total / count


def contrast_by_hand(batch, matched, features, generator, settings):
    coarse = batch.targets[:, ::2, ::2]
    places = [(i, y, x) for i in range(6) for y in range(COARSE) for x in range(COARSE)]
    label_at = {place: int(coarse[place]) for place in places}

    def draw(candidates, count):
        order = torch.randperm(len(candidates), generator=generator)[:count]
        return [candidates[k] for k in order.tolist()]

    sounding = [p for p in places if 0 < label_at[p] < 255]
    background = [p for p in places if label_at[p] == 0]
    own = []
    for label in sorted({label_at[p] for p in sounding}):
        members = [p for p in places if label_at[p] == label]
        if len(members) >= 10 or settings.contrastive.small_classes == "all":
            own += draw(members, 10)
    n = min(10, len(sounding), len(background))
    shuffled = draw(sounding, n)
    own += draw(background, n)

    rows = [(features[i, :, y, x], label_at[i, y, x]) for i, y, x in own]
    rows += [
        (features[6 + i, :, y, x], label_at[i, y, x] if matched[i] else 0) for i, y, x in shuffled
    ]
    unit = [(F.normalize(vector, dim=0), label) for vector, label in rows]
    total = 0.0
    for a, (anchor, label) in enumerate(unit):
        against = [math.exp(float(anchor @ v) / 0.1) for v, other in unit if other != label]
        towards = [
            math.exp(float(anchor @ v) / 0.1)
            for p, (v, other) in enumerate(unit)
            if other == label and p != a
        ]
        if towards:
            total -= sum(math.log(t / (t + sum(against))) for t in towards) / len(towards)
    return total / len(unit)


@pytest.mark.parametrize(("on_shuffled", "small_classes"), [(0.0, "skip"), (0.7, "all")])
def test_match_mask_targets_bank_and_terms_follow_the_protocol(
    batch, small, on_shuffled, small_classes
):
    scored = {"shuffled_items": "score"} if on_shuffled else {}
    settings = replace(
        small,
        model=replace(small.model, options=scored),
        pairs=replace(small.pairs, cross_entropy_weight=on_shuffled),
        contrastive=replace(small.contrastive, small_classes=small_classes),
    )
    objective = CavpObjective(settings, 4, torch.device("cpu"), Splitting())
    bank = {label: [] for label in range(4)}
    rematches = 0
    for step, epoch in enumerate((0, 0, 1, 1, 2)):
        sounds, expected = by_hand(batch, bank, epoch, step, settings)
        model = Listening(scores_all=bool(on_shuffled))
        (terms,) = objective.loss_terms(model, batch, epoch, step)

        heard = cavp_logmel(torch.cat([batch.waveforms, torch.stack(sounds)]))
        assert torch.equal(model.heard[0], heard)
        assert {k: float(v) for k, v in terms.items()} == pytest.approx(expected, rel=1e-5)
        rematches += sum(
            all(not torch.equal(sound, own) for own in batch.waveforms) for sound in sounds
        )
        batch = replace(batch, waveforms=batch.waveforms.roll(100 + step, dims=-1))
    assert rematches > 0  # the bank's clips are of earlier steps


def test_without_the_contrastive_term_nothing_is_shuffled(batch, small):
    plain = replace(small, contrastive=replace(small.contrastive, weight=0.0))
    model = Listening()
    objective = CavpObjective(plain, 4, torch.device("cpu"), Splitting())
    (terms,) = objective.loss_terms(model, batch, 1, 0)
    assert list(terms) == ["cross_entropy"]
    assert torch.equal(model.heard[0], cavp_logmel(batch.waveforms))
