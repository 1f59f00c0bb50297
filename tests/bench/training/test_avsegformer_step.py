"""A step of AVSegFormer on clips against its losses written out frame by frame."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from avs_bench.config import read_preset
from avs_bench.data.spectrograms import vggish_examples
from avs_bench.data.tensors import normalise
from avs_bench.models import AVSOutput
from avs_bench.models.execution import ExecutedModel, Execution
from avs_bench.models.protocol import Needs
from avs_bench.training.avsegformer import avsegformer_objective
from avs_bench.training.splitting import Splitting
from tests.bench.training.test_tpavi_step import FRAMES, batch_of
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.runtime.errors import InputError

ANNOTATED = [0, 2, 4]
"""Of the five frames of `batch_of`."""
PAIRS = ("image.frames=1", "contrastive.weight=1.0")


class Plain(nn.Module):
    """What a frame gives depends on that frame and its sound alone."""

    needs = Needs(front_end=lambda sounds: vggish_examples(sounds.mean(dim=1)), frames=FRAMES)

    def __init__(self, classes: int) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.score, self.see = nn.Conv2d(3, classes, 1), nn.Conv2d(3, 8, 4, stride=4)
        self.hear = nn.Linear(96 * 64, 8)

    def forward(self, images, spectrograms, valid=None):
        single = images.ndim == 4
        frames = images if single else images.flatten(0, 1)
        heard = self.hear((spectrograms if single else spectrograms.flatten(0, 1)).flatten(1))
        times = len(heard) // len(frames)
        features = self.see(frames).repeat(times, 1, 1, 1) * heard[:, :, None, None].sigmoid()
        scores = self.score(frames).repeat(times, 1, 1, 1) + heard.mean(1)[:, None, None, None]
        return AVSOutput(scores, features)


def terms_of(classes, part_size=0, *overrides, batch=None):
    alone = (f"image.frames={FRAMES}", "contrastive.weight=0.0", "train.objective=avsegformer")
    settings = read_preset("tiny", (*alone, *overrides))
    objective = avsegformer_objective(
        settings, max(2, classes), torch.device("cpu"), Splitting(part_size=part_size)
    )
    model = Plain(classes)
    batch = batch_of(classes) if batch is None else batch
    parts = list(objective.loss_terms(ExecutedModel(model, Execution()), batch, 0, 0))
    return {name: sum(part[name] for part in parts) for name in parts[0]}, model


def frame_by_frame(model, batch):
    """Yield logits, mask feature's mask and target of each annotated frame by itself."""
    images, sounds = normalise(batch.images), vggish_examples(batch.waveforms[:, 0])
    for frame in ANNOTATED:
        output = model(images[frame, None], sounds[frame, None])
        mask = output.features[0].mean(0)
        size = batch.targets.shape[-2:]
        mask = F.interpolate(mask[None, None], size, mode="bilinear", align_corners=False)
        yield output.logits[0], mask[0, 0], batch.targets[frame]


def dice_by_hand(logits, target):
    p, g = logits.sigmoid(), (target > 0).float()
    return 1 - 2 * (p * g).sum() / ((p * p).sum() + 0.001 + (g * g).sum() + 0.001)


@pytest.mark.parametrize("part_size", [0, 1])
def test_masks_of_an_object_compare_by_dice_over_annotated_frames(part_size):
    terms, model = terms_of(1, part_size)
    frames = list(frame_by_frame(model, batch_of(1)))
    dice = torch.stack([dice_by_hand(logits[0], target) for logits, _, target in frames]).mean()
    mix = torch.stack([dice_by_hand(mask, target) for _, mask, target in frames]).mean()
    assert list(terms) == ["dice", "mix"]
    assert torch.allclose(terms["dice"], dice, rtol=1e-5)
    assert torch.allclose(terms["mix"], 0.1 * mix, rtol=1e-5)


@pytest.mark.parametrize("part_size", [0, 1])
def test_the_other_published_loss_is_binary_cross_entropy_of_both_masks(part_size):
    terms, model = terms_of(1, part_size, "avsegformer.mask_loss=bce", "avsegformer.mix_weight=0.5")
    frames = list(frame_by_frame(model, batch_of(1)))

    def entropy(place):
        each = [
            F.binary_cross_entropy_with_logits(frame[place].squeeze(), (frame[2] == 1).float())
            for frame in frames
        ]
        return torch.stack(each).mean()

    assert torch.allclose(terms["bce"], entropy(0), rtol=1e-5)
    assert torch.allclose(terms["mix"], 0.5 * entropy(1), rtol=1e-5)


@pytest.mark.parametrize("part_size", [0, 1])
def test_classes_compare_by_cross_entropy_and_the_mask_feature_by_any_object(part_size):
    terms, model = terms_of(5, part_size)
    frames = list(frame_by_frame(model, batch_of(5)))
    entropy = [F.cross_entropy(logits[None], target[None]) for logits, _, target in frames]
    mix = [dice_by_hand(mask, target) for _, mask, target in frames]
    assert list(terms) == ["cross_entropy", "mix"]
    assert torch.allclose(terms["cross_entropy"], torch.stack(entropy).mean(), rtol=1e-5)
    assert torch.allclose(terms["mix"], 0.1 * torch.stack(mix).mean(), rtol=1e-5)


def test_without_weight_there_is_no_mix_term():
    assert list(terms_of(1, 0, "avsegformer.mix_weight=0.0")[0]) == ["dice"]


@pytest.mark.parametrize("classes", [1, 5])
def test_contrastive_pairs_leave_its_own_losses_as_they_are(classes):
    batch = replace(batch_of(classes), clips=None)
    alone, _ = terms_of(classes, batch=batch)
    scored = ("model.options={shuffled_items='score'}", "pairs.cross_entropy_weight=1.0")
    few = ("contrastive.pixels_per_class=4", "contrastive.small_classes=all")
    whole, _ = terms_of(classes, 0, *PAIRS, *scored, *few, batch=batch)
    parts, _ = terms_of(classes, 1, *PAIRS, *scored, *few, batch=batch)
    assert list(whole) == [*alone, "contrastive", "shuffled_cross_entropy"]
    assert whole["contrastive"] > 0
    for name, value in whole.items():
        assert torch.allclose(parts[name], value, rtol=1e-4), name
        if name in alone:
            assert torch.allclose(alone[name], value, rtol=1e-5), name


def test_pairs_of_whole_clips_are_refused_in_one_line():
    with pytest.raises(InputError, match=r"add --set image\.frames=1"):
        terms_of(1, 0, "contrastive.weight=1.0")


def test_a_batch_without_annotation_has_no_loss():
    batch = batch_of(1)
    batch = replace(batch, targets=torch.full_like(batch.targets, IGNORE))
    assert {term.item() for term in terms_of(1, batch=batch)[0].values()} == {0.0}
