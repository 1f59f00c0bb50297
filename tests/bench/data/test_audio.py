from pathlib import Path

import numpy as np
import pytest
import soundfile

from avs_bench.data.audio import mix, read_centre
from avs_bench.data.example import SoundSource
from vpo_builder.runtime.errors import InputError


def write_ramp(path: Path, samples: int, rate: int = 16_000, channels: int = 1) -> Path:
    """A clip whose sample i is i / 2^15, so that a sample tells its place."""
    ramp = np.arange(samples, dtype=np.int16)
    soundfile.write(path, np.tile(ramp[:, None], channels).squeeze(), rate, subtype="PCM_16")
    return path


def places(waveform: np.ndarray) -> np.ndarray:
    return np.rint(waveform * 2**15).astype(int)


def test_the_centre_of_a_long_clip_is_read(tmp_path):
    clip = write_ramp(tmp_path / "a.wav", 1000)
    assert places(read_centre(clip, 10)).tolist() == list(range(495, 505))


def test_a_short_clip_is_tiled_from_its_beginning(tmp_path):
    clip = write_ramp(tmp_path / "a.wav", 4)
    assert places(read_centre(clip, 10)).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_mono_is_the_plain_sum_and_stereo_is_panned(tmp_path):
    one = write_ramp(tmp_path / "a.wav", 16_000)
    sources = [SoundSource(one, 1, 0.25), SoundSource(one, 2, 1.0)]
    x = read_centre(one, 16_000)

    np.testing.assert_allclose(mix(sources, 1, 1), [2 * x])
    np.testing.assert_allclose(mix(sources, 1, 2), [0.75 * x, 1.25 * x], rtol=1e-6)
    assert mix([], 1, 2).shape == (2, 16_000)
    assert not mix([], 1, 2).any()


@pytest.mark.parametrize(
    ("samples", "rate", "channels"), [(100, 8_000, 1), (100, 16_000, 2), (0, 16_000, 1)]
)
def test_another_rate_several_channels_or_no_sample_is_one_line(tmp_path, samples, rate, channels):
    clip = write_ramp(tmp_path / "odd.wav", samples, rate, channels)
    with pytest.raises(InputError, match=r"odd\.wav: .*expected 16000 Hz mono"):
        read_centre(clip, 10)


def test_a_missing_and_a_broken_clip_are_told_apart(tmp_path):
    with pytest.raises(InputError, match=r"gone\.wav: no such file"):
        read_centre(tmp_path / "gone.wav", 10)
    (tmp_path / "broken.wav").write_bytes(b"RIFFnothing")
    with pytest.raises(InputError, match=r"broken\.wav: (?!no such file)"):
        read_centre(tmp_path / "broken.wav", 10)
