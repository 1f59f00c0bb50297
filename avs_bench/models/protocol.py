"""What a model says of itself, so that nothing outside its file asks which family it is of.

A model is any `nn.Module` whose `forward(images, sounds)` returns scores [N, classes, h, w] or an
`AVSOutput`. One that differs from the defaults has an attribute `needs`; one that has `see` and
`hear` besides (`SeesOnce`) is shown a picture once, however many sounds it is heard with. A model
whose weights are published, and a part of one that has a file of its own, such as an ImageNet
backbone, says where by an attribute `official`: a key of `WHOLE_MODELS` or `START_FILES`, and of
`NAMINGS`, in the room `checkpoints`. What the file of a part cannot fill, the part names by
`fresh`: the beginnings of its entries.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor, nn

from avs_bench.config import Settings
from avs_bench.data.audio import SAMPLE_RATE
from avs_bench.data.spectrograms import cavp_logmel
from avs_bench.models.output import AVSOutput

FrontEnd = Callable[[Tensor], Tensor]
Role = Literal["backbone", "head", "fusion", "audio"]
ROLES: tuple[Role, ...] = get_args(Role)
HOUSE_ROLES: Mapping[str, Role] = {
    "backbone": "backbone",
    "fusion": "fusion",
    "audio_encoder": "audio",
}


@dataclass(frozen=True)
class Needs:
    """What a model is given and how its parts train; the defaults serve a plain `nn.Module`.

    `front_end` turns waveforms [B, channels, samples] at 16 kHz into the `sounds` of `forward`,
    [B, ...]; of `seconds` and `channels`, a video's frames `frame_step` seconds apart.
    `side` is the longer side of a picture in pixels, or both if `stretched`. With `frames` above 1
    the model sees clips: `forward(images [B, T, 3, H, W], sounds [B, T, ...], valid)`, where
    `valid` [B, T] is 0 for padding, or None if nothing is padded; its scores have B·T items. It
    takes single pictures [B, 3, H, W] with sounds [B, ...] too. A run's settings say otherwise for
    all of these but the front end.

    `roles` names what beginnings of parameters' names train as, see `role_of`; `parts` the
    children that files of their own may fill.
    """

    front_end: FrontEnd = cavp_logmel
    seconds: Literal[1, 3] = 3
    channels: Literal[1, 2] = 1
    frame_step: float = 1.0
    side: int = 224
    stretched: bool = False
    frames: int = 1
    roles: Mapping[str, Role] = field(default_factory=lambda: dict(HOUSE_ROLES))
    parts: tuple[str, ...] = ("backbone", "audio_encoder")

    def role_of(self, name: str) -> Role | None:
        """Return the role of the parameter `name`: that of the longest beginning in `roles`.

        None if no beginning covers it: then it is "head", behind the backbone; or in a model no
        part of which is a backbone "backbone", so that all of it trains at the plain rate.
        """
        covering = [key for key in self.roles if f"{name}.".startswith(f"{key}.")]
        return self.roles[max(covering, key=len)] if covering else None

    def under(self, settings: Settings) -> "Needs":
        """Return the needs of the model as the settings of a run train it."""
        audio, image = settings.audio, settings.image
        return replace(
            self,
            seconds=audio.seconds,
            channels=audio.channels,
            frame_step=audio.frame_step,
            side=image.crop,
            stretched=image.stretched,
            frames=image.frames if self.frames > 1 else 1,
        )

    def as_overrides(self) -> tuple[str, ...]:
        """Return the settings of a run that give the model all this, as `--set` takes them."""
        return (
            *(f"audio.channels={self.channels}", f"audio.seconds={self.seconds}"),
            *(f"audio.frame_step={float(self.frame_step)}", f"image.frames={self.frames}"),
            *(f"image.long_side={self.side}", f"image.crop={self.side}"),
            f"image.stretched={str(self.stretched).lower()}",
        )

    def example(self, batch: int, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor]:
        """Return random images and the front end's answer to noise, for `batch` items."""
        frames = (self.frames,) if self.frames > 1 else ()
        images = torch.randn(batch, *frames, 3, self.side, self.side, device=device)
        noise = torch.randn(batch * self.frames, self.channels, self.seconds * SAMPLE_RATE) / 10
        sounds = self.front_end(noise)
        return images, sounds.view(batch, *frames, *sounds.shape[1:]).to(device)


@runtime_checkable
class SeesOnce(Protocol):
    """A model whose answer to `forward(images, sounds)` is `hear(see(images), sounds)`.

    What `see` gives is the model's own affair. A model of clips is given `valid` there too.
    """

    def see(self, images: Tensor, valid: Tensor | None = None, /) -> Any: ...

    def hear(self, seen: Any, sounds: Tensor, /) -> AVSOutput: ...


DEFAULTS = Needs()


def needs_of(model: object) -> Needs:
    """Return what a model declares, or the defaults."""
    needs: Needs = getattr(model, "needs", DEFAULTS)
    return needs


def official_of(module: object) -> str:
    """Return what a model, or a part of one, is published as, or nothing."""
    official: str = getattr(module, "official", "")
    return official


def fresh_of(part: object) -> tuple[str, ...]:
    """Return the beginnings of what the published file of a part leaves as it was initialised."""
    fresh: tuple[str, ...] = getattr(part, "fresh", ())
    return fresh


def parts_of(model: nn.Module) -> dict[str, nn.Module]:
    """Return the children of a model, by name, that a published file of their own may fill."""
    children = dict(model.named_children())
    named = ((name, children.get(name)) for name in needs_of(model).parts)
    return {name: part for name, part in named if part is not None and official_of(part)}
