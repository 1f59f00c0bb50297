"""How the published checkpoints name what our modules hold.

One table per family, which a model chooses by its `official`, maps the beginning of our names to
the beginning of theirs; the longest that fits counts. "Dead" entries are in every official
checkpoint and in the published parameter counts, but no forward pass reads them: they are read
past, never kept.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from torch import nn

from avs_bench.models.protocol import official_of

CAVP_PREFIXES = {
    "backbone.": "backbone.",
    "decoder.": "segment.",
    "decoder.attention.": "segment.ocr_distri_head.object_context_block.",
    "decoder.join.": "segment.ocr_distri_head.conv_bn_dropout.",
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

TPAVI_PREFIXES = {"backbone.": "encoder_backbone.", "head.": "output_conv."}
for _i in range(4):
    TPAVI_PREFIXES |= {
        f"necks.{_i}.": f"conv{_i + 1}.",
        f"fusion.{_i}.": f"tpavi_b{_i + 1}.",
        f"decoder.across.{_i}.": f"path{_i + 1}.resConfUnit1.",
        f"decoder.down.{_i}.": f"path{_i + 1}.resConfUnit2.",
    }

AVSEGFORMER_PREFIXES = {
    "backbone.": "backbone.",
    "audio_encoder.": "vggish.",
    "audio_projection.": "audio_proj.",
    "necks.": "head.in_proj.",
    "encoder.level_embed": "head.level_embed",
    "encoder.layers.": "head.transformer.encoder.layers.",
    "lateral.": "head.lateral_conv.",
    "smooth.": "head.out_conv.",
    "generator.": "head.query_generator.",
    "decoder.query.": "head.learnable_query.",
    "decoder.layers.": "head.transformer.decoder.layers.",
    "fusion.": "head.fusion_block.",
    "head.fc.": "head.fc.",
}
for _i in range(3):
    AVSEGFORMER_PREFIXES[f"head.mlp.{2 * _i}."] = f"head.mlp.layers.{_i}."
for _i in range(6):
    for _room in ("encoder", "decoder"):
        _layer = f"{_room}.layers.{_i}."
        AVSEGFORMER_PREFIXES[f"{_layer}mlp."] = f"head.transformer.{_layer}"
    for _ours, _theirs in (("linear1", "ffn.0"), ("linear2", "ffn.2")):
        _layer = f"layers.{_i}."
        AVSEGFORMER_PREFIXES[f"generator.{_layer}mlp.{_ours}."] = (
            f"head.query_generator.{_layer}{_theirs}."
        )

Shapes = dict[str, tuple[int, ...]]

POSITIONS = 16_384  # rows of the published positional table, 128 × 128 places, never added


def cavp_dead_entries(live: Shapes) -> Shapes:
    """Return what CAVP's checkpoints hold beside `live`: positions never added, a head unused."""
    token = live.get("cross_att.patch_embed_a.proj.bias")
    if token is None:  # another fusion than the published one
        return {}
    (width,) = token
    return {
        "cross_att.pos_embed_v": (1, POSITIONS, width),
        "cross_att.pos_embed_a": (1, 1, width),
        "audio_backbone.cls_head.weight": (2, width),
        "audio_backbone.cls_head.bias": (2,),
    }


def tpavi_dead_entries(live: Shapes) -> Shapes:
    """Return what TPAVI's checkpoints hold beside `live`: twins of a stage that no pass reads."""
    twins = {"resnet.layer3_1.": "resnet.layer3_2.", "resnet.layer4_1.": "resnet.layer4_2."}
    return _copies(live, twins | {"path4.resConfUnit2.": "path4.resConfUnit1."})


def avsegformer_dead_entries(live: Shapes) -> Shapes:
    """Return what AVSegFormer's checkpoints hold beside `live`: what its older losses needed."""
    pyramid = {
        f"head.fpn.up{level}.1.{name}": shape
        for level in (1, 2, 3)
        for name, shape in (("weight", (256, 256, 3, 3)), ("bias", (256,)))
    }
    twins = {"backbone.layer3_1.": "backbone.layer3_2.", "backbone.layer4_1.": "backbone.layer4_2."}
    return pyramid | _copies(live, twins | {"head.fc.": "head.attn_fc."})


def _copies(live: Shapes, twins: Mapping[str, str]) -> Shapes:
    """Return the shapes of entries that have, under another beginning, the shape of a live one."""
    return {
        dead + name.removeprefix(used): shape
        for used, dead in twins.items()
        for name, shape in live.items()
        if name.startswith(used)
    }


@dataclass(frozen=True)
class Naming:
    """How a family's checkpoints name things; `on_resnet` differs where the backbone is one.

    A file of the family in which nothing begins with `mark` is of `another` network.
    """

    prefixes: Mapping[str, str]
    on_resnet: Mapping[str, str]
    dead_entries: Callable[[Shapes], Shapes]
    mark: str = ""
    another: str = ""


def nothing_dead(_: Shapes) -> Shapes:
    """Return nothing: every entry of such a file is read."""
    return {}


NAMINGS: dict[str, Naming] = {
    "ResNet18, for sound": Naming({"trunk.": "", "fc.": "fc."}, {}, nothing_dead),
    "CAVP": Naming(CAVP_PREFIXES, {"backbone.": "backbone.backbone."}, cavp_dead_entries),
    "TPAVI": Naming(
        TPAVI_PREFIXES,
        {
            "backbone.": "resnet.",
            "backbone.layer3.": "resnet.layer3_1.",
            "backbone.layer4.": "resnet.layer4_1.",
        },
        tpavi_dead_entries,
    ),
    "AVSegFormer": Naming(
        AVSEGFORMER_PREFIXES,
        {
            "backbone.layer3.": "backbone.layer3_1.",
            "backbone.layer4.": "backbone.layer4_1.",
        },
        avsegformer_dead_entries,
        mark="head.query_generator.",
        another="the first AVSegFormer, before 2023-08-14: it has no head.query_generator and is "
        "another network under the same name (its figures are set A)",
    ),
}
AS_OURS = Naming({"": ""}, {}, nothing_dead)


def published_names(model: nn.Module) -> dict[str, str]:
    """Return the published name of every entry of the model's state dict that has one.

    TPAVI's frozen VGGish was published as a file of its own: its entries have none here.
    """
    naming = _naming(model)
    on_resnet = official_of(getattr(model, "backbone", None)).startswith("ResNet")
    prefixes = {**naming.prefixes, **(naming.on_resnet if on_resnet else {})}
    names = {}
    for name in model.state_dict():
        ours = max((p for p in prefixes if name.startswith(p)), key=len, default=None)
        if ours is not None:
            names[name] = prefixes[ours] + name.removeprefix(ours)
    return names


def dead_entries(model: nn.Module) -> Shapes:
    """Return names and shapes of what a published checkpoint holds and no forward pass reads."""
    return _naming(model).dead_entries(_live_shapes(model))


def other_network(model: nn.Module, names: Iterable[str]) -> str:
    """Return what a file of these names is of, if it is of another network of the model's family.

    Nothing where it is not, or where none of the family's names is in it.
    """
    naming, names = _naming(model), set(names)
    known = names & set(published_names(model).values())
    if not naming.mark or not any(name.startswith("head.") for name in known):
        return ""
    return "" if any(name.startswith(naming.mark) for name in names) else naming.another


def dead_parameters(model: nn.Module) -> int:
    """Return how many of the published parameter count are dead; norms' statistics are none."""
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    return sum(
        math.prod(shape)
        for name, shape in dead_entries(model).items()
        if not name.endswith(statistics)
    )


def _live_shapes(model: nn.Module) -> Shapes:
    """Return every published name and shape of what the model holds."""
    state = model.state_dict()
    return {theirs: tuple(state[ours].shape) for ours, theirs in published_names(model).items()}


def _naming(model: nn.Module) -> Naming:
    return NAMINGS.get(official_of(model), AS_OURS)
