"""AVSegFormer: queries made from the sound ask a pyramid of maps, and a mask head joins both."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.data.spectrograms import VGGISH_STEP
from avs_bench.models.deformable_attention import DeformableAttention
from avs_bench.models.output import AVSOutput
from avs_bench.models.pixel_encoder import PixelEncoder
from avs_bench.models.protocol import Needs
from avs_bench.models.query_decoder import QUERIES, QueryDecoder, QueryGenerator
from avs_bench.models.query_mask_head import ChannelMixer, QueryMaskHead, normed_convolution
from avs_bench.models.vgg import VGGISH_EMBEDDING, embedded, mean_examples

WIDTH = 256

NEEDS = Needs(
    front_end=mean_examples,
    seconds=1,
    frame_step=VGGISH_STEP,
    side=512,  # S4 and MS3; 224 on AVSS
    stretched=True,
    frames=5,
)


class Seen(NamedTuple):
    """The encoder's tokens [N, L, 256] and the mask feature [N, 256, h, w] before the sound.

    `shown` [N, 1, 1, 1] is 0 for padding, `size` (H, W) that of the frames, `single` without T.
    """

    tokens: Tensor
    feature: Tensor
    shown: Tensor | None
    size: tuple[int, int]
    single: bool


class AVSegFormer(nn.Module):
    """Segments what sounds in single frames (AAAI 2024, the released network; avsegformer.md).

    `backbone` gives four stages of `widths` channels. `audio_encoder` embeds VGGish examples, and
    stays frozen if it is VGGish itself; None if embeddings are given instead. One class is a binary
    model. No operation mixes two frames. `shuffled_items` "score" gives, in contrastive training,
    the logits of the shuffled pairs too. `width` (a multiple of 32), `hidden` layer of the
    perceptrons, `depth` and the number of `queries` are the published ones.
    """

    official = "AVSegFormer"

    def __init__(
        self,
        backbone: nn.Module,
        widths: tuple[int, ...],
        classes: int,
        audio_encoder: nn.Module | None,
        shuffled_items: str = "skip",
        *,
        width: int = WIDTH,
        hidden: int = 2048,
        depth: int = 6,
        queries: int = QUERIES,
    ) -> None:
        super().__init__()
        self.needs = NEEDS
        self.score_shuffled = shuffled_items == "score"
        self.backbone = backbone
        self.audio_encoder = audio_encoder
        self.audio_projection = nn.Linear(VGGISH_EMBEDDING, width)
        self.necks = nn.ModuleList(normed_convolution(inputs, width, 1) for inputs in widths)
        self.encoder = PixelEncoder(width, hidden, depth=depth)
        self.lateral = normed_convolution(width, width, 1)
        self.smooth = normed_convolution(width, width, 3)
        self.generator = QueryGenerator(width, hidden // 2, depth, queries)
        self.decoder = QueryDecoder(width, hidden, depth, queries)
        self.fusion = ChannelMixer(width)
        self.head = QueryMaskHead(width, classes, hidden, queries)
        self._initialise()

    def forward(
        self, images: Tensor, spectrograms: Tensor, valid: Tensor | None = None
    ) -> AVSOutput:
        """Score the frames [B, T, 3, H, W] of clips; logits are [B·T, classes, H, W].

        The sound of a frame is one VGGish example or several whose embeddings are averaged,
        [B, T, 1, 96, 64] or [B, T, E, 1, 96, 64], or an embedding [B, T, 128]. Single images
        [B, 3, H, W] are frames by themselves; their sounds [K·B, ...] have no T either, and item
        k·B + b is heard with image b. `valid` [B, T] is 1 for a frame and 0 for padding (AVSS);
        None means that all are frames. In training only the first B of K·B sounds are scored,
        unless `shuffled_items` is "score".
        """
        return self.hear(self.see(images, valid), spectrograms)

    def see(self, images: Tensor, valid: Tensor | None = None) -> Seen:
        """Return what `hear` needs of the frames, whatever they are heard with."""
        single, size = images.ndim == 4, (images.shape[-2], images.shape[-1])
        shown = None if valid is None else valid.reshape(-1, 1, 1, 1).to(images.dtype)
        frames = images if single else images.flatten(0, 1)
        # GroupNorm is less exact on the channels-last views that PVTv2 hands out.
        stages = [_masked(stage, shown).contiguous() for stage in self.backbone(frames)]
        fine, *coarse = [neck(stage) for neck, stage in zip(self.necks, stages, strict=True)]
        tokens: Tensor = self.encoder(tuple(coarse))
        finest = as_map(tokens, (coarse[0].shape[-2], coarse[0].shape[-1]))
        finest = F.interpolate(finest, fine.shape[-2:], mode="bilinear", align_corners=False)
        feature = F.relu(self.smooth(self.lateral(fine) + finest))
        return Seen(tokens, feature, shown, size, single)

    def hear(self, seen: Seen, spectrograms: Tensor) -> AVSOutput:
        """Score frames that were seen as `seen`; as `forward` in all else."""
        sounds = spectrograms.unsqueeze(1) if seen.single else spectrograms
        embedding = embedded(self.audio_encoder, sounds).flatten(0, 1)
        frames = seen.tokens.shape[0]
        times = embedding.shape[0] // frames
        tokens, feature = seen.tokens.repeat(times, 1, 1), seen.feature.repeat(times, 1, 1, 1)
        audio = self.audio_projection(embedding).unsqueeze(1)
        mixed = self.fusion(feature, audio)
        scored = mixed.shape[0] if not self.training or self.score_shuffled else frames
        queries, given = self.decoder(self.generator(audio[:scored]), tokens[:scored])
        logits = _masked(self.head(queries, mixed[:scored]), seen.shown)
        if tuple(logits.shape[-2:]) != seen.size:  # sides that 4 does not divide
            logits = F.interpolate(logits, seen.size, mode="bilinear", align_corners=False)
        attention = None if self.training else self._attention(given, tokens, feature)
        return AVSOutput(logits, _masked(mixed, seen.shown), attention, embedding)

    def _attention(self, given: Tensor, tokens: Tensor, feature: Tensor) -> Tensor:
        """Return where the queries look, on the finest of the encoder's maps: [N, heads, h, w]."""
        size = ((feature.shape[-2] + 1) // 2, (feature.shape[-1] + 1) // 2)
        return as_map(self.decoder.attention(given, tokens).transpose(1, 2), size)

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


def as_map(tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the first tokens [N, L, D], row by row, as a map [N, D, h, w]."""
    h, w = size
    return tokens[:, : h * w].transpose(1, 2).reshape(tokens.shape[0], -1, h, w)


def _masked(x: Tensor, shown: Tensor | None) -> Tensor:
    return x if shown is None else x * shown
