"""Videos made by ffmpeg, and models whose answers are known."""

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from avs_bench.checkpoints.opening import OpenedModel, open_module
from avs_bench.models import AVSOutput
from avs_bench.prediction.segmenter import Segmenter
from tests.browser import browser
from vpo_builder.runtime.ffmpeg_program import ffmpeg_program

__all__ = ["browser"]
CPU = torch.device("cpu")
LOUD = -0.3  # CAVP's log-mel is -1 in silence


class Hears(nn.Module):
    """Finds class 1 in the left half while something is heard at the window's centre."""

    def forward(self, images, spectrograms):
        middle = spectrograms.shape[2] // 2
        level = spectrograms[:, :, middle - 4 : middle + 4].amax(dim=(1, 2, 3))
        logits = torch.zeros(len(images), 3, *images.shape[-2:])
        logits[:, 1, :, : images.shape[-1] // 2] = torch.sign(level - LOUD)[:, None, None]
        attention = images.new_zeros(len(images), 2, 4, 4)
        attention[:, :, :, 0] = 0.25
        return AVSOutput(logits, attention=attention)


class Deaf(nn.Module):
    """Sees nothing and has no attention."""

    def forward(self, images, spectrograms):
        return AVSOutput(torch.zeros(len(images), 3, *images.shape[-2:]))


class Broken(nn.Module):
    """Answers what is no number."""

    def forward(self, images, spectrograms):
        return AVSOutput(torch.full((len(images), 3, *images.shape[-2:]), float("nan")))


def opened(model: nn.Module, seconds: int = 1, channels: int = 1) -> OpenedModel:
    """Return a model as it is opened from a file."""
    planted = open_module(model, ("background", "bell", "dog"), CPU, "planted")
    audio = replace(planted.settings.audio, seconds=seconds, channels=channels)
    return replace(planted, settings=replace(planted.settings, audio=audio)).seeing(32)


@pytest.fixture
def hears() -> Segmenter:
    return Segmenter(opened(Hears()), attention=True)


@dataclass(frozen=True)
class Shot:
    """How a test video looks and sounds; `bell` is when a tone sounds."""

    seconds: float = 3.0
    rate: str = "10"
    size: str = "96x64"
    bell: tuple[float, float] = (1.0, 2.0)
    sound: bool = True
    delay: float = 0.0


def make_video(path: Path, shot: Shot = Shot(), *more: str) -> Path:
    """Write a video of moving colours, silent but for the bell."""
    start, stop = shot.bell
    tone = f"sine=frequency=1000:sample_rate=44100:duration={shot.seconds}"
    picture = f"testsrc=size={shot.size}:rate={shot.rate}:duration={shot.seconds}"
    volume = f"volume=enable='not(between(t,{start - shot.delay},{stop - shot.delay}))':volume=0"
    sound = ["-itsoffset", str(shot.delay), "-f", "lavfi", "-i", f"{tone},{volume}"]
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"]
    run = ["-f", "lavfi", "-i", picture, *(sound if shot.sound else []), *coded, *more]
    command = [ffmpeg_program(), "-nostdin", "-v", "error", "-y", *run, f"file:{path}"]
    subprocess.run(command, check=True, timeout=60)
    return path


def count_frames(path: Path) -> int:
    """Return how many frames decode."""
    form = ["-map", "0:V:0", "-f", "framemd5", "-"]
    command = [ffmpeg_program(), "-nostdin", "-v", "error", "-i", f"file:{path}", *form]
    said = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    return sum(not line.startswith(b"#") for line in said.splitlines())


def sound_packets(path: Path) -> bytes:
    """Return a hash of the encoded sound, packet by packet."""
    form = ["-map", "0:a:0", "-c", "copy", "-f", "md5", "-"]
    command = [ffmpeg_program(), "-nostdin", "-v", "error", "-i", f"file:{path}", *form]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
