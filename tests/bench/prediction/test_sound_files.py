import numpy as np
import pytest
import soundfile

from avs_bench.data.audio import SAMPLE_RATE
from avs_bench.prediction.sound_files import lasting, read_sound, window
from vpo_builder.runtime.errors import InputError

pytestmark = pytest.mark.media

RAMP = np.arange(5 * SAMPLE_RATE, dtype=np.float32)[None]


def test_the_window_is_centred_at_the_picture():
    heard = window(RAMP, 2.5, 3)
    assert heard.shape == (1, 48_000)
    assert (heard[0, 0], heard[0, -1]) == (16_000, 63_999)


def test_at_the_ends_it_stays_within_the_recording():
    assert window(RAMP, 0.2, 3)[0, 0] == 0
    assert window(RAMP, 4.9, 3)[0, -1] == 5 * SAMPLE_RATE - 1


def test_a_shorter_recording_is_repeated_as_in_training():
    short = RAMP[:, :20_000]
    heard = window(short, 0.5, 3)
    assert heard[0, :20_000].tolist() == heard[0, 20_000:40_000].tolist() == short[0].tolist()


def test_silence_follows_sound_that_ends_before_the_pictures():
    longer = lasting(RAMP, 6)
    assert longer.shape == (1, 6 * SAMPLE_RATE)
    assert not longer[0, 5 * SAMPLE_RATE :].any()
    assert lasting(RAMP, 2).shape == RAMP.shape


class TestReading:
    @pytest.fixture
    def sides(self, tmp_path):
        left = 0.5 * np.sin(np.arange(SAMPLE_RATE) / 10)
        path = tmp_path / "a.wav"
        soundfile.write(path, np.stack([left, 0 * left], axis=1), SAMPLE_RATE, subtype="FLOAT")
        return path, left

    def test_one_channel_is_the_mean(self, sides):
        path, left = sides
        assert np.allclose(read_sound(path, 1), left[None] / 2, atol=1e-4)

    def test_two_channels_add_up_to_the_mean(self, sides):
        path, _ = sides
        stereo = read_sound(path, 2)
        assert np.allclose(stereo.sum(axis=0), read_sound(path, 1)[0], atol=1e-6)
        assert not stereo[1].any()

    def test_a_mono_file_is_heard_in_the_middle(self, tmp_path, sides):
        soundfile.write(tmp_path / "m.wav", sides[1], SAMPLE_RATE, subtype="FLOAT")
        stereo = read_sound(tmp_path / "m.wav", 2)
        assert np.allclose(stereo, sides[1] / 2, atol=1e-4)

    def test_it_is_resampled(self, tmp_path):
        wave = np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
        soundfile.write(tmp_path / "a.flac", wave, 44_100)
        spectrum = np.abs(np.fft.rfft(read_sound(tmp_path / "a.flac", 1)[0, :SAMPLE_RATE]))
        assert int(spectrum.argmax()) == 440

    @pytest.mark.parametrize(
        ("name", "data", "match"),
        [
            ("absent.wav", None, "no such file"),
            ("text.wav", b"hello", "no sound that ffmpeg can read"),
            ("empty.wav", b"", "no sound that ffmpeg can read"),
        ],
    )
    def test_what_is_no_recording_is_one_line(self, tmp_path, name, data, match):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=match) as error:
            read_sound(tmp_path / name, 1)
        assert "\n" not in str(error.value)

    def test_a_recording_of_no_numbers_is_one_line(self, tmp_path):
        wave = np.full(SAMPLE_RATE, np.nan, np.float32)
        soundfile.write(tmp_path / "a.wav", wave, SAMPLE_RATE, subtype="FLOAT")
        with pytest.raises(InputError, match="no numbers"):
            read_sound(tmp_path / "a.wav", 1)
