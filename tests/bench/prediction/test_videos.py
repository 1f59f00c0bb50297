import math
import os
import struct
import subprocess
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from avs_bench.prediction import ffmpeg_streams as ffmpeg
from avs_bench.prediction import video_files
from avs_bench.prediction.inputs import tasks_of
from avs_bench.prediction.predict import predict_all
from avs_bench.prediction.sound_files import read_sound
from avs_bench.prediction.video_files import frames_of, read_video
from avs_bench.prediction.videos import Spans
from tests.bench.prediction.conftest import Shot, count_frames, make_video, sound_packets
from tests.shared_material import CORPUS, needs_corpus
from vpo_builder.runtime import progress
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.ffmpeg_program import FfmpegError, ffmpeg_program, source

pytestmark = pytest.mark.media
ONE = Fraction(1)


def predicted(video, out, segmenter, rate=ONE, sound=None):
    tasks = tasks_of([video], sound, out, rate)
    made = predict_all(tasks, segmenter, out, note=lambda line: None)
    return made.items[0], out / made.items[0].folder


def turn(video, target):
    """Write a copy of an mp4 that is to be shown turned by 90 degrees, by its first track's matrix.

    ffmpeg has had two options for it, neither of which every version knows (ISO 14496-12, 8.3.2).
    """
    data = video.read_bytes()
    matrix = data.index(b"tkhd") + 4 + 40
    quarter = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    target.write_bytes(data[:matrix] + quarter + data[matrix + len(quarter) :])
    return target


class TestOverlay:
    def test_of_30_seconds_has_the_same_frames_and_the_original_sound(self, tmp_path, hears):
        video = make_video(tmp_path / "long.mp4", Shot(seconds=30, bell=(10, 20)))
        item, folder = predicted(video, tmp_path / "out", hears)
        overlay = folder / "overlay.mp4"
        assert abs(count_frames(overlay) - count_frames(video)) <= 1
        assert sound_packets(overlay) == sound_packets(video)
        assert item.seconds == pytest.approx(30, abs=0.1)
        assert len(item.moments) == len(list((folder / "masks").iterdir())) == 30

    def test_masks_follow_the_sound_to_the_second(self, tmp_path, hears):
        video = make_video(tmp_path / "a.mp4", Shot(seconds=8, bell=(3, 5)))
        item, folder = predicted(video, tmp_path / "out", hears)
        assert [moment.seconds for moment in item.moments] == [k + 0.45 for k in range(8)]
        rings = [bool(moment.areas) for moment in item.moments]
        assert rings == [False, False, False, True, True, False, False, False]
        assert item.moments[3].areas == {"bell": pytest.approx(0.5, abs=0.02)}
        mask = np.asarray(Image.open(folder / "masks" / "000003.png"))
        assert (mask[:, :46] == 1).all()
        assert (mask[:, 50:] == 0).all()

    def test_says_how_many_masks_and_frames_of_all_are_done(
        self, tmp_path, hears, capsys, monkeypatch
    ):
        monkeypatch.setattr(progress, "LINE_AFTER_SECONDS", 0.0)
        predicted(make_video(tmp_path / "a.mp4", Shot(seconds=3)), tmp_path / "out", hears)
        said = capsys.readouterr().err.splitlines()
        assert [line for line in said if line.startswith("a.mp4: masks: 2/3, ")]
        assert [line for line in said if line.startswith("a.mp4: overlay: 14/30, ")]
        assert said[-1].startswith("a.mp4: overlay: 30, ")

    def test_shows_a_mask_for_the_whole_of_its_span(self, tmp_path, hears):
        video = make_video(tmp_path / "a.mp4", Shot(seconds=3, bell=(1, 2)))
        _, folder = predicted(video, tmp_path / "out", hears)
        before, after = (frames_of(read_video(path)) for path in (video, folder / "overlay.mp4"))
        changes = [
            np.abs(one.astype(int) - other)[:, :40].mean()
            for one, other in zip(before, after, strict=True)
        ]
        tinted = [change > 20 for change in changes]
        assert tinted == 10 * [False] + 10 * [True] + 10 * [False]

    def test_native_predicts_every_frame(self, tmp_path, hears):
        video = make_video(tmp_path / "a.mp4", Shot(seconds=1, rate="30000/1001"))
        item, folder = predicted(video, tmp_path / "out", hears, rate=None)
        frames = count_frames(video)
        assert len(item.moments) == frames == count_frames(folder / "attention.mp4")
        assert item.moments[1].attention == (0.0, 0.25)

    def test_sound_that_begins_later_stays_where_it_is(self, tmp_path, hears):
        shot = Shot(seconds=6, bell=(3, 4), delay=2.0)
        video = make_video(tmp_path / "late.mkv", shot)
        item, _ = predicted(video, tmp_path / "out", hears)
        assert [bool(moment.areas) for moment in item.moments][:6] == 3 * [False] + [True] + [
            False,
            False,
        ]

    def test_sound_that_outlasts_the_pictures_is_no_damage(self, tmp_path, hears):
        pictures = make_video(tmp_path / "a.mp4", Shot(seconds=2, sound=False))
        sound = make_video(tmp_path / "b.mkv", Shot(seconds=8))
        kept = ["-map", "0:v", "-map", "1:a", "-c", "copy"]
        run = [ffmpeg_program(), "-v", "error", "-i", pictures, "-i", sound, *kept]
        subprocess.run([*run, tmp_path / "c.mkv"], check=True)
        item, _ = predicted(tmp_path / "c.mkv", tmp_path / "out", hears)
        assert len(item.moments) == 2

    def test_another_file_may_be_heard(self, tmp_path, hears):
        silent = make_video(tmp_path / "a.mp4", Shot(seconds=2, sound=False))
        ringing = make_video(tmp_path / "b.mkv", Shot(seconds=2, bell=(0, 2)))
        item, folder = predicted(silent, tmp_path / "out", hears, sound=ringing)
        assert all(moment.areas for moment in item.moments)
        assert read_sound(folder / "overlay.mp4", 1).any()

    def test_a_rotated_video_with_odd_sides_stands_upright(self, tmp_path, hears):
        flat = make_video(
            tmp_path / "flat.mkv", Shot(seconds=1, size="75x41"), "-pix_fmt", "yuv444p"
        )
        assert (read_video(flat).width, read_video(flat).height) == (76, 40)
        wide = make_video(tmp_path / "wide.mp4", Shot(seconds=1))
        turned = turn(wide, tmp_path / "turned.mp4")
        video = read_video(turned)
        assert (video.width, video.height) == (64, 96)
        item, _ = predicted(turned, tmp_path / "out", hears)
        assert (item.width, item.height) == (64, 96)

    @needs_corpus
    def test_of_a_real_clip(self, tmp_path, hears, monkeypatch):
        monkeypatch.setattr(video_files, "LONG_SIDE", 240)  # it has 1280, which takes longer
        video = CORPUS / "vggsound" / "audios" / "-0pJqpNjft4_000267.mp4"
        item, folder = predicted(video, tmp_path / "out", hears)
        assert item.seconds == pytest.approx(10.03, abs=0.04)
        assert abs(count_frames(folder / "overlay.mp4") - count_frames(video)) <= 1
        assert sound_packets(folder / "overlay.mp4") == sound_packets(video)


class TestSpans:
    @given(
        frames=st.fractions(Fraction(1), Fraction(60), max_denominator=1001),
        masks=st.fractions(Fraction(1, 10), Fraction(60), max_denominator=10),
        span=st.integers(0, 500),
    )
    def test_have_their_middle_inside(self, frames, masks, span):
        spans = Spans(frames, masks)
        middle = spans.middle(span)
        assert spans.of(middle) == span
        assert spans.of(middle + 1) in (span, span + 1)
        if masks < frames:
            assert abs(spans.seconds(middle) - float((span + Fraction(1, 2)) / masks)) <= float(
                1 / frames
            )

    def test_every_frame_is_one_where_masks_are_native_or_faster(self):
        for masks in (None, Fraction(25), Fraction(50)):
            spans = Spans(Fraction(25), masks)
            assert [spans.of(n) for n in range(4)] == [spans.middle(n) for n in range(4)]
            assert spans.of(3) == 3


class TestBadVideos:
    def check(self, video, out, segmenter, match):
        with pytest.raises(InputError, match=match) as error:
            predicted(video, out, segmenter)
        assert "\n" not in str(error.value)
        assert not [path for path in out.rglob("*") if path.is_file()]

    def test_without_sound(self, tmp_path, hears):
        video = make_video(tmp_path / "a.mp4", Shot(sound=False))
        self.check(video, tmp_path / "out", hears, r"a\.mp4: has no sound: give some with --audio")

    def test_with_sound_only(self, tmp_path, hears):
        video = make_video(tmp_path / "a.mkv", Shot(), "-vn")
        self.check(video, tmp_path / "out", hears, r"a\.mkv: no video that ffmpeg can read")

    def test_that_is_no_video(self, tmp_path, hears):
        (tmp_path / "a.mp4").write_text("not a video")
        self.check(tmp_path / "a.mp4", tmp_path / "out", hears, r"a\.mp4: no video")

    @pytest.mark.parametrize("suffix", ["mp4", "mkv"])
    def test_that_was_cut_short(self, tmp_path, hears, suffix):
        video = make_video(tmp_path / f"a.{suffix}", Shot(seconds=20), "-movflags", "+faststart")
        data = video.read_bytes()
        video.write_bytes(data[: len(data) // 2])
        self.check(video, tmp_path / "out", hears, "cut short or damaged|damaged after")

    def damaged(self, path, start, stop):
        video = make_video(path, Shot(seconds=20), "-movflags", "+faststart")
        data = bytearray(video.read_bytes())
        first, last = int(len(data) * start), int(len(data) * stop)
        data[first:last] = bytes(last - first)
        video.write_bytes(data)
        return video

    def test_whose_end_is_damaged(self, tmp_path, hears):
        video = self.damaged(tmp_path / "a.mp4", 0.5, 1.0)
        self.check(video, tmp_path / "out", hears, "of frames where 20.00 s are announced")

    def test_whose_middle_is_damaged_keeps_its_length(self, tmp_path, hears):
        video = self.damaged(tmp_path / "a.mp4", 1 / 3, 2 / 3)
        item, _ = predicted(video, tmp_path / "out", hears)
        assert item.seconds == pytest.approx(20, abs=0.1)

    def test_that_never_answers_is_given_up(self, tmp_path, monkeypatch):
        monkeypatch.setattr(ffmpeg, "STALL_SECONDS", 0.5)
        os.mkfifo(tmp_path / "pipe.mkv")
        began = time.monotonic()
        # opened for writing too, so that ffmpeg waits for bytes and not for a writer
        handle = os.open(tmp_path / "pipe.mkv", os.O_RDWR)
        try:
            with (
                pytest.raises(FfmpegError),
                ffmpeg.reading([*source(tmp_path / "pipe.mkv"), "-f", "null", "-"]) as pipe,
            ):
                assert pipe.read(1) is None
        finally:
            os.close(handle)
        assert time.monotonic() - began < 20


def test_a_rate_of_a_thousand_ticks_is_capped(tmp_path):
    video = make_video(tmp_path / "a.mkv", Shot(seconds=0.1, rate="1000"))
    assert read_video(video).rate == 60
    assert math.isclose(len(list(frames_of(read_video(video)))), 6, abs_tol=1)
