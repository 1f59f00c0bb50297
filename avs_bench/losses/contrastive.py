"""Which pixels CAVP contrasts: sounding, background and wrongly accompanied ones (protocol §5)."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from avs_bench.config import ContrastiveSettings
from avs_bench.runtime.device import on_device
from vpo_builder.dataset.schema import IGNORE


@dataclass(frozen=True)
class Places:
    """Chosen pixels of the fused features [2B, D, h, w]: item, flat place and label, each [N]."""

    items: Tensor
    places: Tensor
    labels: Tensor


def embeddings_at(
    features: Tensor, places: Places, rows: slice, images: int
) -> tuple[Tensor, Tensor]:
    """Return which places lie in the images `rows` of the batch, and their embeddings.

    `features` [2n, D, h, w] belong to these n of the `images` images of the batch, own sounds
    first. The places are their numbers [places there], the embeddings [places there, D] float32 of
    unit length. `places` lie in main memory, so nothing waits for a GPU.
    """
    n = rows.stop - rows.start
    image, shuffled = places.items % images, places.items >= images
    here = ((image >= rows.start) & (image < rows.stop)).nonzero().squeeze(1)
    item = (image - rows.start + n * shuffled)[here]
    device = features.device
    maps = features.flatten(2)
    chosen = maps[on_device(item, device), :, on_device(places.places[here], device)]
    return on_device(here, device), F.normalize(chosen.float(), dim=1)


def sample_places(
    targets: Tensor, matched: Tensor, settings: ContrastiveSettings, generator: Generator
) -> Places:
    """Draw the pixels from targets [B, h, w] at the size of the features, in main memory.

    `matched` [B] says whether the shuffled sound has the image's classes.

    `pixels_per_class` of every sounding class, over the whole batch; then n of background and n
    of the shuffled half where the image has a sounding object, n being the smallest of
    `pixels_per_class`, the sounding and the background pixels. A shuffled pixel keeps its class
    where the sounds match and is background (label 0) where the object is silent. A class with
    too few pixels is skipped ("skip", as published) or gives all that it has ("all").
    """
    B, pixels = len(targets), settings.pixels_per_class
    flat = targets.flatten()
    sounding = ((flat > 0) & (flat != IGNORE)).nonzero().squeeze(1)
    background = (flat == 0).nonzero().squeeze(1)
    own = []
    for label in flat[sounding].unique().tolist():
        members = (flat == label).nonzero().squeeze(1)
        if len(members) >= pixels or settings.small_classes == "all":
            own.append(_draw(members, pixels, generator))
    if not own:
        empty = torch.empty(0, dtype=torch.long)
        return Places(empty, empty, empty)
    n = min(pixels, len(sounding), len(background))
    shuffled = _draw(sounding, n, generator)
    index = torch.cat([*own, _draw(background, n, generator)])
    size = targets[0].numel()
    return Places(
        items=torch.cat([index // size, shuffled // size + B]),
        places=torch.cat([index, shuffled]) % size,
        labels=torch.cat([flat[index], flat[shuffled] * matched[shuffled // size]]),
    )


def resize_targets(targets: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """Return targets [B, H, W] of at most 255 at `size` by nearest neighbour, as int64."""
    small = F.interpolate(targets[:, None].to(torch.uint8), tuple(size), mode="nearest")
    return small[:, 0].long()


def _draw(members: Tensor, count: int, generator: Generator) -> Tensor:
    return members[torch.randperm(len(members), generator=generator)[:count]]
