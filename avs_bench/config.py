"""The settings of a run: what a preset decides and a checkpoint remembers.

No field has a default: every value stands in `presets/*.toml`, with its meaning and its source.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from vpo_builder.runtime.settings import Later, Range, load_settings

PRESETS = Path(__file__).parent / "presets"
Precision = Literal["fp32", "bf16", "fp16"]
AskedPrecision = Literal["auto", Precision]
Tf32 = Literal["none", "convolutions", "all"]
Selection = Literal["val", "test-as-published"]
AS_PUBLISHED: Selection = "test-as-published"


@dataclass(frozen=True)
class ModelSettings:
    """Which model, and the keyword options that its builder takes."""

    name: str
    options: dict[str, Any]


@dataclass(frozen=True)
class AudioSettings:
    """How a sample sounds: channels, length in seconds, step in a video, mix after a crop."""

    channels: Literal[1, 2]
    seconds: Literal[1, 3]
    frame_step: Annotated[float, Range(0.01, 60)]
    mute_cropped_out: bool


@dataclass(frozen=True)
class ImageSettings:
    """Sizes in pixels: `long_side` the picture is resized to (0 = as it is), `crop` to train on.

    `frames` of a video are seen together; 1 takes every frame for a picture by itself. An item of a
    training batch is so many, or `video_frames` that are cut and padded to several such clips. A
    `stretched` picture has both sides as long as the longer one.
    """

    long_side: Annotated[int, Range(16, 16384, zero=True)]
    crop: Annotated[int, Range(16, 16384)]
    frames: Annotated[int, Range(1, 1000)]
    video_frames: Annotated[int, Range(0, 1000)]
    stretched: bool

    @property
    def item_frames(self) -> int:
        """How many frames of a video are one item of a training batch."""
        return self.frames if self.frames == 1 else max(self.frames, self.video_frames)


@dataclass(frozen=True)
class AugmentationSettings:
    """Views of a training picture; probabilities, factors and ranges as in the preset.

    The side that `image.long_side` gives a length is the one that it is in scoring, or the shorter.
    """

    side: Literal["as-scored", "shorter"]
    crop: Literal["random", "centre"]
    flip: Annotated[float, Range(0, 1)]
    scales: Annotated[tuple[float, ...], Range(0.05, 20)]
    brightness: Annotated[float, Range(0, 1)]
    contrast: Annotated[float, Range(0, 1)]
    saturation: Annotated[float, Range(0, 1)]
    hue: Annotated[float, Range(0, 0.5)]


@dataclass(frozen=True)
class OptimSettings:
    """How to descend: `method` for everything that sees, Adam for what hears (protocol §5).

    The backbone has no gradient, and so stays as it is, until epoch `backbone_from_epoch`.
    """

    method: Literal["sgd", "adam", "adamw"]
    lr: Annotated[float, Range(0, 1000)]
    head_lr_factor: Annotated[float, Range(0, 1000)]
    momentum: Annotated[float, Range(0, 1, below=True)]
    weight_decay: Annotated[float, Range(0, 10)]
    decay: Literal["weights", "all"]
    backbone_from_epoch: Annotated[int, Range(0, 1_000_000)]
    poly_power: Annotated[float, Range(0, 10)]
    audio_lr: Annotated[float, Range(0, 1000)]
    clip_norm: Annotated[float, Range(0, 1e9)]


@dataclass(frozen=True)
class PairSettings:
    """How shuffled pairs become matches again through the class-wise bank of clips.

    `cross_entropy_weight` is that of a segmentation term on the shuffled pairs themselves,
    `silence_rate` and `noise_rate` are the shares of them that hear nothing and white noise: the
    published loss has none of these.
    """

    rematch_rate: Annotated[float, Range(0, 1)]
    rematch_from_epoch: Annotated[int, Range(0, 1_000_000)]
    bank_draw: Literal["oldest", "random"]
    bank_empty: Literal["skip", "silence"]
    cross_entropy_weight: Annotated[float, Range(0, 1000)]
    silence_rate: Annotated[float, Range(0, 1)]
    noise_rate: Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class ContrastiveSettings:
    """The contrastive term: weight 0 leaves it, and the shuffled half of the batch, out."""

    weight: Annotated[float, Range(0, 1000)]
    temperature: Annotated[float, Range(0.001, 1000)]
    pixels_per_class: Annotated[int, Range(1, 1_000_000)]
    small_classes: Literal["skip", "all"]


@dataclass(frozen=True)
class TpaviSettings:
    """TPAVI's audio-visual matching term: weight 0 leaves it out (models.md, loss details)."""

    weight: Annotated[float, Range(0, 1000)]
    matching: Literal["cosine", "kl"]
    normalise: bool


@dataclass(frozen=True)
class AVSegFormerSettings:
    """AVSegFormer's losses: how masks of one object compare, and the mask feature's weight."""

    mask_loss: Literal["dice", "bce"]
    mix_weight: Annotated[float, Range(0, 1000)]


@dataclass(frozen=True)
class TrainSettings:
    """Objective, classes left out, length, batch, arithmetic and bookkeeping of a run.

    `loss` names the user's own, MODULE:NAME, which takes the place of the objective's on masks.
    `precision` "auto" is decided where a run begins, which then keeps what it became. `tf32` says
    which products of float32 a GPU rounds its factors in.
    """

    objective: Literal["cavp", "tpavi", "avsegformer"]
    loss: Annotated[str, Later("")]
    untrained_vggish: bool
    holdout_classes: tuple[str, ...]
    seed: Annotated[int, Range(0, 2**63 - 1)]
    epochs: Annotated[int, Range(1, 1_000_000)]
    batch_size: Annotated[int, Range(1, 65536)]
    micro_batch_size: Annotated[int, Range(0, 65536)]
    checkpoint_steps: Annotated[int, Range(0, 1_000_000_000)]
    validate_epochs: Annotated[int, Range(1, 1_000_000)]
    selection: Selection
    patience: Annotated[int, Range(0, 1_000_000)]
    ema_decay: Annotated[float, Range(0, 1, below=True)]
    deterministic: bool
    precision: AskedPrecision
    tf32: Annotated[Tf32, Later("convolutions")]
    channels_last: bool
    compiled: bool

    def logits(self, classes: int) -> int:
        """Return how many logits the objective takes for `classes` classes with background.

        TPAVI and AVSegFormer tell an object from none, on S4 and MS3, by one (models.md).
        """
        return 1 if classes == 2 and self.objective != "cavp" else classes


@dataclass(frozen=True)
class LoaderSettings:
    """Worker processes that read examples, and the MiB of decoded pictures each may keep."""

    workers: Annotated[int, Range(0, 1024)]
    cache_mib: Annotated[int, Range(0, 1_000_000)]


@dataclass(frozen=True)
class EvalSettings:
    """Pictures, or clips, per forward pass; scores do not depend on it.

    The arithmetic is scoring's and prediction's own, whatever a run trains in: "auto" is decided
    anew on each device.
    """

    batch_size: Annotated[int, Range(1, 65536)]
    precision: Annotated[AskedPrecision, Later("fp32")]
    channels_last: Annotated[bool, Later(False)]
    compiled: Annotated[bool, Later(False)]


@dataclass(frozen=True)
class Settings:
    """A whole run."""

    model: ModelSettings
    audio: AudioSettings
    image: ImageSettings
    augmentation: AugmentationSettings
    optim: OptimSettings
    pairs: PairSettings
    contrastive: ContrastiveSettings
    tpavi: TpaviSettings
    avsegformer: AVSegFormerSettings
    train: TrainSettings
    loader: LoaderSettings
    evaluation: EvalSettings


def read_preset(preset: str, overrides: tuple[str, ...] = ()) -> Settings:
    """Return the settings of a preset with `key.path=value` overrides; raise InputError."""
    return load_settings(Settings, PRESETS, preset, overrides)
