"""AVSegFormer: queries made from the sound ask a pyramid of maps, and a mask head joins both."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.models.deformable_attention import DeformableAttention
from avs_bench.models.output import AVSOutput
from avs_bench.models.pixel_encoder import PixelEncoder
from avs_bench.models.query_decoder import QueryDecoder, QueryGenerator
from avs_bench.models.query_mask_head import ChannelMixer, QueryMaskHead, normed_convolution
from avs_bench.models.vgg import VGGISH_EMBEDDING

WIDTH = 256

Seen = tuple[Tensor, Tensor]


class AVSegFormer(nn.Module):
    """Segments what sounds in single frames (AAAI 2024, the released network; avsegformer.md).

    `backbone` gives four stages of `widths` channels. `audio_encoder` embeds VGGish examples and
    stays frozen; None if embeddings are given instead. One class is a binary model. No operation
    mixes two frames.
    """

    def __init__(
        self,
        backbone: nn.Module,
        widths: tuple[int, ...],
        classes: int,
        audio_encoder: nn.Module | None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.audio_encoder = audio_encoder
        self.audio_projection = nn.Linear(VGGISH_EMBEDDING, WIDTH)
        self.necks = nn.ModuleList(normed_convolution(width, WIDTH, 1) for width in widths)
        self.encoder = PixelEncoder(WIDTH)
        self.lateral = normed_convolution(WIDTH, WIDTH, 1)
        self.smooth = normed_convolution(WIDTH, WIDTH, 3)
        self.generator = QueryGenerator(WIDTH)
        self.decoder = QueryDecoder(WIDTH)
        self.fusion = ChannelMixer(WIDTH)
        self.head = QueryMaskHead(WIDTH, classes)
        self._initialise()

    def forward(
        self, images: Tensor, spectrograms: Tensor, valid: Tensor | None = None
    ) -> AVSOutput:
        """Score the frames [B, T, 3, H, W] of clips; logits are [B·T, classes, H, W].

        The sound of a frame is one VGGish example or several whose embeddings are averaged,
        [B, T, 1, 96, 64] or [B, T, E, 1, 96, 64], or an embedding [B, T, 128]. Single images
        [B, 3, H, W] are clips of one frame; their sounds have no T either. `valid` [B, T] is 1
        for a frame and 0 for padding (AVSS); None means that all are frames.
        """
        if images.ndim == 4:
            images, spectrograms = images.unsqueeze(1), spectrograms.unsqueeze(1)
        shown = None if valid is None else valid.reshape(-1, 1, 1, 1).to(images.dtype)
        frames = images.flatten(0, 1)
        size = (images.shape[-2], images.shape[-1])
        return self.hear(self.see(frames, shown), spectrograms.flatten(0, 1), size, shown)

    def see(self, images: Tensor, shown: Tensor | None = None) -> Seen:
        """Return what `hear` needs of images [N, 3, H, W], whatever they are heard with.

        They are the encoder's tokens [N, L, 256] and the mask feature [N, 256, h, w] before the
        sound weighs it.
        """
        # GroupNorm is less exact on the channels-last views that PVTv2 hands out.
        stages = [_masked(stage, shown).contiguous() for stage in self.backbone(images)]
        fine, *coarse = [neck(stage) for neck, stage in zip(self.necks, stages, strict=True)]
        tokens: Tensor = self.encoder(tuple(coarse))
        h, w = coarse[0].shape[-2:]
        finest = tokens[:, : h * w].transpose(1, 2).unflatten(2, (h, w))
        finest = F.interpolate(finest, fine.shape[-2:], mode="bilinear", align_corners=False)
        return tokens, F.relu(self.smooth(self.lateral(fine) + finest))

    def hear(
        self,
        seen: Seen,
        spectrograms: Tensor,
        size: tuple[int, int],
        shown: Tensor | None = None,
    ) -> AVSOutput:
        """Score images of `size` (H, W) that were seen as `seen`.

        Item k·N + n of the sounds [K·N, …] is heard with image n.
        """
        embedding = self._embed(spectrograms)
        sounds = embedding.shape[0] // seen[0].shape[0]
        tokens, feature = (one.repeat(sounds, *[1] * (one.ndim - 1)) for one in seen)
        audio = self.audio_projection(embedding).unsqueeze(1)
        queries, given = self.decoder(self.generator(audio), tokens)
        mixed = self.fusion(feature, audio)
        logits = _masked(self.head(queries, mixed), shown)
        if tuple(logits.shape[-2:]) != size:  # sides that 4 does not divide
            logits = F.interpolate(logits, size, mode="bilinear", align_corners=False)
        attention = None if self.training else self._attention(given, tokens, feature)
        return AVSOutput(logits, _masked(mixed, shown), attention, embedding)

    def _attention(self, given: Tensor, tokens: Tensor, feature: Tensor) -> Tensor:
        """Return where the queries look, on the finest of the encoder's maps: [N, heads, h, w]."""
        h, w = ((side + 1) // 2 for side in feature.shape[-2:])
        return self.decoder.attention(given, tokens)[..., : h * w].unflatten(2, (h, w))

    def _embed(self, spectrograms: Tensor) -> Tensor:
        """Return one embedding [N, 128] for the examples of each item."""
        if spectrograms.ndim == 2 or self.audio_encoder is None:
            return spectrograms
        with torch.no_grad():
            examples = spectrograms.reshape(-1, *spectrograms.shape[-3:])
            embedded: Tensor = self.audio_encoder(examples)
            return embedded.view(spectrograms.shape[0], -1, VGGISH_EMBEDDING).mean(dim=1)

    def _initialise(self) -> None:
        """Draw everything behind backbone and sound as published (avsegformer.md)."""
        for child, module in self.named_children():
            if child in ("backbone", "audio_encoder", "audio_projection"):
                continue
            for name, parameter in module.named_parameters():
                if parameter.ndim > 1 and name != "level_embed":
                    nn.init.xavier_uniform_(parameter)
            for layer in module.modules():
                if isinstance(layer, DeformableAttention):
                    layer.initialise()


def _masked(x: Tensor, shown: Tensor | None) -> Tensor:
    return x if shown is None else x * shown
