"""How the published checkpoints name what our modules hold.

One table per family maps the beginning of our names to the beginning of theirs; the longest that
fits counts. "Dead" entries are in every official checkpoint and in the published parameter
counts, but no forward pass reads them: they are read past, never kept.
"""

from collections.abc import Mapping

import torch
from torch import nn

from avs_bench.models.cavp import CAVP
from avs_bench.models.cross_attention import CrossAttention

CAVP_PREFIXES = {
    "backbone.": "backbone.backbone.",
    "decoder.": "segment.",
    "head.": "segment.upsample.",
    "fusion.projector.": "visual_projector.",
    "fusion.embed_visual.": "cross_att.patch_embed_v.proj.",
    "fusion.embed_audio.": "cross_att.patch_embed_a.proj.",
    "fusion.query.": "cross_att.blocks.0.attn.q.",
    "fusion.key.": "cross_att.blocks.0.attn.k.",
    "fusion.value.": "cross_att.blocks.0.attn.v.",
    "fusion.join.": "cross_att.blocks.0.attn.proj.",
    "fusion.norm1.": "cross_att.blocks.0.norm1.",
    "fusion.norm2.": "cross_att.blocks.0.norm2.",
    "fusion.mlp.": "cross_att.blocks.0.mlp.",
    "fusion.norm.": "cross_att.norm.",
    "audio_encoder.": "audio_backbone.backbone.",
    "audio_encoder.trunk.": "audio_backbone.backbone.",
}

POSITIONS = 16_384  # rows of the published positional table, 128 × 128 places, never added


def published_names(model: nn.Module) -> dict[str, str]:
    """Return, for every entry of the model's state dict, the published checkpoints' name of it."""
    prefixes = CAVP_PREFIXES
    names = {}
    for name in model.state_dict():
        ours = max((p for p in prefixes if name.startswith(p)), key=len, default="")
        names[name] = prefixes.get(ours, "") + name.removeprefix(ours)
    return names


def dead_entries(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of what a published checkpoint holds and no forward pass reads."""
    if isinstance(model, CAVP) and isinstance(model.fusion, CrossAttention):
        width = model.fusion.norm.normalized_shape[0]
        return {
            "cross_att.pos_embed_v": (1, POSITIONS, width),
            "cross_att.pos_embed_a": (1, 1, width),
            "audio_backbone.cls_head.weight": (2, width),
            "audio_backbone.cls_head.bias": (2,),
        }
    return {}


def published_shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return every name and shape of the model's published checkpoint, dead entries included."""
    names = published_names(model)
    live = {names[name]: tuple(value.shape) for name, value in model.state_dict().items()}
    return live | dead_entries(model)


def from_published(model: nn.Module, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a published state dict under our names, without its dead entries.

    What neither we nor the published code know keeps its name, for the caller to complain about.
    """
    ours = {published: name for name, published in published_names(model).items()}
    dead = dead_entries(model)
    return {ours.get(name, name): value for name, value in state.items() if name not in dead}
