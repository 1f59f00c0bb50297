"""Every corruption does what its level says, nothing at level 0, and draws by seed and id."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avs_bench.data.audio import SAMPLE_RATE, mix
from avs_bench.probes import sound_corruptions as sounds
from avs_bench.probes.choice import chosen_probes
from avs_bench.probes.corruptions import CORRUPTIONS, SNR_DB
from avs_bench.probes.definitions import probed_examples, probed_sound
from avs_bench.probes.picture_corruptions import CELLS, GREY, brighter, occluded
from vpo_builder.runtime.errors import InputError

RANDOM = np.random.default_rng(0)
WAVE = (
    0.2 * np.sin(2 * np.pi * 440 * np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE)
    + 0.05 * RANDOM.standard_normal(3 * SAMPLE_RATE)
).astype(np.float32)[None]
STEREO = np.concatenate([0.3 * WAVE, 0.7 * WAVE])
PIXELS = RANDOM.integers(0, 256, (60, 90, 3), dtype=np.uint8)
SOUNDS = [c for c in CORRUPTIONS.values() if c.of == "sound"]
PICTURES = [c for c in CORRUPTIONS.values() if c.of == "picture"]


def decibels(sound: np.ndarray, added: np.ndarray) -> float:
    power = [np.mean(np.square(x, dtype=np.float64)) for x in (sound, added)]
    return float(10 * np.log10(power[0] / power[1]))


@pytest.mark.parametrize("corruption", CORRUPTIONS.values(), ids=CORRUPTIONS)
def test_level_0_is_what_it_was_to_the_byte(corruption, toy):
    probe = corruption.at(0)
    assert probe.sound(WAVE, None, 0, "x").tobytes() == WAVE.tobytes()
    assert probe.picture is None
    assert probed_examples(probe, toy.subsets["test"]) == toy.subsets["test"]


@pytest.mark.parametrize("wave", [WAVE, STEREO], ids=["mono", "stereo"])
@pytest.mark.parametrize("corruption", [c for c in SOUNDS if c.at(1).hear is c.at(0).hear],
                         ids=lambda c: c.name)  # fmt: skip
def test_every_level_changes_the_sound_and_is_drawn_by_seed_and_id(corruption, wave):
    before = wave.tobytes()
    for level in range(1, len(corruption.levels) + 1):
        probe = corruption.at(level)
        beside = wave[:, ::-1] if probe.beside else None
        heard, again = (probe.sound(wave, beside, 3, "x") for _ in range(2))
        assert heard.tobytes() == again.tobytes()
        assert (heard.shape, heard.dtype) == (wave.shape, np.float32)
        assert np.isfinite(heard).all()
        assert np.abs(heard - wave).max() > 1e-4
    assert wave.tobytes() == before


@pytest.mark.parametrize("name", ["snr-noise", "snr-music", "snr-babble"])
@pytest.mark.parametrize("level", range(1, 6))
@pytest.mark.parametrize("wave", [WAVE, STEREO], ids=["mono", "stereo"])
def test_the_signal_to_noise_ratio_is_that_of_its_level_within_a_tenth_of_a_decibel(
    name, level, wave
):
    probe = CORRUPTIONS[name].at(level)
    beside = np.roll(wave, 500, axis=1) if probe.beside else None
    added = probe.sound(wave, beside, 0, "x") - wave
    assert decibels(wave, added) == pytest.approx(SNR_DB[level - 1], abs=0.1)


def test_noise_is_the_same_at_every_level_but_for_its_strength():
    weak, strong = (CORRUPTIONS["snr-noise"].at(n).sound(WAVE, None, 0, "x") for n in (1, 5))
    factor = 10 ** ((SNR_DB[0] - SNR_DB[4]) / 20)
    assert np.allclose(strong - WAVE, factor * (weak - WAVE), atol=1e-4)


def test_silence_gets_noise_of_a_known_strength():
    noisy = CORRUPTIONS["snr-noise"].at(1).sound(np.zeros_like(WAVE), None, 0, "x")
    assert sounds.rms(noisy) == pytest.approx(sounds.QUIET_RMS * 10 ** (-SNR_DB[0] / 20), rel=1e-3)


@pytest.mark.parametrize("hertz", [4000, 1000, 250])
def test_a_low_pass_keeps_what_is_below_and_nothing_a_third_of_an_octave_above(hertz):
    noise = RANDOM.standard_normal((1, 48_000)).astype(np.float32)
    before, after = (np.abs(np.fft.rfft(x[0])) for x in (noise, sounds.low_passed(noise, hertz)))
    places = np.fft.rfftfreq(48_000, 1 / SAMPLE_RATE)
    assert np.allclose(after[places <= hertz], before[places <= hertz], rtol=1e-3)
    assert after[places > hertz * 2 ** (1 / 3)].max() < 1e-3 * before.max()


@pytest.mark.parametrize("seconds", [0.2, 0.8, 3.2])
def test_a_room_falls_by_60_decibels_in_its_time(seconds):
    """Measured on the answer to a click, by the energy that is left (Schroeder's curve)."""
    click = np.zeros((1, 4 * SAMPLE_RATE), np.float32)
    click[0, 0] = 1
    heard = sounds.reverberated(click, seconds, np.random.default_rng(1))[0]
    left = np.cumsum(np.square(heard[::-1], dtype=np.float64))[::-1]
    curve = 10 * np.log10(left / left[1])
    near, far = (int(np.argmax(curve < level)) for level in (-5, -25))
    assert 3 * (far - near) / SAMPLE_RATE == pytest.approx(seconds, rel=0.15)


@pytest.mark.parametrize("change", ["reverberation", "clipping"])
def test_a_room_and_clipping_leave_it_as_loud(change):
    for level in range(1, 6):
        heard = CORRUPTIONS[change].at(level).sound(WAVE, None, 0, "x")
        assert sounds.rms(heard) == pytest.approx(sounds.rms(WAVE), rel=1e-4)


def test_clipping_cuts_at_its_level_below_the_peak():
    heard = sounds.clipped(WAVE, 12)
    cut = np.isclose(np.abs(heard), np.abs(heard).max())
    inside = ~cut
    assert cut.mean() > 0.2
    ratio = heard[inside] / WAVE[inside]
    assert np.allclose(ratio, ratio[0], rtol=1e-3)


def test_a_late_onset_is_silent_for_its_share_and_the_sound_after_it():
    heard = CORRUPTIONS["late-onset"].at(2).sound(WAVE, None, 0, "x")
    first = round(0.4 * WAVE.shape[1])
    assert not heard[:, :first].any()
    assert (heard[:, first:] == WAVE[:, first:]).all()


@pytest.mark.parametrize("codec", ["mp3", "opus"])
@pytest.mark.parametrize("wave", [WAVE, STEREO], ids=["mono", "stereo"])
def test_a_codec_moves_nothing_and_loses_more_with_fewer_bits(codec, wave):
    errors = []
    for level in (1, 5):
        heard = CORRUPTIONS[codec].at(level).sound(wave, None, 0, "x")
        assert heard.shape == wave.shape
        lags = [np.sum(wave[0, 100:-100] * np.roll(heard[0], -k)[100:-100]) for k in range(-8, 9)]
        assert abs(int(np.argmax(lags)) - 8) <= 3  # a fifth of a millisecond
        errors.append(np.mean(np.square(heard - wave)))
    assert errors[0] < errors[1]


@pytest.mark.parametrize("samples", [1, 80])
def test_a_codec_takes_a_sound_that_is_shorter_than_its_frame(samples):
    """Of 80 loud samples FFmpeg does not see by itself that they are MP3."""
    loud = np.sign(np.random.default_rng(14).standard_normal((2, samples))).astype(np.float32)
    for codec, kilobits in (("mp3", 8), ("mp3", 32), ("opus", 6)):
        assert sounds.coded(loud, codec, kilobits).shape == loud.shape


def test_a_codec_gives_silence_back():
    assert not sounds.coded(np.zeros_like(WAVE), "mp3", 8).any()


@pytest.mark.parametrize("count", [1, 2])
def test_distractors_are_voices_of_classes_that_are_not_in_the_picture(toy, count):
    examples = toy.subsets["test"]
    own = {example.example_id: example for example in examples}
    probe = CORRUPTIONS["distractors"].at(count)
    for heard in probed_examples(probe, examples, seed=2):
        before = own[heard.example_id]
        added = heard.sources[len(before.sources) :]
        assert heard.sources[: len(before.sources)] == before.sources
        assert len({source.clip for source in added}) == count
        seen = {source.class_index for source in before.sources} | set(before.silent)
        assert not seen & {source.class_index for source in added}
        assert {source.pan for source in added} == {0.5}


def test_more_distractors_begin_with_the_same(toy):
    examples = toy.subsets["test"]
    one, two = (
        {
            e.example_id: e.sources
            for e in probed_examples(CORRUPTIONS["distractors"].at(n), examples)
        }
        for n in (1, 2)
    )
    assert two
    for example_id, sources in two.items():
        assert sources[:-1] == one[example_id]


def test_babble_is_blended_from_voices_by_themselves(toy):
    """The sound that is written for other programs is that which a model hears."""
    probe, examples = CORRUPTIONS["snr-babble"].at(3), toy.subsets["test"]
    beside = probe.beside(examples, 0)
    (example, *_) = (e for e in probed_examples(probe, examples) if beside[e.example_id])
    voices = beside[example.example_id]
    heard = probed_sound(probe, example, seconds=1, channels=1, beside=voices)
    own, added = mix(example.sources, 1, 1), mix(voices, 1, 1)
    assert decibels(own, heard - own) == pytest.approx(5, abs=0.1)
    assert np.corrcoef((heard - own)[0], added[0])[0, 1] > 0.999


@pytest.mark.parametrize("name", ["snr-babble", "distractors"])
def test_what_is_heard_does_not_depend_on_which_pictures_are_asked(toy, name):
    examples = toy.subsets["test"]
    probe = chosen_probes([f"{name}@1"])[0]
    whole = {one.example_id: one for one in probe.hear(examples, 4)}
    for one in examples:
        part = probe.drawing_from(examples)
        assert part.hear([one], 4) == tuple(filter(None, [whole.get(one.example_id)]))
        if probe.beside:
            assert (
                part.beside([one], 4)[one.example_id] == probe.beside(examples, 4)[one.example_id]
            )
    assert whole


@pytest.mark.parametrize("name", ["snr-babble", "distractors"])
def test_where_all_sounds_are_of_one_class_nobody_is_asked_with_other_voices(toy, name):
    alike = [one for one in toy.subsets["test"] if one.heard == {2}]
    assert len(alike) > 1
    with pytest.raises(InputError, match="none of"):
        probed_examples(CORRUPTIONS[name].at(1), alike)


@pytest.mark.parametrize(("level", "pan"), [(1, 0.26), (5, 0.9)])
def test_a_pan_error_moves_sources_towards_the_mirror_image(toy, level, pan):
    example = toy.subsets["test"][0]
    source = replace(example.sources[0], pan=0.1)
    probe = CORRUPTIONS["pan-error"].at(level)
    (heard,) = probe.hear([replace(example, sources=(source,))], 0)
    assert heard.sources[0].pan == pytest.approx(pan)
    assert probe.stereo


@pytest.mark.parametrize("corruption", PICTURES, ids=lambda c: c.name)
def test_pictures_keep_their_shape_and_get_worse(corruption):
    smooth = np.tile(np.linspace(0, 200, 90).astype(np.uint8)[None, :, None], (60, 1, 3))
    smooth[20:40, 30:60] = (200, 40, 90)
    errors, before = [], smooth.tobytes()
    for level in range(1, 6):
        probe = corruption.at(level)
        seen, again = (probe.picture(smooth, 1, "x") for _ in range(2))
        assert (seen.shape, seen.dtype) == (smooth.shape, np.uint8)
        assert seen.tobytes() == again.tobytes()
        errors.append(np.mean(np.square(seen.astype(float) - smooth)))
    assert smooth.tobytes() == before
    assert errors[0] > 0
    assert errors == sorted(errors)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_occlusion_covers_its_share_of_the_cells(share):
    white = np.full((80, 160, 3), 255, np.uint8)
    hidden = (occluded(white, share, np.random.default_rng(0)) == GREY).all(axis=2)
    assert hidden.mean() == pytest.approx(round(share * CELLS**2) / CELLS**2)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.floats(0.1, 0.5))
@settings(max_examples=30, deadline=None)
def test_brightness_keeps_the_hue_and_adds_to_the_value(red, green, blue, more):
    pixel = np.array([[[red, green, blue]]], np.uint8)
    seen = brighter(pixel, more)
    assert abs(int(seen.max()) - min(255, round(int(pixel.max()) + 255 * more))) <= 1
    if pixel.max() > 0:
        expected = pixel.astype(float) * int(seen.max()) / int(pixel.max())
        assert np.abs(seen - expected).max() <= 1.5


def test_a_level_is_a_probe_by_name():
    (probe,) = chosen_probes(["snr-noise@3"])
    assert probe.name == "snr-noise@3"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("snr-noise", "snr-noise@3"),
        ("snow@1", "choose of"),
        ("jpeg@6", "0 to 5"),
        ("jpeg@x", "no level"),
        ("distractors@5", "0 to 4"),
        ("jpeg@01", "no level"),
    ],
)
def test_an_unknown_name_or_level_is_told_what_there_is(name, said):
    with pytest.raises(InputError, match=said):
        chosen_probes([name])
