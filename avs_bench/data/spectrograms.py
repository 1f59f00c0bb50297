"""From waveforms to the pictures of sound that the models read: CAVP's log-mel and VGGish's.

Both work on 16 kHz audio (protocol §6, front ends) and on whole batches; a waveform is float32
in [-1, 1]. They differ in nearly everything else, so they share little but the mel scale.
"""

from functools import cache

import torch
from torch import Tensor

from avs_bench.data.audio import SAMPLE_RATE

WINDOW = 400  # samples, 25 ms
HOP = 160  # samples, 10 ms
FFT = 512
MELS = 64

EXAMPLE_FRAMES = 96  # 0.96 s, VGGish's unit and the size of CAVP's 1 s picture
VGGISH_STEP = EXAMPLE_FRAMES * HOP / SAMPLE_RATE  # seconds from one example to the next: 0.96
LOGMEL_FRAMES = {3 * SAMPLE_RATE: 300, SAMPLE_RATE: EXAMPLE_FRAMES}


def cavp_logmel(waveforms: Tensor) -> Tensor:
    """Return CAVP's log-mel pictures of 3 s or 1 s of sound.

    Takes [..., samples] with 48,000 or 16,000 samples and gives [..., 300 or 96, 64], float32,
    layout [time, mel], -1 for silence (20·log10(1e-5) / 100). Raises ValueError for another
    length. Protocol §6, CAVP.
    """
    samples = waveforms.shape[-1]
    if samples not in LOGMEL_FRAMES:
        raise ValueError(f"waveforms have {samples} samples: expected 48000 (3 s) or 16000 (1 s)")
    spectra = torch.stft(
        waveforms.reshape(-1, samples),
        n_fft=FFT,
        hop_length=HOP,
        win_length=WINDOW,
        window=_hann(torch.float32, waveforms.device),
        center=True,
        pad_mode="reflect",
        return_complex=True,
    )
    triangles, bins = _hertz_triangles(waveforms.device), _heard_bins()
    spectra = spectra[:, bins, : LOGMEL_FRAMES[samples]]
    # |z|² from the parts: abs() would take a root only to square it again.
    power = spectra.real.square() + spectra.imag.square()
    mels = triangles[:, bins] @ power
    decibels = 20 * mels.clamp(min=1e-5).log10() / 100
    return decibels.transpose(1, 2).reshape(*waveforms.shape[:-1], -1, MELS)


def vggish_examples(waveforms: Tensor) -> Tensor:
    """Return VGGish's log-mel examples, one for each whole 0.96 s.

    Takes [..., samples] of at least 15,600 samples and gives [..., examples, 1, 96, 64], float32
    computed in float64; 3 s make three examples, 1 s makes one, what is left over is dropped.
    Raises ValueError for less than one example. Protocol §6, VGGish.
    """
    samples = waveforms.shape[-1]
    frames = (samples - WINDOW) // HOP + 1
    examples = frames // EXAMPLE_FRAMES
    if examples < 1:
        raise ValueError(f"waveforms have {samples} samples: one VGGish example needs 15600")
    windows = waveforms.double().unfold(-1, WINDOW, HOP)[..., : examples * EXAMPLE_FRAMES, :]
    windows = windows * _hann(torch.float64, waveforms.device)
    magnitudes = torch.fft.rfft(windows, FFT).abs()
    logmel = torch.log(magnitudes @ _mel_triangles(waveforms.device).T + 0.01)
    return logmel.float().reshape(*waveforms.shape[:-1], examples, 1, EXAMPLE_FRAMES, MELS)


@cache
def _hann(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.hann_window(WINDOW, periodic=True, dtype=dtype, device=device)


@cache
def _hertz_triangles(device: torch.device) -> Tensor:
    """Return CAVP's [64, 257] float32 filter bank: mel-spaced corners, sides straight in hertz."""
    low, high = _mel(torch.tensor([125.0, 3800.0], dtype=torch.float64))
    corners = 700 * (10 ** (torch.linspace(low, high, MELS + 2, dtype=torch.float64) / 2595) - 1)
    return _triangles(corners, _bins()).float().to(device)


@cache
def _heard_bins() -> slice:
    """Return the bins under CAVP's triangles, fewer than half: the others weigh nothing."""
    bins = _hertz_triangles(torch.device("cpu")).any(dim=0).nonzero().squeeze(1).tolist()
    return slice(bins[0], bins[-1] + 1)


@cache
def _mel_triangles(device: torch.device) -> Tensor:
    """Return VGGish's [64, 257] float64 filter bank: sides straight in mel, no weight for DC."""
    low, high = _mel(torch.tensor([125.0, 7500.0], dtype=torch.float64))
    corners = torch.linspace(low, high, MELS + 2, dtype=torch.float64)
    weights = _triangles(corners, _mel(_bins()))
    weights[:, 0] = 0
    return weights.to(device)


def _triangles(corners: Tensor, places: Tensor) -> Tensor:
    """Return [len(corners) - 2, len(places)] triangles of height 1 between every third corner."""
    left, centre, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    rising = (places - left) / (centre - left)
    falling = (right - places) / (right - centre)
    return torch.minimum(rising, falling).clamp(min=0)


def _bins() -> Tensor:
    return torch.linspace(0, SAMPLE_RATE / 2, FFT // 2 + 1, dtype=torch.float64)


def _mel(hertz: Tensor) -> Tensor:
    return 2595 * torch.log10(1 + hertz / 700)
