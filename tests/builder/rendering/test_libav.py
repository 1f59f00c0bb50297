"""Sound decoded in process is the sound that a process of ffmpeg decodes."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.builder.small_corpus import tone
from vpo_builder.rendering import decoding
from vpo_builder.rendering.decoding import decode, decode_arguments
from vpo_builder.rendering.libav import BLOCK_SAMPLES, decode_by_libav
from vpo_builder.rendering.recording import MOST_SAMPLES, UndecodableError
from vpo_builder.runtime.ffmpeg_program import ffmpeg_program, run_ffmpeg

pytestmark = pytest.mark.media
LEVEL = 2**-15  # the least significant bit of the wavs that are written
AAC_FRAME = 1024  # samples; the last one is filled up, and ffmpeg takes that off from version 9 on
STEREO = np.stack([tone(4.0, 440.0, 44_100), 0.5 * tone(4.0, 660.0, 44_100)], axis=1)


def ffmpeg(*arguments: object) -> None:
    command = [ffmpeg_program(), "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def written(path: Path, *form: object, sound: np.ndarray = STEREO) -> Path:
    soundfile.write(path.with_suffix(".source.wav"), sound, 44_100)
    ffmpeg("-i", path.with_suffix(".source.wav"), *form, path)
    return path


def by_program(path: Path) -> np.ndarray:
    (path.parent / "program.wav").write_bytes(
        run_ffmpeg(decode_arguments(path), seconds=60, most_bytes=2**28).output
    )
    return soundfile.read(path.parent / "program.wav", dtype="float32", always_2d=True)[0].mean(1)


def surplus_allowed(form: list[str]) -> int:
    """Return below which count the process may give fewer samples at the end."""
    return AAC_FRAME if "aac" in form else 1


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.mp4", ["-c:a", "aac"]),
        ("a.m4a", ["-c:a", "alac"]),
        ("a.mov", ["-c:a", "pcm_s16be"]),
        ("a.webm", ["-c:a", "libopus"]),
        ("a.opus", ["-c:a", "libopus"]),
        ("a.mkv", ["-c:a", "aac", "-ac", "6"]),
        ("a.aac", ["-c:a", "aac"]),
    ],
)
def test_every_container_gives_the_samples_of_a_process_of_ffmpeg(
    tmp_path: Path, name: str, form: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / name, *form)
    expected = by_program(path)
    monkeypatch.setattr(decoding, "run_ffmpeg", None)  # no process is started
    recording = decode(path)
    assert recording.mono.dtype == np.float32
    assert 0 <= len(recording.mono) - len(expected) < surplus_allowed(form)
    assert np.abs(recording.mono[: len(expected)] - expected).max() < LEVEL / 2


def test_a_start_that_the_container_hides_is_not_heard(tmp_path: Path) -> None:
    ffmpeg("-i", written(tmp_path / "a.m4a", "-c:a", "aac"), "-ss", "1", "-c", "copy",
           tmp_path / "cut.m4a")  # fmt: skip
    surplus = len(decode(tmp_path / "cut.m4a").mono) - len(by_program(tmp_path / "cut.m4a"))
    assert 0 <= surplus < AAC_FRAME


def test_no_more_is_decoded_than_asked_and_the_length_is_that_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.m4a", "-c:a", "aac")
    whole = decode(path).mono
    for samples in (1, AAC_FRAME, BLOCK_SAMPLES, 1.5 * 44_100):
        recording = decode(path, most_seconds=(samples - 0.5) / 44_100)
        assert len(recording.mono) == samples
        assert np.array_equal(recording.mono, whole[: int(samples)])
    assert recording.announced_seconds == pytest.approx(4.0, abs=0.05)


@pytest.mark.parametrize("name", ["a.m4a", "a.mkv"])
def test_what_is_damaged_is_left_to_ffmpeg(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, "-c:a", "aac")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    assert decode_by_libav(path, None) is None


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (22_050, 2)])
def test_sound_that_changes_its_form_is_left_to_ffmpeg(
    tmp_path: Path, rate: int, channels: int
) -> None:
    first, then = tmp_path / "first.mp3", tmp_path / "then.mp3"
    soundfile.write(first, STEREO, 44_100)
    soundfile.write(then, STEREO[:, :channels], rate)
    (tmp_path / "same.mp3").write_bytes(2 * first.read_bytes())
    same = decode_by_libav(tmp_path / "same.mp3", None)
    assert same is not None
    assert same.seconds == pytest.approx(8.0, abs=0.1)
    first.write_bytes(first.read_bytes() + then.read_bytes())
    assert decode_by_libav(first, None) is None


def test_a_file_without_sound_is_left_to_ffmpeg(tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:d=1:r=5", tmp_path / "a.mp4")
    assert decode_by_libav(tmp_path / "a.mp4", None) is None
    with pytest.raises(UndecodableError):
        decode(tmp_path / "a.mp4")


def test_a_play_list_under_a_clips_name_opens_no_other_file(tmp_path: Path) -> None:
    secret = written(tmp_path / "secret.aac", "-c:a", "aac")
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:4", "#EXTINF:4,", str(secret), "#EXT-X-ENDLIST"]
    (tmp_path / "a.mp4").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "b.mp4").write_text(f"ffconcat version 1.0\nfile {secret.name}", encoding="utf-8")
    assert decode_by_libav(tmp_path / "a.mp4", None) is None
    assert decode_by_libav(tmp_path / "b.mp4", None) is None


def test_a_name_that_looks_like_an_address_is_a_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.m4a", "-c:a", "aac")
    odd = path.rename(tmp_path / "concat:x|http:%d.m4a")
    assert decode_by_libav(odd, None) is not None


def test_more_samples_than_any_clip_has_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vpo_builder.rendering.libav.MOST_SAMPLES", 2 * 44_100)
    assert MOST_SAMPLES == 2**26
    path = written(tmp_path / "a.m4a", "-c:a", "aac")
    assert decode_by_libav(path, 0.9) is not None
    with pytest.raises(UndecodableError, match="samples"):
        decode_by_libav(path, None)
