"""The models' mathematics, operation by operation as the protocol describes the published code.

What `bench_models.py` compares with: eager PyTorch without any of our shortcuts, on the very same
parameters. Trunks (ResNet, HRNet, PVTv2) and the audio ResNet have no shortcut in our models
beyond the attention kernel, so both sides run the same modules and they only dilute the ratios;
PVTv2's attention is spelt out here.

The published block also lets the sound attend to the places and drops the result. That half is
left out here too: the ratios are against a script that computes nothing it does not need.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avs_bench.models.avsegformer import AVSegFormer
from avs_bench.models.cavp import CAVP
from avs_bench.models.cross_attention import CrossAttention
from avs_bench.models.deeplab import LEAK, DeepLabV3PlusDecoder
from avs_bench.models.deformable_attention import DeformableAttention, Sizes
from avs_bench.models.ocr import OCRDecoder
from avs_bench.models.pvt import ReducedAttention
from avs_bench.models.query_attention import Attention
from avs_bench.models.query_mask_head import ChannelMixer
from avs_bench.models.tpavi import TPAVI
from avs_bench.models.tpavi_block import TPAVIBlock


def plain_forward(model: nn.Module, images: Tensor, sounds: Tensor) -> tuple[Tensor, Tensor]:
    """Return the logits of the own sounds, and the features or the finest map (TPAVI)."""
    if isinstance(model, CAVP):
        return plain_cavp(model, images, sounds)
    if isinstance(model, AVSegFormer):
        return plain_avsegformer(model, images, sounds)
    return plain_tpavi(model, images, sounds)


def plain_cavp(model: CAVP, images: Tensor, sounds: Tensor) -> tuple[Tensor, Tensor]:
    """Image features once, then everything behind them on both halves of the pair."""
    visual = plain_decoder(model.decoder, plain_stages(model.backbone, images))
    visual = visual.repeat(len(sounds) // len(images), 1, 1, 1)
    features = plain_cross_attention(model.fusion, visual, model.audio_encoder(sounds))
    logits = F.interpolate(
        model.head(features), images.shape[-2:], mode="bilinear", align_corners=False
    )
    return logits[: len(images)], features


def plain_cross_attention(m: CrossAttention, visual: Tensor, audio: Tensor) -> Tensor:
    """Projector, embeddings, attention with its matrix, perceptron, norm."""
    N, D, h, w = visual.shape
    places = m.embed_visual(m.projector(visual.flatten(2).transpose(1, 2)))
    token = m.embed_audio(audio).unsqueeze(1)
    places, token = m.norm1(places), m.norm1(token)
    query, key, value = (
        layer(x).reshape(N, -1, m.heads, D // m.heads).transpose(1, 2)
        for layer, x in ((m.query, places), (m.key, token), (m.value, token))
    )
    weights = torch.sigmoid(query @ key.transpose(2, 3) * (D // m.heads) ** -0.5)
    places = places + m.join((weights @ value).transpose(1, 2).reshape(N, h * w, D))
    places = m.norm(places + m.mlp(m.norm2(places)))
    return places.transpose(1, 2).reshape(N, D, h, w)


def plain_decoder(decoder: nn.Module, stages: tuple[Tensor, ...]) -> Tensor:
    """The decoders with every convolution applied where the paper's figure has it."""
    if isinstance(decoder, DeepLabV3PlusDecoder):
        aspp, x = decoder.aspp, stages[-1]
        joined = aspp.map_bn(torch.cat([conv(x) for conv in aspp.map_convs], 1))
        joined = aspp.red_conv(F.leaky_relu(joined, LEAK))
        image = aspp.global_pooling_bn(aspp.global_pooling_conv(x.mean((2, 3), keepdim=True)))
        image = aspp.pool_red_conv(F.leaky_relu(image, LEAK))
        coarse = F.leaky_relu(aspp.red_bn(joined + image), LEAK)
        size = stages[0].shape[-2:]
        coarse = F.interpolate(coarse, size, mode="bilinear", align_corners=True)
        return torch.cat([coarse, decoder.reduce(stages[0])], 1)
    if isinstance(decoder, OCRDecoder):
        joined = decoder.branches(stages)
        membership = decoder.aux_head(joined).flatten(2).softmax(2)
        pixels = decoder.conv3x3(joined)
        regions = membership @ pixels.flatten(2).transpose(1, 2)
        m, objects = decoder.attention, regions.transpose(1, 2).unsqueeze(3)
        query = m.f_pixel(pixels).flatten(2).transpose(1, 2)
        weights = (query @ m.f_object(objects).flatten(2) * m.scale).softmax(2)
        context = weights @ m.f_down(objects).flatten(2).transpose(1, 2)
        context = m.f_up(context.transpose(1, 2).unflatten(2, pixels.shape[-2:]))
        return decoder.join(torch.cat([context, pixels], 1))
    return decoder(stages)


def plain_stages(backbone: nn.Module, images: Tensor) -> tuple[Tensor, ...]:
    """The backbone, in PVTv2's case with softmax and both products of its attention written out."""
    with spelt_out(backbone, {ReducedAttention: plain_attention}):
        return backbone(images)


@contextmanager
def spelt_out(model: nn.Module, forwards: Mapping[type, Callable[..., Tensor]]) -> Iterator[None]:
    """Let every module of the given kinds compute as written here."""
    changed = [(m, forwards[type(m)]) for m in model.modules() if type(m) in forwards]
    for module, forward in changed:
        module.forward = forward.__get__(module)
    try:
        yield
    finally:
        for module, _ in changed:
            del module.forward


def plain_attention(self: ReducedAttention, x: Tensor, h: int, w: int) -> Tensor:
    """Softmax attention with its matrix."""
    B, N, D = x.shape
    sources = x
    if self.reduction > 1:
        sources = self.sr(x.transpose(1, 2).reshape(B, D, h, w))
        sources = self.norm(sources.flatten(2).transpose(1, 2))
    query = self.q(x).reshape(B, N, self.heads, -1).transpose(1, 2)
    kv = self.kv(sources).reshape(B, -1, 2, self.heads, D // self.heads)
    key, value = kv.permute(2, 0, 3, 1, 4)
    matrix = (query @ key.transpose(2, 3) * (D // self.heads) ** -0.5).softmax(3)
    return self.proj((matrix @ value).transpose(1, 2).reshape(B, N, D))


def plain_tpavi(model: TPAVI, images: Tensor, audio: Tensor) -> tuple[Tensor, Tensor]:
    """Clips of frames with one embedding each; every block with its matrix over all places."""
    stages = plain_stages(model.backbone, images.flatten(0, 1))
    maps = []
    for neck, block, stage in zip(model.necks, model.fusion, stages, strict=True):
        neck_map = sum(conv(stage) for conv in neck.conv2d_list)
        maps.append(F.relu(plain_tpavi_block(block, neck_map, audio)))
    return model.head(model.decoder(maps)), maps[0]


def plain_tpavi_block(m: TPAVIBlock, maps: Tensor, audio: Tensor) -> Tensor:
    """theta, phi and g in every place, f over all T·h·w × T·h·w pairs, then f·g."""
    B, T = audio.shape[:2]
    h, w = maps.shape[-2:]
    x = maps.reshape(B, T, -1, h, w).transpose(1, 2)
    aligned = m.align_channel(audio).transpose(1, 2)[..., None, None].expand(-1, -1, T, h, w)
    theta, phi, g = (c(y).flatten(2) for c, y in ((m.theta, x), (m.phi, aligned), (m.g, x)))
    f = theta.transpose(1, 2) @ phi / (T * h * w)
    z = m.W_z((f @ g.transpose(1, 2)).transpose(1, 2).unflatten(2, (T, h, w))) + x
    z = m.norm_layer(z.permute(0, 2, 3, 4, 1)).permute(0, 1, 4, 2, 3)
    return z.flatten(0, 1)


def plain_avsegformer(
    model: AVSegFormer, images: Tensor, embeddings: Tensor
) -> tuple[Tensor, Tensor]:
    """All attention with its matrix or its samples; the rest of the network has no shortcut."""
    forwards: dict[type, Callable[..., Tensor]] = {
        Attention: plain_query_attention,
        ChannelMixer: plain_mixer,
        DeformableAttention: plain_deformable_attention,
        ReducedAttention: plain_attention,
    }
    with spelt_out(model, forwards):
        output = model(images, embeddings)
    return output.logits, output.features


def plain_query_attention(self: Attention, queries: Tensor, asked: Tensor) -> Tensor:
    """Softmax attention with its matrix, of one token too."""
    N, Q, D = queries.shape
    biases = [None] * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
    query, key, value = (
        F.linear(x, weight, bias).reshape(N, -1, self.heads, D // self.heads).transpose(1, 2)
        for x, weight, bias in zip(
            (queries, asked, asked), self.in_proj_weight.chunk(3), biases, strict=True
        )
    )
    matrix = (query @ key.transpose(2, 3) * (D // self.heads) ** -0.5).softmax(3)
    matrix = F.dropout(matrix, self.dropout, self.training)
    return self.out_proj((matrix @ value).transpose(1, 2).reshape(N, Q, D))


def plain_mixer(self: ChannelMixer, feature: Tensor, audio: Tensor) -> Tensor:
    """The sound asks all places, with the matrix of its attention."""
    N, D, h, w = feature.shape
    places = feature.flatten(2).transpose(1, 2)
    query = self.q_proj(audio).reshape(N, 1, self.heads, -1).transpose(1, 2)
    kv = self.kv_proj(places).reshape(N, h * w, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
    matrix = (query @ kv[0].transpose(2, 3) * (D // self.heads) ** -0.5).softmax(3)
    factors = self.proj((matrix @ kv[1]).transpose(1, 2).reshape(N, D)).sigmoid()
    return feature * factors[..., None, None]


def plain_deformable_attention(
    self: DeformableAttention, queries: Tensor, tokens: Tensor, centres: Tensor, sizes: Sizes
) -> Tensor:
    """Places of all levels and points at once, samples of all levels stacked, then weighed."""
    N, L, D = queries.shape
    H, levels, points = self.heads, self.levels, self.points
    offsets = self.sampling_offsets(queries).reshape(N, L, H, levels, points, 2)
    weights = self.attention_weights(queries).reshape(N, L, H, levels * points).softmax(3)
    value = self.value_proj(tokens).reshape(N, -1, H, D // H)
    scale = torch.tensor([(w, h) for h, w in sizes], dtype=queries.dtype)
    places = centres[None, :, None, None, None] + offsets / scale[:, None]
    grids = 2 * places - 1
    samples, first = [], 0
    for level, (h, w) in enumerate(sizes):
        part = value[:, first : first + h * w].flatten(2).transpose(1, 2)
        grid = grids[:, :, :, level].transpose(1, 2).flatten(0, 1)
        maps = part.reshape(N * H, D // H, h, w)
        samples.append(F.grid_sample(maps, grid, padding_mode="zeros", align_corners=False))
        first += h * w
    found = torch.stack(samples, dim=-2).flatten(-2)
    share = weights.transpose(1, 2).reshape(N * H, 1, L, levels * points)
    return self.output_proj((found * share).sum(-1).view(N, D, L).transpose(1, 2))
