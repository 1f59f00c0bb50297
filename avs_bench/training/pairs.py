"""Shuffled pairs, their match test, and matches made again from the bank (protocol §5)."""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from avs_bench.config import PairSettings
from avs_bench.training.bank import AudioBank
from avs_bench.training.sounds import Sounds


@dataclass(frozen=True)
class Pairs:
    """The images of a batch with other sounds.

    `waveforms` [B, channels, samples]; `matched` [B] bool: the sound has exactly the classes of
    the image's own, so the image's target holds for it too.
    """

    waveforms: Tensor
    matched: Tensor


def shuffled_pairs(sounds: Sounds, generator: Generator) -> Pairs:
    """Give every image the sound of a random one of the batch, perhaps its own."""
    other = torch.randperm(len(sounds.waveforms), generator=generator)
    matched = (sounds.sounding[other] == sounds.sounding).all(dim=1)
    if sounds.kinds is not None:  # the classes alone do not tell the sounds apart
        matched &= sounds.kinds[other] == sounds.kinds
    return Pairs(sounds.waveforms[other], matched)


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
    waveforms, matched = pairs.waveforms.clone(), pairs.matched.clone()
    for item in drawn.tolist():
        if sounds.sounding[item].sum() != 1 or sounds.pans[item].isnan():
            continue
        clip = bank.read(int(sounds.sounding[item].nonzero()), generator)
        if clip is not None:
            waveforms[item] = panned(clip, sounds.pans[item], waveforms.shape[1])
            matched[item] = True
    return replace(pairs, waveforms=waveforms, matched=matched)


def panned(clip: Tensor, pan: Tensor, channels: int) -> Tensor:
    """Return a mono clip [samples] as [channels, samples]: L = (1 - pan)·x, R = pan·x."""
    return clip[None] if channels == 1 else torch.stack([(1 - pan) * clip, pan * clip])
