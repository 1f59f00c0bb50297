"""The CAVP architecture: backbone, decoder, audio encoder, fusion and head in a row."""

from typing import NamedTuple

from torch import Tensor, nn

from avs_bench.models.output import AVSOutput
from avs_bench.models.protocol import Needs

NEEDS = Needs(side=512)  # the training crop of P1, and log-mels of 3 s


class Seen(NamedTuple):
    """Features [B, D, h, w] of images of `size` (H, W)."""

    features: Tensor
    size: tuple[int, int]


class CAVP(nn.Module):
    """Segments what sounds in an image (P1; models.md, CAVP).

    `backbone` gives stages, `decoder` joins them into features [B, D, h, w], `fusion` merges them
    with the audio embeddings, `head` scores the fused features. `audio_encoder` is None in a
    visual-only model. `shuffled_items` says what becomes of the shuffled half of a training batch
    behind the fusion: "head" sends it through the head for the BatchNorm's statistics, as
    published; "score" gives its logits back as well, for a loss on them; "skip" leaves it out of
    the head, which is cheaper and a different function.
    """

    official = "CAVP"

    def __init__(
        self,
        backbone: nn.Module,
        decoder: nn.Module,
        audio_encoder: nn.Module | None,
        fusion: nn.Module,
        head: nn.Module,
        shuffled_items: str = "head",
        needs: Needs = NEEDS,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.decoder = decoder
        self.audio_encoder = audio_encoder
        self.fusion = fusion
        self.head = head
        self.shuffled_items = shuffled_items
        self.needs = needs

    def forward(self, images: Tensor, spectrograms: Tensor) -> AVSOutput:
        """Score images [B, 3, H, W] heard with spectrograms [K·B, channels, time, mel].

        Item k·B + b of the sounds is heard with image b. K is 2 in contrastive training, the
        images' own sounds first and the shuffled ones after them, and whatever you like in
        evaluation; image features are computed once all the same. In training only the own
        sounds are scored, unless `shuffled_items` is "score": the scores have B items and all else
        K·B. In evaluation all have K·B.
        """
        return self.hear(self.see(images), spectrograms)

    def see(self, images: Tensor, valid: Tensor | None = None) -> Seen:
        """Return what `hear` needs of images [B, 3, H, W], whatever they are heard with."""
        return Seen(self.decoder(self.backbone(images)), (images.shape[-2], images.shape[-1]))

    def hear(self, seen: Seen, spectrograms: Tensor) -> AVSOutput:
        """Score images that were seen as `seen`; as `forward` in all else."""
        visual, size = seen
        count = visual.shape[0]
        audio = None if self.audio_encoder is None else self.audio_encoder(spectrograms)
        if audio is None:  # as many items as there are sounds, though none is heard
            visual = visual.repeat(spectrograms.shape[0] // count, 1, 1, 1)
        features, attention = self.fusion(visual, audio)
        every = not self.training or self.shuffled_items == "score"
        scored = features.shape[0] if every else count
        heard = features[:scored] if self.shuffled_items == "skip" else features
        return AVSOutput(self.head(heard)[:scored], features, attention, audio, size=size)
