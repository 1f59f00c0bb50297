"""The VGG audio encoder: CAVP's for 1 s of sound, and VGGish with 128 outputs, one a frame."""

from torch import Tensor, nn

from avs_bench.data.spectrograms import EXAMPLE_FRAMES, MELS, vggish_examples

WIDTHS = (64, "pool", 128, "pool", 256, 256, "pool", 512, 512, "pool")
VGGISH_EMBEDDING = 128


class AudioVGG(nn.Module):
    """Embeds log-mels [N, channels, 96, 64] as [N, embedding], none below zero.

    Raises ValueError for another picture size. (The published VGGish applies a PCA behind this;
    neither paper's code does.) CAVP's begins with VGGish's weights and a new last layer.
    """

    official = "VGGish"

    def __init__(self, channels: int, embedding: int) -> None:
        super().__init__()
        self.width = embedding
        self.fresh: tuple[str, ...] = ("embeddings.4.",)
        if channels != 1:  # VGGish hears mono
            self.fresh += ("features.0.",)
        layers: list[nn.Module] = []
        for width in WIDTHS:
            if isinstance(width, str):
                layers.append(nn.MaxPool2d(2))
            else:
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
                channels = width
        self.features = nn.Sequential(*layers)
        flat = channels * (EXAMPLE_FRAMES // 16) * (MELS // 16)
        self.embeddings = nn.Sequential(
            nn.Linear(flat, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            last := nn.Linear(4096, embedding),
            nn.ReLU(inplace=True),
        )
        nn.init.kaiming_normal_(last.weight)  # published: Kaiming, without a bias at first
        nn.init.zeros_(last.bias)

    def forward(self, spectrograms: Tensor) -> Tensor:
        if spectrograms.shape[-2:] != (EXAMPLE_FRAMES, MELS):
            raise ValueError(
                f"log-mels are {tuple(spectrograms.shape[-2:])}: the VGG encoder hears 1 s, "
                f"{(EXAMPLE_FRAMES, MELS)}"
            )
        places = self.features(spectrograms).permute(0, 2, 3, 1)  # flattened channels last
        return self.embeddings(places.flatten(1))


class VGGish(AudioVGG):
    """The frozen VGGish of TPAVI: no gradient, and evaluation mode in training too."""

    def __init__(self) -> None:
        super().__init__(channels=1, embedding=VGGISH_EMBEDDING)
        self.fresh = ()
        self.requires_grad_(False)


def mean_examples(waveforms: Tensor) -> Tensor:
    """Return the VGGish examples of the channels' mean: [B, 1, 96, 64], or several [B, E, ...]."""
    return vggish_examples(waveforms.mean(dim=1)).squeeze(1)


def embedded(encoder: nn.Module | None, sounds: Tensor) -> Tensor:
    """Return one embedding [B, T, 128] a frame; no gradient goes into a frozen encoder.

    `sounds` are an example a frame [B, T, 1, 96, 64], or several [B, T, E, 1, 96, 64] whose
    embeddings are averaged, or embeddings already.
    """
    if sounds.ndim == 3 or encoder is None:
        return sounds
    B, T = sounds.shape[:2]
    embeddings: Tensor = encoder(sounds.reshape(-1, *sounds.shape[-3:]))
    return embeddings.view(B, T, -1, VGGISH_EMBEDDING).mean(2)
