import io
import os
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avs_bench.data.audio import read_centre
from tests.builder.small_corpus import tone
from vpo_builder.config import load_config
from vpo_builder.records import Reason
from vpo_builder.rendering.clip_place import ClipPlace
from vpo_builder.rendering.clip_record import read_notes, record_path
from vpo_builder.rendering.clip_sound import ClipTask, encode_wav, prepare_clip
from vpo_builder.rendering.decoding import Excerpt, decode
from vpo_builder.rendering.mix import centre_tiled
from vpo_builder.runtime.ffmpeg_program import ffmpeg_program

pytestmark = pytest.mark.media
CONFIG = load_config("default")


def prepare(path: Path, target: Path) -> Reason | None:
    return prepare_clip(ClipTask(path, ClipPlace(target), CONFIG.clips, CONFIG.audio))


def convert(source: Path, target: Path) -> Path:
    subprocess.run([ffmpeg_program(), "-v", "error", "-i", source, target], check=True)
    return target


@pytest.mark.parametrize("channels", [0, 1, 2])
def test_a_wav_is_byte_for_byte_the_one_that_libsndfile_writes(channels: int) -> None:
    shape = (333, channels) if channels else 333
    sound = np.random.default_rng(0).uniform(-1.2, 1.2, shape).astype(np.float32, order="F")
    levels = np.clip(np.rint(sound * 2**15), -(2**15), 2**15 - 1).astype(np.int16)
    expected = io.BytesIO()
    soundfile.write(expected, levels, 22_050, subtype="PCM_16", format="WAV")
    assert encode_wav(sound, 22_050) == expected.getvalue()


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".m4a", ".mp4"])
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2)])
def test_every_format_becomes_16khz_mono_pcm16(
    tmp_path: Path, suffix: str, rate: int, channels: int
) -> None:
    sound = np.stack([tone(3.5, 440.0, rate)] * channels, axis=1)
    soundfile.write(tmp_path / "source.wav", sound, rate)
    path = tmp_path / "source.wav"
    if suffix != ".wav":
        path = convert(path, tmp_path / f"clip{suffix}")
    assert prepare(path, tmp_path / "out.wav") is None
    info = soundfile.info(tmp_path / "out.wav")
    assert (info.samplerate, info.channels, info.subtype) == (16_000, 1, "PCM_16")
    exact = suffix in (".wav", ".flac", ".ogg")
    assert abs(info.frames - 56_000) <= (0 if exact else 1600)
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


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".m4a"])
def test_an_excerpt_is_that_part_of_the_whole_and_announces_no_more(
    tmp_path: Path, suffix: str
) -> None:
    sound = np.linspace(0, 0.9, 5 * 16_000, dtype=np.float32) * tone(5.0, level=1.0)
    soundfile.write(tmp_path / "a.wav", sound, 16_000)
    path = tmp_path / f"a{suffix}"
    if suffix != ".wav":
        convert(tmp_path / "a.wav", path)
    part = decode(path, Excerpt(1.5, 2.0), 11.0)
    assert abs(len(part.mono) - 32_000) <= (suffix == ".mp3")  # ffmpeg rounds the times of an MP3
    np.testing.assert_allclose(part.mono[:32_000], sound[24_000:56_000], atol=0.05)
    assert part.announced_seconds == 2.0
    rest = decode(path, Excerpt(4.0, 2.0), 11.0)
    assert rest.seconds == pytest.approx(1.0, abs=0.1)
    assert rest.announced_seconds == pytest.approx(1.0, abs=0.1)
    assert decode(path, Excerpt(6.0, 2.0), 11.0).seconds == 0.0


@pytest.mark.parametrize("samples", [16_000, 24_001, 32_000, 46_400, 47_999, 48_000, 48_001])
def test_every_reader_hears_the_same_of_a_clip_however_short_it_is(
    tmp_path: Path, samples: int
) -> None:
    noise = np.random.default_rng(samples).uniform(-0.5, 0.5, samples)
    path, target = tmp_path / "a.wav", tmp_path / "audios" / "a.wav"
    target.parent.mkdir()
    soundfile.write(path, noise, 16_000)
    before = soundfile.read(path, dtype="float32")[0]
    assert prepare(path, target) is None
    written = soundfile.read(target, dtype="float32")[0]
    expected = np.resize(before, 48_000) if samples < 48_000 else before[:48_000]
    middle = len(written) // 2
    published = written[middle - 24_000 : middle + 24_000]  # as the published loader cuts it out
    assert len(written) == max(samples, 48_000)
    for heard in (published, centre_tiled(written, 48_000), read_centre(target, 48_000)):
        assert np.array_equal(heard, expected)
    (note,) = read_notes(target.parent)["a"]
    assert note.tiled_from == (round(samples / 16_000, 6) if samples < 48_000 else None)
    assert (b"tiled_from" in record_path(target.parent).read_bytes()) == (samples < 48_000)


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


NOISY = np.random.default_rng(1).normal(0, 0.05, 160_000).astype(np.float32) + tone(10.0)


def run_ffmpeg(*arguments: object) -> None:
    command = [ffmpeg_program(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "source.wav", NOISY, 16_000)
    return tmp_path / "source.wav"


def is_used(path: Path, tmp_path: Path, seconds: float = 10.0) -> bool:
    """Tell whether a recording becomes a clip of so many seconds, give or take a frame of AAC."""
    reason = prepare(path, tmp_path / "out.wav")
    return reason is None and abs(soundfile.info(tmp_path / "out.wav").duration - seconds) < 0.12


@pytest.mark.parametrize("suffix", [".wav", ".mp4"])
@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_wav_whose_header_was_written_before_its_length_was_known_is_used(
    tmp_path: Path, source: Path, size: int, suffix: str
) -> None:
    data = bytearray(source.read_bytes())
    data[4:8] = struct.pack("<I", min(size + 36, 0xFFFFFFFF) if size else 0)
    data[40:44] = struct.pack("<I", size)
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(data)
    assert is_used(path, tmp_path)


def test_a_wav_that_says_a_size_below_two_gigabytes_is_believed(
    tmp_path: Path, source: Path
) -> None:
    data = bytearray(source.read_bytes())
    data[40:44] = struct.pack("<I", 0x7FEFFFFF)
    source.write_bytes(data)
    assert prepare(source, tmp_path / "out.wav") == Reason.CLIP_TRUNCATED


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.flac", ["-f", "flac"]),
        ("a.mkv", ["-f", "matroska"]),
        ("a.webm", ["-c:a", "libopus", "-f", "webm"]),
        ("a.mp4", ["-c:a", "aac", "-f", "mp4", "-movflags", "frag_keyframe+empty_moov"]),
        ("a.mp3", ["-q:a", "4", "-write_xing", "0", "-f", "mp3"]),
        ("b.m4a", ["-q:a", "4", "-write_xing", "0", "-f", "mp3"]),
        ("a.aac", ["-c:a", "aac", "-f", "adts"]),
    ],
)
def test_a_recording_that_was_written_into_a_pipe_is_used(
    tmp_path: Path, source: Path, name: str, form: list[str]
) -> None:
    command = [ffmpeg_program(), "-v", "error", "-i", source, *form, "pipe:"]
    data = subprocess.run(command, check=True, capture_output=True).stdout
    (tmp_path / name).write_bytes(data)
    assert is_used(tmp_path / name, tmp_path)


@pytest.mark.parametrize(
    ("form", "name"), [(".m4a", "a.wav"), (".opus", "a.flac"), (".m4a", "a.mp3"), (".mp3", "a.mov")]
)
def test_a_recording_that_is_not_what_its_name_says_is_used(
    tmp_path: Path, source: Path, form: str, name: str
) -> None:
    run_ffmpeg("-i", source, tmp_path / f"x{form}")
    (tmp_path / f"x{form}").rename(tmp_path / name)
    assert is_used(tmp_path / name, tmp_path)


@pytest.mark.parametrize("suffix", [".m4a", ".mkv"])
def test_of_several_sound_tracks_the_first_is_heard(tmp_path: Path, suffix: str) -> None:
    soundfile.write(tmp_path / "first.wav", tone(3.0, 440.0), 16_000)
    soundfile.write(tmp_path / "second.wav", np.stack([tone(3.0, 880.0)] * 6, axis=1), 48_000)
    tracks = ["-i", tmp_path / "first.wav", "-i", tmp_path / "second.wav"]
    path = tmp_path / f"clip{suffix}"
    run_ffmpeg(*tracks, "-map", "0:a", "-map", "1:a", "-c:a", "aac", path)
    assert is_used(path, tmp_path, 3.0)
    written, _ = soundfile.read(tmp_path / "out.wav")
    assert np.abs(np.fft.rfft(written[8000:24_000])).argmax() == 440


def video(source: Path, path: Path, sound_ends: float) -> Path:
    """Write 10 s of pictures whose sound ends earlier."""
    coded = ["-c:v", "libvpx", "-c:a", "libopus"] if path.suffix == ".webm" else ["-c:a", "aac"]
    pictures = ["-f", "lavfi", "-i", "testsrc=s=64x48:d=10:r=5", "-i", source]
    heard = ["-map", "0:v", "-map", "1:a", "-filter:a", f"atrim=0:{sound_ends}"]
    run_ffmpeg(*pictures, *heard, *coded, "-movflags", "+faststart", path)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_sound_that_ends_before_the_pictures_is_whole_and_a_file_cut_short_is_not(
    tmp_path: Path, source: Path, suffix: str
) -> None:
    path = video(source, tmp_path / f"clip{suffix}", 9.0)
    assert is_used(path, tmp_path, 9.0)
    (tmp_path / "out.wav").unlink()
    cut(path, 0.7)
    assert prepare(path, tmp_path / "out.wav") == Reason.CLIP_TRUNCATED


def test_subtitles_that_outlast_the_sound_cut_nothing_short(tmp_path: Path, source: Path) -> None:
    (tmp_path / "said.srt").write_text("1\n00:00:00,000 --> 00:00:20,000\nhallo\n")
    path = tmp_path / "clip.mkv"
    run_ffmpeg("-i", source, "-i", tmp_path / "said.srt", "-c:a", "aac", "-c:s", "srt", path)
    assert is_used(path, tmp_path)


def test_a_wav_in_which_libsndfile_cannot_seek_is_used(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "gsm.wav", NOISY[::2], 8_000, subtype="GSM610")
    assert is_used(tmp_path / "gsm.wav", tmp_path)


def test_a_cut_video_whose_pictures_lie_before_its_sound_is_cut_short(tmp_path: Path) -> None:
    """All of its pictures are there, and two of ten seconds of its sound are not."""
    path = tmp_path / "clip.mp4"
    soundfile.write(tmp_path / "source.wav", NOISY, 16_000)
    pictures = ["-f", "lavfi", "-i", "color=s=32x32:d=10:r=1", "-i", tmp_path / "source.wav"]
    # An mp4's samples are written as they come: with a second between the streams, sound is last.
    late = ["-map", "0:v", "-map", "1:a", "-c:a", "pcm_s16be", "-f", "mov", "-max_interleave_delta"]
    run_ffmpeg(*pictures, *late, "0", "-movflags", "+faststart", path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) - 2 * 32_000])
    assert prepare(path, tmp_path / "out.wav") == Reason.CLIP_TRUNCATED


def test_a_long_recording_is_too_long_after_its_first_seconds(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.zeros(16_000 * 3_600, np.int16), 16_000)
    found = decode(path, most_seconds=12.0)
    assert (len(found.mono), found.announced_seconds) == (12 * 16_000, 3_600.0)
    assert prepare(path, tmp_path / "out.wav") == Reason.CLIP_TOO_LONG
    run_ffmpeg("-i", path, "-c:a", "aac", "-b:a", "8k", tmp_path / "long.m4a")
    assert len(decode(tmp_path / "long.m4a", most_seconds=12.0).mono) <= 12 * 16_000 + 2_048
    assert prepare(tmp_path / "long.m4a", tmp_path / "out.wav") == Reason.CLIP_TOO_LONG


def test_a_header_that_announces_128_gib_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "clip.flac"
    soundfile.write(path, NOISY, 16_000)
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F  # the 36 bits of STREAMINFO that count the samples
    data[22:26] = b"\xff" * 4
    path.write_bytes(data)
    assert prepare(path, tmp_path / "out.wav") in (Reason.CLIP_TRUNCATED, Reason.CLIP_UNDECODABLE)


@pytest.mark.parametrize("name", ["clip.wav", "clip.mp4"])
def test_a_pipe_among_the_recordings_is_no_recording_and_is_not_waited_for(
    tmp_path: Path, name: str
) -> None:
    os.mkfifo(tmp_path / name)
    began = time.monotonic()
    assert prepare(tmp_path / name, tmp_path / "out.wav") == Reason.CLIP_UNDECODABLE
    assert time.monotonic() - began < 5
