import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.builder.small_corpus import tone
from vpo_builder.config import load_config
from vpo_builder.records import Reason
from vpo_builder.rendering.clip_place import ClipPlace
from vpo_builder.rendering.clip_sound import ClipTask, prepare_clip
from vpo_builder.rendering.decoding import decode
from vpo_builder.runtime.ffmpeg_program import ffmpeg_program

CONFIG = load_config("default")


def prepare(path: Path, target: Path) -> Reason | None:
    return prepare_clip(ClipTask(path, ClipPlace(target), CONFIG.clips, CONFIG.audio))


def convert(source: Path, target: Path) -> Path:
    subprocess.run([ffmpeg_program(), "-v", "error", "-i", source, target], check=True)
    return target


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".m4a", ".mp4"])
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2)])
def test_every_format_becomes_16khz_mono_pcm16(
    tmp_path: Path, suffix: str, rate: int, channels: int
) -> None:
    sound = np.stack([tone(2.5, 440.0, rate)] * channels, axis=1)
    soundfile.write(tmp_path / "source.wav", sound, rate)
    path = tmp_path / "source.wav"
    if suffix != ".wav":
        path = convert(path, tmp_path / f"clip{suffix}")
    assert prepare(path, tmp_path / "out.wav") is None
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    exact = suffix in (".wav", ".flac", ".ogg")
    assert abs(info.frames - 40_000) <= (0 if exact else 1600)
    written, _ = soundfile.read(tmp_path / "out.wav")
    spectrum = np.abs(np.fft.rfft(written[8000:24_000]))
    assert spectrum.argmax() == 440
    assert 0.25 < np.abs(written).max() < 0.35


@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize(
    ("suffix", "subtype"), [("wav", "PCM_16"), ("flac", "PCM_16"), ("flac", "PCM_24")]
)
def test_decoding_gives_the_mean_of_the_channels_as_read_in_float32(
    tmp_path: Path, suffix: str, subtype: str, channels: int
) -> None:
    path = tmp_path / f"clip.{suffix}"
    loud = np.random.default_rng(0).normal(0, 0.5, (4_000, channels))
    soundfile.write(path, loud, 16_000, subtype=subtype)
    expected = soundfile.read(path, dtype="float32", always_2d=True)[0].mean(axis=1)
    assert np.array_equal(decode(path).mono, expected)


def test_a_longer_clip_is_cut_to_ten_seconds_exactly(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(10.04, rate=22_050), 22_050)
    assert prepare(tmp_path / "a.wav", tmp_path / "out.wav") is None
    assert soundfile.info(tmp_path / "out.wav").frames == 160_000


def test_sound_louder_than_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(2.0, level=1.02), 16_000, subtype="FLOAT")
    prepare(tmp_path / "a.wav", tmp_path / "out.wav")
    written, _ = soundfile.read(tmp_path / "out.wav")
    assert np.abs(np.diff(written)).max() < 0.4


def cut(path: Path, share: float = 0.5) -> None:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".m4a"])
def test_a_file_cut_short_is_noticed(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 160_000).astype(np.float32)
    soundfile.write(tmp_path / "source.wav", noise, 16_000)
    path = tmp_path / "source.wav"
    if suffix != ".wav":
        path = convert(path, tmp_path / f"clip{suffix}")
    cut(path)
    assert prepare(path, tmp_path / "out.wav") in (Reason.CLIP_TRUNCATED, Reason.CLIP_UNDECODABLE)
    assert not (tmp_path / "out.wav").exists()


@pytest.mark.parametrize(
    ("sound", "reason"),
    [
        (tone(0.5), Reason.CLIP_TOO_SHORT),
        (tone(12.0), Reason.CLIP_TOO_LONG),
        (np.zeros(160_000, np.float32), Reason.CLIP_SILENT),
        (np.concatenate([tone(3.0), np.zeros(64_000, np.float32), tone(3.0)]), Reason.CLIP_SILENT),
        (tone(5.0, level=0.0001), Reason.CLIP_SILENT),
        (np.clip(tone(5.0, level=3.0), -1, 1), Reason.CLIP_CLIPPED),
    ],
)
def test_a_clip_that_cannot_be_used_has_its_reason(
    tmp_path: Path, sound: np.ndarray, reason: Reason
) -> None:
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="FLOAT")
    assert prepare(tmp_path / "a.wav", tmp_path / "out.wav") == reason
    assert list(tmp_path.iterdir()) == [tmp_path / "a.wav"]


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.m4a", "-a.mp4"])
def test_bytes_that_are_no_sound_are_undecodable(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"<html>gone</html>" * 50)
    assert prepare(tmp_path / name, tmp_path / "out.wav") == Reason.CLIP_UNDECODABLE


def test_a_video_without_sound_is_undecodable(tmp_path: Path) -> None:
    path = tmp_path / "mute.mp4"
    arguments = ["-v", "error", "-f", "lavfi", "-i", "color=s=32x32:d=1", path]
    subprocess.run([ffmpeg_program(), *arguments], check=True)
    assert prepare(path, tmp_path / "out.wav") == Reason.CLIP_UNDECODABLE
