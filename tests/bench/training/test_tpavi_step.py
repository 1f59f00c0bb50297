"""A step of TPAVI on a batch of clips against the same losses taken frame by frame."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from avs_bench.config import read_preset
from avs_bench.data.batch import Batch
from avs_bench.data.clips import ClipLayout
from avs_bench.data.spectrograms import vggish_examples
from avs_bench.data.tensors import normalise
from avs_bench.losses.tpavi import cosine_matching, divergence_matching
from avs_bench.models import AVSOutput
from avs_bench.models.protocol import Needs
from avs_bench.training.splitting import Splitting
from avs_bench.training.tpavi import TpaviObjective
from vpo_builder.dataset.schema import IGNORE

LENGTHS, FRAMES, SIDE = (2, 3), 3, 32


class Plain(nn.Module):
    """What a frame gives depends on that frame alone; remembers what it was called with."""

    hears = True
    needs = Needs(front_end=lambda sounds: vggish_examples(sounds.mean(dim=1)), frames=FRAMES)

    def __init__(self, classes: int) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.score, self.see, self.hear = (
            nn.Conv2d(3, classes, 1),
            nn.Conv2d(3, 256, 1),
            nn.Linear(96 * 64, 256),
        )
        self.calls: list[tuple] = []

    def forward(self, images, spectrograms, valid=None):
        self.calls.append((images, spectrograms, valid))
        frames, heard = images.flatten(0, 1), self.hear(spectrograms[:, :, 0, 0].flatten(2))
        maps = tuple(F.avg_pool2d(self.see(frames).relu(), 4 << i) for i in range(4))
        return AVSOutput(self.score(frames), maps=maps, map_audio=(heard,) * 4 * self.hears)


def batch_of(classes: int) -> Batch:
    """Two frames and three; the second of each clip is not annotated."""
    generator = torch.Generator().manual_seed(1)
    N = sum(LENGTHS)
    targets = torch.randint(0, max(2, classes), (N, SIDE, SIDE), generator=generator)
    targets[[1, 3]] = IGNORE
    return Batch(
        examples=(None,) * N,
        images=torch.randint(0, 256, (N, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8),
        targets=targets,
        waveforms=torch.randn(N, 1, 16_000, generator=generator) / 10,
        sounding=torch.zeros(N, 2, dtype=torch.bool),
        seen=torch.zeros(N, 2, dtype=torch.bool),
        pans=torch.full((N,), torch.nan),
        kinds=torch.zeros(N, dtype=torch.long),
        clips=ClipLayout(LENGTHS, FRAMES),
    )


def terms_of(preset: str, classes: int, part_size: int = 0, **tpavi):
    settings = read_preset(preset)
    settings = replace(settings, tpavi=replace(settings.tpavi, **tpavi))
    splitting = Splitting(part_size=part_size)
    objective = TpaviObjective(settings, max(2, classes), torch.device("cpu"), splitting)
    model = Plain(classes)
    parts = list(objective.loss_terms(model, batch_of(classes), 0, 0))
    terms = {name: sum(part[name] for part in parts) for name in parts[0]}
    return terms, model


def frame_by_frame(model: Plain, batch: Batch, **wanted):
    """Return cross-entropy and matching term of each frame by itself."""
    images = normalise(batch.images)
    sounds = vggish_examples(batch.waveforms[:, 0])
    for frame in range(len(images)):
        output = model(images[frame, None, None], sounds[frame, None, None])
        audio = [heard[0] for heard in output.map_audio]
        target = batch.targets[frame, None]
        if output.logits.shape[1] == 1:
            wanted_target = (target[:, None] == 1).float()
            entropy = F.binary_cross_entropy_with_logits(output.logits, wanted_target)
        else:
            entropy = F.cross_entropy(output.logits, target, ignore_index=IGNORE)
        yield entropy, output, audio


@pytest.mark.parametrize("part_size", [0, 1])
def test_s4_trains_on_labelled_frames_and_may_match_all_of_them(part_size):
    terms, model = terms_of("tpavi-r50-s4", 1, part_size, weight=1.0)
    frames = list(frame_by_frame(model, batch_of(1)))
    entropies = [entropy for frame, (entropy, _, _) in enumerate(frames) if frame not in (1, 3)]
    matching = [cosine_matching(o.maps, audio, o.logits) for _, o, audio in frames]
    assert torch.allclose(terms["cross_entropy"], torch.stack(entropies).mean(), rtol=1e-5)
    assert torch.allclose(terms["matching"], torch.cat(matching).mean(), rtol=1e-5)


def test_a_model_that_hears_nothing_has_nothing_to_match(monkeypatch):
    monkeypatch.setattr(Plain, "hears", False)
    assert list(terms_of("tpavi-r50-ms3", 1)[0]) == ["cross_entropy"]


def test_the_released_s4_command_has_no_matching_term():
    assert list(terms_of("tpavi-r50-s4", 1)[0]) == ["cross_entropy"]


@pytest.mark.parametrize("part_size", [0, 1])
def test_ms3_sums_the_divergence_over_frames(part_size):
    terms, model = terms_of("tpavi-r50-ms3", 1, part_size)
    matching = [
        divergence_matching(o.maps, audio, o.logits, normalise=False)
        for _, o, audio in frame_by_frame(model, batch_of(1))
    ]
    assert torch.allclose(terms["matching"], 0.5 * torch.cat(matching).sum(), rtol=1e-5)


@pytest.mark.parametrize("part_size", [0, 1])
def test_avss_averages_over_labelled_frames_and_padding_counts_nowhere(part_size):
    terms, model = terms_of("tpavi-r50-avss", 5, part_size)
    frames = list(frame_by_frame(model, batch_of(5)))
    labelled = [frame for frame in range(len(frames)) if frame not in (1, 3)]
    matching = torch.cat(
        [divergence_matching(o.maps, audio, o.logits, normalise=False) for _, o, audio in frames]
    )
    entropies = torch.stack([frames[frame][0] for frame in labelled])
    assert torch.allclose(terms["cross_entropy"], entropies.mean(), rtol=1e-5)
    assert torch.allclose(terms["matching"], 0.5 * matching[labelled].mean(), rtol=1e-5)


def test_a_model_sees_padded_clips_and_is_told_where_the_padding_is():
    _, model = terms_of("tpavi-r50-avss", 5)
    images, sounds, valid = model.calls[0]
    assert images.shape == (2, FRAMES, 3, SIDE, SIDE)
    assert sounds.shape == (2, FRAMES, 1, 1, 96, 64)
    assert valid.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert not images[0, 2].any()
    assert not sounds[0, 2].any()
