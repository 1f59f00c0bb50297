from dataclasses import replace

import pytest
import torch

from avs_bench.data.loader import plain_batches
from avs_bench.metrics import f1_dataset, miou_dataset
from avs_bench.probes import (
    PROBES,
    RIGHT_SOUND,
    false_positive_rate,
    listening_gain,
    pan_sensitivity,
    right_answer,
)
from avs_bench.probes.scores import probed_batch, score_probe
from tests.bench.probes.conftest import ignores_audio, obeys_audio, obeys_sides
from vpo_builder.runtime.errors import InputError

NEGATIVE = ("silence", "noise", "off-screen")


@pytest.fixture
def batch(toy, stereo):
    settings = replace(stereo, evaluation=replace(stereo.evaluation, batch_size=16))
    return next(iter(plain_batches(toy, toy.subsets["test"], settings)))


def answers(batch):
    """The right answer [B, H, W] to each item of a batch, by what sounds in it."""
    pairs = zip(batch.targets.numpy(), batch.sounding, strict=True)
    return torch.stack(
        [torch.from_numpy(right_answer(t, s.nonzero()[:, 0].tolist())) for t, s in pairs]
    )


class TestAlteredSound:
    def test_noise_is_as_loud_as_what_it_replaces_and_repeats(self, batch):
        noisy, again = (probed_batch(PROBES["noise"], batch, seed=5) for _ in range(2))
        level = [b.waveforms.square().mean(dim=(1, 2)).sqrt() for b in (noisy, batch)]
        assert torch.allclose(*level, rtol=1e-4)
        assert torch.equal(noisy.waveforms, again.waveforms)
        assert not noisy.sounding.any()

    def test_noise_of_an_example_does_not_depend_on_its_batch(self, batch):
        half = replace(
            batch,
            examples=batch.examples[3:],
            waveforms=batch.waveforms[3:],
            sounding=batch.sounding[3:],
        )
        noise, of_half = (probed_batch(PROBES["noise"], b).waveforms for b in (batch, half))
        assert torch.equal(noise[3:], of_half)

    def test_noise_for_silence_is_audible(self, batch):
        silent = replace(batch, waveforms=torch.zeros_like(batch.waveforms))
        noise = probed_batch(PROBES["noise"], silent).waveforms
        assert float(noise.square().mean().sqrt()) == pytest.approx(0.1, rel=1e-4)

    def test_swapping_twice_is_nothing(self, batch):
        once = probed_batch(PROBES["swap-channels"], batch)
        twice = probed_batch(PROBES["swap-channels"], once)
        assert torch.equal(once.waveforms[:, 0], batch.waveforms[:, 1])
        assert torch.equal(twice.waveforms, batch.waveforms)
        assert torch.equal(twice.pans.nan_to_num(), batch.pans.nan_to_num())

    def test_the_batch_given_is_unchanged(self, batch):
        before = [t.clone() for t in (batch.waveforms, batch.targets, batch.sounding)]
        for probe in PROBES.values():
            answers(probed_batch(probe, batch))
        after = (batch.waveforms, batch.targets, batch.sounding)
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))

    def test_a_mono_model_has_no_channels_to_swap(self, toy, mono):
        with pytest.raises(InputError, match="hears 1 channel, expected 2"):
            score_probe(PROBES["swap-channels"], toy, "test", mono, ignores_audio)


class TestRightAnswer:
    def test_with_the_right_sound_it_is_the_mask(self, batch):
        assert torch.equal(answers(batch), batch.targets)

    def test_what_does_not_sound_is_background_and_ignored_stays_ignored(self, batch):
        heard = batch.sounding.clone()
        heard[4] = torch.tensor([False, False, True, False, False])  # of cat and dog, the dog
        answer = answers(replace(batch, sounding=heard))[4]
        assert answer.unique().tolist() == [0, 2, 255]
        assert torch.equal(answer == 2, batch.targets[4] == 2)

    @pytest.mark.parametrize("name", NEGATIVE)
    def test_negative_sounds_ask_for_an_empty_mask(self, name, toy, mono):
        scores = score_probe(PROBES[name], toy, "test", mono, ignores_audio)
        assert scores.answer.overall.classes_in_target == [0]


class TestPlantedModels:
    """Both see perfectly; they differ only in whether they listen."""

    def test_a_model_that_ignores_audio_gains_nothing(self, toy, mono):
        right = score_probe(RIGHT_SOUND, toy, "test", mono, ignores_audio)
        silent = score_probe(PROBES["silence"], toy, "test", mono, ignores_audio)
        gain = listening_gain(right.labelled, silent)
        assert gain.low <= 0 <= gain.high
        assert gain.p_value == 1

    def test_a_model_that_obeys_gains_its_score(self, toy, mono):
        right = score_probe(RIGHT_SOUND, toy, "test", mono, obeys_audio)
        silent = score_probe(PROBES["silence"], toy, "test", mono, obeys_audio)
        gain = listening_gain(right.labelled, silent)
        assert gain.low > 0.4
        assert gain.is_significant
        assert gain.first.value == miou_dataset(right.answer.overall).value
        assert listening_gain(right.labelled, silent, f1_dataset).difference > 0.4

    @pytest.mark.parametrize("name", NEGATIVE)
    def test_only_the_deaf_one_answers_to_negative_sounds(self, name, toy, mono):
        deaf, obedient = (
            false_positive_rate(score_probe(PROBES[name], toy, "test", mono, model))
            for model in (ignores_audio, obeys_audio)
        )
        assert deaf.low > 0.2
        assert obedient.figure.value == obedient.high == 0

    @pytest.mark.parametrize("name", ["shuffled", "single"])
    def test_only_the_obedient_one_follows_the_sound(self, name, toy, mono):
        deaf, obedient = (
            score_probe(PROBES[name], toy, "test", mono, model).answer.overall
            for model in (ignores_audio, obeys_audio)
        )
        assert miou_dataset(obedient, obedient.classes_in_target).value == 1
        assert miou_dataset(deaf, deaf.classes_in_target).value < 0.9

    def test_pan_sensitivity_separates_who_hears_sides(self, toy, stereo):
        def sensitivity(model):
            right = score_probe(RIGHT_SOUND, toy, "test", stereo, model)
            swapped = score_probe(PROBES["swap-channels"], toy, "test", stereo, model)
            return pan_sensitivity(right.labelled, swapped)

        hears_sides, does_not = sensitivity(obeys_sides), sensitivity(obeys_audio)
        assert hears_sides.units == does_not.units == 2
        assert hears_sides.low > 0.3
        assert does_not.difference == does_not.low == does_not.high == 0


class TestScores:
    def test_do_not_depend_on_the_batch_size(self, toy, mono):
        def scores(batch_size):
            evaluation = replace(mono.evaluation, batch_size=batch_size)
            settings = replace(mono, evaluation=evaluation)
            return score_probe(PROBES["noise"], toy, "test", settings, obeys_audio)

        assert scores(2) == scores(9)

    def test_counterfactuals_of_a_picture_are_one_unit(self, toy, mono):
        silent = score_probe(PROBES["silence"], toy, "test", mono, ignores_audio)
        assert false_positive_rate(silent).units == len(silent.answer.items) - 1

    def test_gain_needs_silence_and_the_right_sound(self, toy, mono):
        noise = score_probe(PROBES["noise"], toy, "test", mono, ignores_audio)
        with pytest.raises(InputError, match="got dataset-level ones and noise"):
            listening_gain(noise.labelled, noise)
