"""The TPAVI architecture: four stages, each fused with the sound, and a pyramid that joins them."""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.data.spectrograms import VGGISH_STEP
from avs_bench.models.dilation import convolve_within
from avs_bench.models.output import AVSOutput
from avs_bench.models.protocol import Needs
from avs_bench.models.tpavi_block import TPAVIBlock
from avs_bench.models.vgg import embedded, mean_examples

WIDTH = 256  # channels of the four maps
RATES = (3, 6, 12, 18)


NEEDS = Needs(
    front_end=mean_examples,
    seconds=1,
    frame_step=VGGISH_STEP,
    side=224,
    stretched=True,  # P2's authors stretch every frame to 224×224
    frames=5,
)


Fusion = Callable[..., nn.Module]
"""Makes a block from `align_bias`; it takes and gives what `TPAVIBlock` does."""


class Seen(NamedTuple):
    """The necks' maps of clips; `valid` as in `forward`, `size` (H, W), `single` without T."""

    maps: tuple[Tensor, ...]
    valid: Tensor | None
    size: tuple[int, int]
    single: bool


class TPAVI(nn.Module):
    """Segments what sounds in the frames of a clip (P2; models.md, TPAVI).

    `backbone` gives four stages of `widths` channels. `audio_encoder` embeds VGGish examples and
    stays frozen; None if embeddings are given instead. One class is a binary model. `fusion` gives
    the block of a stage, and None leaves the maps as they are and the sound unheard.
    """

    official = "TPAVI"

    def __init__(
        self,
        backbone: nn.Module,
        widths: tuple[int, ...],
        classes: int,
        audio_encoder: nn.Module | None,
        fusion: Fusion | None = TPAVIBlock,
    ) -> None:
        super().__init__()
        self.needs = NEEDS
        self.backbone = backbone
        self.necks = nn.ModuleList(DilatedSum(width) for width in widths)
        # The published semantic model aligns the audio without a bias.
        blocks = (fusion(align_bias=classes == 1) for _ in widths) if fusion else ()
        self.fusion = nn.ModuleList(blocks)
        self.decoder = Pyramid(len(widths))
        self.head = nn.Sequential(
            nn.Conv2d(WIDTH, 128, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
            nn.Conv2d(128, 32, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(32, classes, 1),
        )
        self.audio_encoder = audio_encoder if fusion else None

    def train(self, mode: bool = True) -> "TPAVI":
        """Switch to training, the frozen audio encoder excepted."""
        super().train(mode)
        if self.audio_encoder is not None:
            self.audio_encoder.eval()
        return self

    def forward(
        self, images: Tensor, spectrograms: Tensor, valid: Tensor | None = None
    ) -> AVSOutput:
        """Score the frames [B, T, 3, H, W] of clips; logits are [B·T, classes, H, W].

        The sound of a frame is one VGGish example or several whose embeddings are averaged,
        [B, T, 1, 96, 64] or [B, T, E, 1, 96, 64], or an embedding [B, T, 128]. Single images
        [B, 3, H, W] are clips of one frame; their sounds have no T either. `valid` [B, T] is 1
        for a frame and 0 for padding (AVSS); None means that all are frames.
        """
        return self.hear(self.see(images, valid), spectrograms)

    def see(self, images: Tensor, valid: Tensor | None = None) -> Seen:
        """Return what `hear` needs of the frames, whatever they are heard with."""
        single = images.ndim == 4
        stages = self.backbone(images if single else images.flatten(0, 1))
        shown = _shown(valid, images.dtype)
        necks = zip(self.necks, stages, strict=True)
        maps = tuple(_masked(neck(stage), shown) for neck, stage in necks)
        return Seen(maps, valid, (images.shape[-2], images.shape[-1]), single)

    def hear(self, seen: Seen, spectrograms: Tensor) -> AVSOutput:
        """Score frames that were seen as `seen`; as `forward` in all else."""
        fused, audio, map_audio, response = seen.maps, None, (), None
        if self.fusion:
            audio = self._embed(seen, spectrograms)
            pairs = zip(self.fusion, seen.maps, strict=True)
            fused, map_audio, (*_, response) = zip(*(b(m, audio) for b, m in pairs), strict=True)
        shown = _shown(seen.valid, seen.maps[0].dtype)
        # The published decoder rectifies the maps in place: losses see them after ReLU.
        maps = [F.relu(_masked(one, shown)) for one in fused]
        logits = _masked(self.head(self.decoder(maps)), shown)
        if logits.shape[-2:] != seen.size:  # sides that 32 does not divide
            logits = F.interpolate(logits, seen.size, mode="bilinear", align_corners=False)
        return AVSOutput(
            logits,
            attention=response,
            audio=None if audio is None else audio.flatten(0, 1),
            maps=tuple(maps),
            map_audio=map_audio,
        )

    def _embed(self, seen: Seen, sounds: Tensor) -> Tensor:
        """Return the embeddings [B, T, 128] of what is heard with frames, 0 where padding is."""
        audio = embedded(self.audio_encoder, sounds.unsqueeze(1) if seen.single else sounds)
        if seen.valid is None:
            return audio
        return audio * seen.valid[..., None].to(audio.dtype)  # Zhou et al. 2023, avss/train.py


class DilatedSum(nn.Module):
    """The sum of four dilated 3×3 convolutions: [N, inputs, h, w] to [N, 256, h, w]."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv2d_list = nn.ModuleList(
            nn.Conv2d(inputs, WIDTH, 3, padding=rate, dilation=rate) for rate in RATES
        )

    def forward(self, x: Tensor) -> Tensor:
        first, *others = self.conv2d_list
        total = convolve_within(first, x)
        for convolution in others:
            total = total + convolve_within(convolution, x)
        return total


class Pyramid(nn.Module):
    """Joins the maps from coarse to fine, ending at twice the size of the finest."""

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.across = nn.ModuleList(ResidualUnit() for _ in range(levels - 1))
        self.down = nn.ModuleList(ResidualUnit() for _ in range(levels))

    def forward(self, maps: list[Tensor]) -> Tensor:
        y = self.down[-1](maps[-1])
        for i in reversed(range(len(maps) - 1)):
            y = F.interpolate(y, maps[i].shape[-2:], mode="bilinear", align_corners=True)
            y = self.down[i](y + self.across[i](maps[i]))
        return F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)


class ResidualUnit(nn.Module):
    """Two 3×3 convolutions; the shortcut carries ReLU(x), as the published in-place ReLU does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.conv2 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        rectified = F.relu(x)
        return self.conv2(F.relu(self.conv1(rectified), inplace=True)) + rectified


def _shown(valid: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if valid is None else valid.reshape(-1, 1, 1, 1).to(dtype)


def _masked(x: Tensor, shown: Tensor | None) -> Tensor:
    return x if shown is None else x * shown
