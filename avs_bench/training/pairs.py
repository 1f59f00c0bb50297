"""Shuffled pairs, their match test, and matches made again from the bank (protocol §5)."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from avs_bench.config import PairSettings
from avs_bench.training.bank import AudioBank, Sounds
from vpo_builder.dataset.schema import IGNORE


@dataclass(frozen=True)
class Pairs:
    """The images of a batch with other sounds.

    `sounds` [B + made, channels, samples], the batch's own, and clips from the bank and noise;
    `heard` [B],
    which of them each image is given; `matched` [B] bool: the sound has exactly the classes of
    the image's own, so the image's target holds for it too; `absent` [B] bool: none of its
    classes is in the image, so nothing that is seen is heard.
    """

    sounds: Tensor
    heard: Tensor
    matched: Tensor
    absent: Tensor

    def own_and_heard(self, rows: slice) -> tuple[Tensor, Tensor]:
        """Return what the n images `rows` are seen with, each waveform once.

        The waveforms are [M, channels, samples]; the index [2n] into them names the images' own
        sounds first and the shuffled ones after them. Most sounds of a batch are heard with two
        images, and whatever is computed from a sound alone need not be computed twice.
        """
        own = torch.arange(rows.start, rows.stop)
        distinct, index = torch.cat([own, self.heard[rows]]).unique(return_inverse=True)
        return self.sounds[distinct], index


def shuffled_pairs(sounds: Sounds, generator: Generator) -> Pairs:
    """Give every image the sound of a random one of the batch, perhaps its own."""
    other = torch.randperm(len(sounds.waveforms), generator=generator)
    matched = (sounds.sounding[other] == sounds.sounding).all(dim=1)
    matched &= sounds.kinds[other] == sounds.kinds  # S4's classes alone do not tell sounds apart
    absent = ~(sounds.sounding[other] & sounds.seen).any(dim=1)
    return Pairs(sounds.waveforms, other, matched, absent)


def rematched(
    pairs: Pairs, sounds: Sounds, bank: AudioBank, settings: PairSettings, generator: Generator
) -> Pairs:
    """Turn some mismatched pairs into matches, which a batch of many classes has few of.

    ⌊rematch_rate · number mismatched⌋ random mismatched items are drawn; of these, the ones with
    a single source get a clip of their own class from the bank, panned to where the image's
    object is. (The published stereo code throws the clip away and keeps the label.)
    """
    mismatched = (~pairs.matched).nonzero().squeeze(1)
    count = int(settings.rematch_rate * len(mismatched))
    drawn = mismatched[torch.randperm(len(mismatched), generator=generator)[:count]]
    matched, heard, absent = pairs.matched.clone(), pairs.heard.clone(), pairs.absent.clone()
    clips = list(pairs.sounds)
    for item in drawn.tolist():
        if sounds.sounding[item].sum() != 1 or sounds.pans[item].isnan():
            continue
        clip = bank.read(int(sounds.sounding[item].nonzero()), generator)
        if clip is not None:
            heard[item], matched[item], absent[item] = len(clips), True, False
            clips.append(panned(clip, sounds.pans[item], pairs.sounds.shape[1]))
    return Pairs(torch.stack(clips), heard, matched, absent)


def without_sources(pairs: Pairs, settings: PairSettings, generator: Generator) -> Pairs:
    """Give some images nothing to hear, or white noise as loud as what they would have heard.

    `silence_rate` and `noise_rate` are the chances of an image. Nothing in it makes such a sound.
    """
    if not settings.silence_rate + settings.noise_rate:
        return pairs
    chance = torch.rand(len(pairs.heard), generator=generator)
    replaced = chance < settings.silence_rate + settings.noise_rate
    sounds, heard = list(pairs.sounds), pairs.heard.clone()
    for item in replaced.nonzero().squeeze(1).tolist():
        before, heard[item] = pairs.sounds[heard[item]], len(sounds)
        noise = torch.randn(before.shape, generator=generator)
        level = 0.0 if chance[item] < settings.silence_rate else before.square().mean().sqrt()
        sounds.append(noise * level)
    absent, matched = pairs.absent | replaced, pairs.matched & ~replaced
    return Pairs(torch.stack(sounds), heard, matched, absent)


def heard_targets(targets: Tensor, pairs: Pairs, rows: slice) -> Tensor:
    """Return the targets [n, H, W] of the images `rows` under their shuffled sounds.

    Their own where the sound matches, background where it is of something that is not in the
    picture, and 255 where it could be of another object there, whose mask is not known.
    """
    shape = (-1, 1, 1)
    matched, absent = pairs.matched[rows].view(shape), pairs.absent[rows].view(shape)
    silent = torch.where(absent & (targets != IGNORE), 0, IGNORE)
    return torch.where(matched, targets, silent.to(targets.dtype))


def panned(clip: Tensor, pan: Tensor, channels: int) -> Tensor:
    """Return a mono clip [samples] as [channels, samples]: L = (1 - pan)·x, R = pan·x."""
    return clip[None] if channels == 1 else torch.stack([(1 - pan) * clip, pan * clip])
