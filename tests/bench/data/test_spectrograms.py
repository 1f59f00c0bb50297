"""The audio front ends are the published ones."""

from pathlib import Path

import numpy as np
import pytest
import torch

from avs_bench.data.spectrograms import cavp_logmel, vggish_examples

AUDIO = Path(__file__).parents[3].parent / "shared" / "fixtures" / "audio"
needs_fixtures = pytest.mark.skipif(not AUDIO.is_dir(), reason="no ../shared/fixtures beside us")
TOLERANCE = 5e-5  # absolute, fixtures' README


@needs_fixtures
def test_cavp_logmel_is_the_official_one():
    fixture = np.load(AUDIO / "cavp_logmel.npz")
    ours = cavp_logmel(torch.from_numpy(fixture["waveform"])[None, None])[0]
    np.testing.assert_allclose(ours.numpy(), fixture["logmel"], rtol=0, atol=TOLERANCE)


@needs_fixtures
def test_vggish_examples_are_the_official_ones():
    fixture = np.load(AUDIO / "vggish.npz")
    ours = vggish_examples(torch.from_numpy(fixture["waveform"])[None])[0]
    np.testing.assert_allclose(ours.numpy(), fixture["examples"], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("front_end", [cavp_logmel, vggish_examples])
def test_a_batch_is_its_items(front_end):
    waveforms = 0.1 * torch.randn(3, 2, 48_000, generator=torch.Generator().manual_seed(0))
    whole = front_end(waveforms)
    for item, channel in np.ndindex(3, 2):
        single = front_end(waveforms[item, channel])
        torch.testing.assert_close(whole[item, channel], single, rtol=0, atol=1e-6)


def test_one_second_gives_96_frames():
    assert cavp_logmel(torch.zeros(2, 1, 16_000)).shape == (2, 1, 96, 64)
    assert vggish_examples(torch.zeros(2, 16_000)).shape == (2, 1, 1, 96, 64)


def test_silence_is_the_floor():
    assert torch.all(cavp_logmel(torch.zeros(1, 1, 48_000)) == -1)


@pytest.mark.parametrize(
    ("front_end", "samples"), [(cavp_logmel, 47_999), (vggish_examples, 15_599)]
)
def test_another_length_is_refused(front_end, samples):
    with pytest.raises(ValueError, match=str(samples)):
        front_end(torch.zeros(1, samples))
