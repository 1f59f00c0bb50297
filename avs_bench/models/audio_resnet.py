"""CAVP's audio encoder for 3 s of sound: a ResNet-18 on the log-mel picture."""

import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.models.resnet import BasicBlock, ResNet


class AudioResNet18(nn.Module):
    """Embeds log-mels [N, channels, time, mel] as [N, embedding].

    `channels` is 1 for mono and 2 for stereo; the maximum over all places is taken, and nothing
    follows the last linear layer. `width` is 64 in the published models.
    """

    official = "ResNet18, for sound"
    fresh = ("trunk.conv1.", "fc.")  # published: new ones behind ImageNet's, which sees 3 colours

    def __init__(self, channels: int, embedding: int, width: int = 64) -> None:
        super().__init__()
        self.trunk = ResNet(BasicBlock, (2, 2, 2, 2), stem="plain", channels=channels, width=width)
        self.fc = nn.Linear(self.trunk.widths[-1], embedding)

    def forward(self, spectrograms: Tensor) -> Tensor:
        coarse = self.trunk(spectrograms)[-1]
        return self.fc(F.adaptive_max_pool2d(coarse, 1).flatten(1))
