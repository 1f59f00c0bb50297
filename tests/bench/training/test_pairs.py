from dataclasses import replace

import pytest
import torch

from avs_bench.config import PairSettings
from avs_bench.data.batch import Batch
from avs_bench.runtime.processes import ALONE
from avs_bench.training.bank import AudioBank, Sounds
from avs_bench.training.pairs import (
    Pairs,
    heard_targets,
    panned,
    rematched,
    shuffled_pairs,
    without_sources,
)

SETTINGS = PairSettings(
    rematch_rate=0.5,
    rematch_from_epoch=1,
    bank_draw="oldest",
    bank_empty="skip",
    cross_entropy_weight=0.0,
    silence_rate=0.0,
    noise_rate=0.0,
)
SAMPLES = 4


def sounds_of(
    classes: list[set[int]], channels: int = 1, pans: list[float] | None = None
) -> Sounds:
    """Item i sounds like the constant i + 1 and, with one class, has a pan (0.5 if not given)."""
    sounding = torch.zeros(len(classes), 5, dtype=torch.bool)
    for row, present in zip(sounding, classes, strict=True):
        row[list(present)] = True
    single = torch.tensor([len(present) == 1 for present in classes])
    pan = torch.tensor(pans or [0.5] * len(classes))
    mono = torch.arange(1.0, len(classes) + 1)[:, None, None].expand(-1, 1, SAMPLES)
    stereo = torch.cat([(1 - pan)[:, None, None] * mono, pan[:, None, None] * mono], dim=1)
    return Sounds(
        waveforms=mono.clone() if channels == 1 else stereo,
        sounding=sounding,
        seen=sounding,
        pans=torch.where(single, pan, torch.nan),
        kinds=torch.zeros(len(classes), dtype=torch.long),
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def bank_of(settings: PairSettings = SETTINGS, depth: int = 3) -> AudioBank:
    return AudioBank(5, depth, SAMPLES, settings)


def level(clip: torch.Tensor | None) -> float | None:
    return None if clip is None else float(clip[0])


def test_a_shuffled_pair_matches_when_the_class_sets_are_equal():
    classes = [{1}, {1}, {1, 2}, {2}, {2, 1}, {3}]
    sounds = sounds_of(classes)
    pairs = shuffled_pairs(sounds, generator())
    drawn = (given(pairs)[:, 0, 0] - 1).long().tolist()

    assert sorted(drawn) == list(range(6))
    assert drawn != list(range(6))
    expected = [classes[own] == classes[other] for own, other in enumerate(drawn)]
    assert pairs.matched.tolist() == expected


def given(pairs: Pairs) -> torch.Tensor:
    return pairs.sounds[pairs.heard]


def mismatched(sounds: Sounds) -> Pairs:
    none = torch.zeros(len(sounds.waveforms), dtype=torch.bool)
    return Pairs(-sounds.waveforms, torch.arange(len(none)), matched=none, absent=~none)


def test_the_drawn_single_source_items_get_a_clip_of_their_class():
    sounds = sounds_of([{1}, {2}, {3}, {4}, {1, 2}])
    bank = bank_of()
    bank.write(sounds)
    pairs = rematched(mismatched(sounds), sounds, bank, SETTINGS, generator())
    changed = pairs.matched.nonzero().squeeze(1).tolist()

    assert 1 <= len(changed) <= 2  # half of five, rounded down, less the item with two sources
    for item in range(5):
        expected = item + 1 if item in changed else -(item + 1)
        assert given(pairs)[item, 0, 0] == expected


def test_an_item_with_several_sources_is_never_rematched():
    sounds = sounds_of([{1, 2}] * 6)
    bank = bank_of()
    bank.write(sounds_of([{1}, {2}]))
    pairs = rematched(mismatched(sounds), sounds, bank, SETTINGS, generator())
    assert not pairs.matched.any()


def test_matched_pairs_are_left_alone():
    sounds = sounds_of([{1}, {2}])
    bank = bank_of()
    bank.write(sounds)
    both = torch.tensor([True, True])
    before = Pairs(-sounds.waveforms, torch.tensor([0, 1]), matched=both, absent=~both)
    after = rematched(before, sounds, bank, SETTINGS, generator())
    assert torch.equal(given(after), given(before))


def test_a_clip_from_the_bank_is_heard_where_the_object_is():
    heard = sounds_of([{1}], channels=2, pans=[0.2])
    bank = bank_of()
    bank.write(heard)
    full = PairSettings(1.0, 1, "oldest", "skip", 0.0, 0.0, 0.0)
    seen = sounds_of([{1}], channels=2, pans=[0.9])
    pairs = rematched(mismatched(seen), seen, bank, full, generator())
    assert given(pairs)[0, :, 0].tolist() == pytest.approx([0.1, 0.9])


def test_the_oldest_clip_is_read_until_it_is_written_over():
    bank = bank_of(depth=3)
    seen = []
    for round_ in range(5):
        seen.append(level(bank.read(1, generator())))
        written = sounds_of([{1}])
        written.waveforms.fill_(round_)
        bank.write(written)
    assert seen == [None, 0, 0, 0, 1]
    assert level(bank.read(1, generator())) == 2
    assert bank.read(2, generator()) is None


def test_upstream_gives_silence_until_the_queue_is_full():
    bank = bank_of(PairSettings(0.5, 1, "oldest", "silence", 0.0, 0.0, 0.0), depth=3)
    seen = []
    for _ in range(5):
        seen.append(level(bank.read(1, generator())))
        bank.write(sounds_of([{1}]))
    assert seen == [0, 0, 0, 1, 1]


def test_a_random_draw_reaches_every_clip_and_only_written_ones():
    bank = bank_of(PairSettings(0.5, 1, "random", "skip", 0.0, 0.0, 0.0), depth=4)
    for value in (1.0, 2.0):
        written = sounds_of([{1}])
        written.waveforms.fill_(value)
        bank.write(written)
    assert {level(bank.read(1, generator(seed))) for seed in range(20)} == {1, 2}


def test_a_bank_goes_on_from_its_state():
    bank, other = bank_of(), bank_of()
    for _ in range(4):
        bank.write(sounds_of([{1}, {1}, {3}]))
    other.load_state_dict(bank.state_dict())
    bank.write(sounds_of([{1}]))
    other.write(sounds_of([{1}]))
    for name, value in bank.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])


def test_sounds_of_other_kinds_do_not_match_though_their_classes_are_the_same():
    sounds = sounds_of([{1}, {1}, {1}, {1}])
    kinds = torch.tensor([7, 7, 8, 9])
    pairs = shuffled_pairs(replace(sounds, kinds=kinds), generator())
    drawn = given(pairs)[:, 0, 0].long() - 1
    assert shuffled_pairs(sounds, generator()).matched.all()
    assert pairs.matched.tolist() == (kinds[drawn] == kinds).tolist()
    assert not pairs.matched.all()


def test_what_a_shuffled_sound_says_about_the_mask():
    sounds = sounds_of([{1}, {2}, {3}, {4}])
    seen = sounds.seen.clone()
    seen[2, 1] = True  # a silent object of class 1 stands in the third picture
    drawn = torch.tensor([1, 1, 0, 3])  # heard with pictures 0, 1, 2 and 3
    heard = sounds.sounding[drawn]
    pairs = Pairs(
        sounds.waveforms,
        drawn,
        matched=(heard == sounds.sounding).all(dim=1),
        absent=~(heard & seen).any(dim=1),
    )
    targets = torch.tensor([1, 2, 3, 4])[:, None, None].repeat(1, 2, 2)
    targets[:, 0, 0] = 255
    masks = heard_targets(targets, pairs, slice(0, 4))
    assert masks[0].tolist() == [[255, 0], [0, 0]]  # nothing that is seen is heard
    assert torch.equal(masks[1], targets[1])  # its own class
    assert (masks[2] == 255).all()  # it may be the silent object, whose mask is not known
    assert torch.equal(masks[3], targets[3])
    assert torch.equal(heard_targets(targets[1:3], pairs, slice(1, 3)), masks[1:3])
    in_bytes = heard_targets(targets.byte(), pairs, slice(0, 4))
    torch.testing.assert_close(in_bytes, masks.byte())  # of the same type: targets stay bytes


def test_shuffling_finds_the_sounds_of_nothing_that_is_seen():
    sounds = replace(sounds_of([{1}, {2}, {3}]), seen=torch.ones(3, 5, dtype=torch.bool))
    assert not shuffled_pairs(sounds, generator()).absent.any()
    pairs = shuffled_pairs(sounds_of([{1}, {2}, {3}]), generator())
    assert torch.equal(pairs.absent, ~pairs.matched)


def test_a_sound_heard_with_two_images_is_named_once():
    sounds = sounds_of([{1}, {2}, {3}, {4}])
    always = replace(SETTINGS, rematch_rate=1.0)
    bank = bank_of(always)
    bank.write(sounds_of([{4}]))
    pairs = Pairs(
        sounds.waveforms,
        torch.tensor([1, 0, 1, 2]),
        matched=torch.zeros(4, dtype=torch.bool),
        absent=torch.ones(4, dtype=torch.bool),
    )
    pairs = rematched(
        pairs, sounds, bank, PairSettings(1.0, 1, "oldest", "skip", 0.0, 0.0, 0.0), generator()
    )
    assert pairs.heard.tolist() == [1, 0, 1, 4]  # the fourth got the only clip of its class
    for rows, distinct in ((slice(0, 4), 5), (slice(0, 2), 2), (slice(2, 4), 4)):
        waveforms, index = pairs.own_and_heard(rows)
        assert len(waveforms) == distinct
        expected = torch.cat([sounds.waveforms[rows], given(pairs)[rows]])
        assert torch.equal(waveforms[index], expected)


def test_silence_and_noise_are_of_nothing_that_is_seen():
    sounds = sounds_of([{1}] * 40)
    settings = replace(SETTINGS, silence_rate=0.25, noise_rate=0.25)
    before = shuffled_pairs(sounds, generator())
    assert without_sources(before, SETTINGS, generator()) is before
    pairs = without_sources(before, settings, generator())
    replaced = pairs.heard >= 40
    assert torch.equal(pairs.matched, ~replaced)
    assert torch.equal(pairs.absent, replaced)
    assert torch.equal(given(pairs)[~replaced], given(before)[~replaced])
    loudness, levels = (given(kept).square().mean((1, 2)).sqrt() for kept in (pairs, before))
    silent = loudness == 0
    assert 4 <= silent.sum() <= 16
    assert 4 <= (replaced & ~silent).sum() <= 16
    noisy = replaced & ~silent
    assert 0.2 < (loudness / levels)[noisy].mean() < 2


def test_the_generator_alone_decides_what_is_paired():
    """Nothing is drawn from the global state, so a resumed run pairs as one left alone."""
    settings = replace(
        SETTINGS, rematch_rate=0.6, bank_draw="random", silence_rate=0.2, noise_rate=0.3
    )
    sounds = sounds_of([{1}, {2}, {3}, {4}] * 8)
    drawn = []
    for elsewhere in (1, 2):
        torch.manual_seed(elsewhere)
        bank, source = bank_of(settings, depth=8), generator()
        bank.write(sounds)
        pairs = rematched(shuffled_pairs(sounds, source), sounds, bank, settings, source)
        drawn.append(without_sources(pairs, settings, source))
    assert torch.equal(given(drawn[0]), given(drawn[1]))
    assert torch.equal(drawn[0].matched, drawn[1].matched)


def test_of_two_sources_of_one_class_neither_is_taken_for_the_other():
    sounds = replace(sounds_of([{1}]), pans=torch.tensor([torch.nan]))
    bank = bank_of()
    bank.write(sounds_of([{1}]))
    always = replace(SETTINGS, rematch_rate=1.0)
    assert not rematched(mismatched(sounds), sounds, bank, always, generator()).matched.any()


def test_what_is_rematched_is_of_something_that_is_seen():
    sounds = sounds_of([{1}, {2}])
    bank = bank_of()
    bank.write(sounds_of([{1}]))
    always = replace(SETTINGS, rematch_rate=1.0)
    pairs = rematched(mismatched(sounds), sounds, bank, always, generator())
    assert pairs.matched.tolist() == [True, False]
    assert pairs.absent.tolist() == [False, True]


@pytest.mark.parametrize("pan", [0.0, 0.25, 1.0])
def test_a_clip_is_panned_by_its_loudness_in_each_channel(pan):
    clip = torch.tensor([0.5, -2.0, 0.0])
    assert torch.equal(panned(clip, torch.tensor(pan), 2).sum(0), clip)
    assert torch.equal(panned(clip, torch.tensor(pan), 2)[1], pan * clip)
    assert torch.equal(panned(clip, torch.tensor(pan), 1), clip[None])


@pytest.mark.parametrize(("silence", "noise"), [(0.5, 0.0), (0.0, 0.5), (0.25, 0.25)])
def test_a_chance_is_the_share_of_the_draws_below_it(monkeypatch, silence, noise):
    monkeypatch.setattr(torch, "rand", lambda count, **_: torch.tensor([0.0, 0.25, 0.5, 0.75]))
    settings = replace(SETTINGS, silence_rate=silence, noise_rate=noise)
    pairs = without_sources(
        shuffled_pairs(sounds_of([{1}] * 4), generator()), settings, generator()
    )
    assert pairs.absent.tolist() == [True, True, False, False]
    silent = (given(pairs) == 0).all(dim=(1, 2)).tolist()
    assert silent == [silence > 0.0, silence > 0.25, False, False]


def test_the_sounds_of_a_batch_are_those_of_all_processes():
    own = (torch.rand(2, 1, SAMPLES), *(torch.ones(2, 5) * i for i in range(2)), *torch.rand(2, 2))
    batch = Batch((), own[0], own[0], *own)
    sounds = Sounds.of_all(batch, ALONE)
    for name in ("waveforms", "sounding", "seen", "pans", "kinds"):
        assert getattr(sounds, name) is getattr(batch, name)


def test_a_bank_keeps_how_often_it_was_written_as_whole_numbers():
    assert bank_of().state_dict()["written"].dtype == torch.long
