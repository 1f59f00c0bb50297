"""DeepLabV3+: the decoder before the fusion and the head after it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.models.dilation import convolve_within
from avs_bench.models.resnet import initialise_convolutions

LEAK = 0.01  # slope of the LeakyReLU, used inside the ASPP only (models.md, DeepLabV3+)


class ASPP(nn.Module):
    """Atrous spatial pyramid pooling whose image branch is added instead of concatenated.

    `inputs` channels in, `outputs` out; each of the four branches has `hidden` channels.
    """

    def __init__(self, inputs: int, outputs: int = 256, hidden: int = 256) -> None:
        super().__init__()
        self.map_convs = nn.ModuleList(
            [
                nn.Conv2d(inputs, hidden, 1, bias=False),
                *(
                    nn.Conv2d(inputs, hidden, 3, padding=rate, dilation=rate, bias=False)
                    for rate in (6, 12, 18)
                ),
            ]
        )
        self.map_bn = nn.BatchNorm2d(4 * hidden)
        self.red_conv = nn.Conv2d(4 * hidden, outputs, 1, bias=False)
        self.global_pooling_conv = nn.Conv2d(inputs, hidden, 1, bias=False)
        self.global_pooling_bn = nn.BatchNorm2d(hidden)
        self.pool_red_conv = nn.Conv2d(hidden, outputs, 1, bias=False)
        self.red_bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        # The mean's gradient has a layout of its own: asked first, it is added to the others' sum.
        image = self.global_pooling_bn(self.global_pooling_conv(x.mean((2, 3), keepdim=True)))
        point, *dilated = self.map_convs
        places = [point(x), *(convolve_within(convolution, x) for convolution in dilated)]
        joined = self.red_conv(F.leaky_relu(self.map_bn(torch.cat(places, 1)), LEAK, inplace=True))
        image = self.pool_red_conv(F.leaky_relu(image, LEAK, inplace=True))
        return F.leaky_relu(self.red_bn(joined + image), LEAK, inplace=True)


class DeepLabV3PlusDecoder(nn.Module):
    """Joins the last stage, through the ASPP, with the first: features at 1/4 of the image.

    `fine` and `coarse` are the widths of the backbone's first and last stage; the result has
    `width` = `outputs` + `reduced` channels (256 + 48 = 304 in the published models).
    """

    def __init__(
        self, fine: int, coarse: int, outputs: int = 256, hidden: int = 256, reduced: int = 48
    ) -> None:
        super().__init__()
        self.aspp = ASPP(coarse, outputs, hidden)
        self.reduce = nn.Sequential(
            nn.Conv2d(fine, reduced, 1, bias=False), nn.BatchNorm2d(reduced), nn.ReLU(inplace=True)
        )
        self.width = outputs + reduced
        initialise_convolutions(self)

    def forward(self, stages: tuple[Tensor, ...]) -> Tensor:
        """Map the four stages to [B, width, h, w] of the first stage's size."""
        fine = self.reduce(stages[0])
        coarse = F.interpolate(
            self.aspp(stages[-1]), fine.shape[-2:], mode="bilinear", align_corners=True
        )
        return torch.cat([coarse, fine], dim=1)


class DeepLabV3PlusHead(nn.Module):
    """Two 3×3 convolutions and the classifier: [N, inputs, h, w] to [N, classes, h, w]."""

    def __init__(self, inputs: int, classes: int, width: int = 256) -> None:
        super().__init__()
        self.last_conv = nn.Sequential(
            nn.Conv2d(inputs, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Conv2d(width, classes, 1)
        initialise_convolutions(self)

    def forward(self, features: Tensor) -> Tensor:
        return self.classifier(self.last_conv(features))
