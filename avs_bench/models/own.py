"""A model of the user's own: built by its name, and tried before hours are spent on it.

It is a `torch.nn.Module`, or what makes one when called with the number of classes, background
included, and `model.options` by name. Of its `forward(images, sounds)` bare scores are enough.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from avs_bench.data.audio import SAMPLE_RATE
from avs_bench.data.clips import ClipLayout
from avs_bench.data.images import MIN_SIDE
from avs_bench.data.tensors import normalise, torch_generator
from avs_bench.models.execution import ExecutedModel, Execution
from avs_bench.models.inference import answer
from avs_bench.models.output import AVSOutput, as_output
from avs_bench.models.protocol import Needs, needs_of
from avs_bench.runtime.own_code import import_own, is_of_own, is_own_code, name_of, told
from vpo_builder.runtime.errors import InputError, as_input_error, is_full_memory

PICTURES = 2
"""Shown in a trial: BatchNorm has no statistics of one."""


@dataclass(frozen=True)
class OwnModel:
    """A model of the user's own, or what makes one; `name` is MODULE:NAME, for the record."""

    name: str
    code: Callable[..., Any]

    def build(self, classes: int, options: Mapping[str, Any]) -> nn.Module:
        """Return the model for so many classes; InputError if it cannot be called or fails."""
        if isinstance(self.code, nn.Module):
            return self.code
        call = ", ".join([str(classes), *(f"{key}={value!r}" for key, value in options.items())])
        try:
            inspect.signature(self.code).bind(classes, **options)
        except ValueError:  # of a builtin that does not tell: the call will
            pass
        except TypeError as error:
            raise InputError(
                f"{self.name}: cannot be called as {self.name.rpartition(':')[2]}({call}) "
                f"({error}): it takes the number of classes, and model.options by name: give those "
                "with --set 'model.options={…}'"
            ) from None
        with own_errors(f"{self.name}: fails when it is called with ({call})"):
            model = self.code(classes, **options)
        if not isinstance(model, nn.Module):
            raise InputError(
                f"{self.name}: gave a {type(model).__name__}, expected a torch.nn.Module: return "
                "the model"
            )
        return model


def own_model(given: object) -> OwnModel:
    """Return the own model that lies at MODULE:NAME, as typed behind --model, or that is given."""
    if isinstance(given, str):
        return OwnModel(given, import_own(given, "--model"))
    if not callable(given):
        raise InputError(
            f"model {given!r}: expected the name of a model, MODULE:NAME, a torch.nn.Module or a "
            "function that makes one"
        )
    return OwnModel(name_of(given), given)


def is_own_model(given: object) -> bool:
    """Whether a model that the user names or gives is none of ours."""
    return is_own_code(given) if isinstance(given, str) else given is not None


def refuse_untrainable(name: str, model: nn.Module) -> None:
    """Raise InputError for a model in which nothing can be trained."""
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise InputError(
            f"{name}: has no parameters to train: register its layers as attributes, a list of "
            "them as torch.nn.ModuleList, and let some require a gradient"
        )


def refuse_unfit(
    name: str, model: nn.Module, needs: Needs, logits: Collection[int], *, hearings: int = 1
) -> AVSOutput:
    """Show a model two items, in its mode and of its `needs`; InputError unless it scores them.

    In training they are crops, in evaluation pictures in another shape, if it does not want them
    stretched. `hearings` are the sounds that each picture is heard with. Returns what it said;
    buffers and random state are put back.
    """
    side, random = needs.side, torch_generator("trial")
    other = side if model.training or needs.stretched else max(MIN_SIDE, 3 * side // 4 - 1)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    items = PICTURES * needs.frames
    images = torch.randint(0, 256, (items, 3, side, other), generator=random, dtype=torch.uint8)
    length = needs.seconds * SAMPLE_RATE
    heard = torch.randn(hearings * items, needs.channels, length, generator=random) / 10
    images, heard = images.to(device), heard.to(device)
    with ExecutedModel(model, Execution()).rehearsal(), torch.set_grad_enabled(model.training):
        sounds = _front_end(name, model, heard)
        with own_errors(_failing(name, model, images, sounds, hearings)):
            if hearings > 1:
                output = as_output(model(normalise(images), sounds), images)
            else:
                clips = ClipLayout((needs.frames,) * PICTURES, needs.frames)
                output = answer(model, images, heard, clips if needs.frames > 1 else None)
    _refuse_unlike(name, output, items, hearings, logits)
    return output


@contextmanager
def own_errors(doing: str) -> Iterator[None]:
    """Raise InputError, with the place in the user's code, for what fails in it but for memory."""
    try:
        yield
    except Exception as error:
        if is_full_memory(error):
            raise
        known = as_input_error(error)
        text = f"{doing}: {known}" if known else f"{doing}: {told(error)}"
        raise InputError(text) from error


@contextmanager
def errors_in(name: str, doing: str) -> Iterator[None]:
    """While a model or loss of this name is at work, tell what fails in the user's code in a line.

    What fails in ours is left as it is.
    """
    try:
        yield
    except Exception as error:
        if not is_own_code(name) or as_input_error(error) or not is_of_own(error):
            raise
        raise InputError(f"{name}: fails in {doing}: {told(error)}") from error


def _front_end(name: str, model: nn.Module, waveforms: Tensor) -> Tensor:
    front_end = needs_of(model).front_end
    shape = list(waveforms.shape)
    with own_errors(f"{name}: its front end fails on waveforms {shape} of 16 kHz"):
        sounds: object = front_end(waveforms)
    if not isinstance(sounds, Tensor) or len(sounds) != len(waveforms):
        found = list(sounds.shape) if isinstance(sounds, Tensor) else type(sounds).__name__
        raise InputError(
            f"{name}: its front end makes {found} of waveforms {shape}: expected a tensor whose "
            f"first size is {len(waveforms)}, one item for each"
        )
    return sounds


def _failing(name: str, model: nn.Module, images: Tensor, sounds: Tensor, hearings: int) -> str:
    """Begin the line about a model that fails, with what is likely to help."""
    mode = "training" if model.training else "evaluation"
    shown = f"{list(images.shape)} and sounds {list(sounds.shape)}"
    hint = ""
    if hearings > 1:
        hint = " (contrastive pairs: two sounds a picture; without them --set contrastive.weight=0)"
    elif images.shape[-1] != images.shape[-2]:
        hint = " (pictures keep their shape in scoring; image.stretched=true makes them square)"
    return f"{name}: fails in {mode} on images {shown}{hint}"


def _refuse_unlike(
    name: str, output: AVSOutput, items: int, hearings: int, logits: Collection[int]
) -> None:
    scores = output.scores
    counts = {items, items * hearings}
    if len(scores) not in counts or scores.shape[1] not in logits:
        classes = " or ".join(map(str, logits))
        raise InputError(
            f"{name}: gives scores {list(scores.shape)}, expected [{items}, {classes}, h, w]: one "
            f"for each class, background included, of each of {items} pictures"
        )
    if not scores.isfinite().all():
        raise InputError(
            f"{name}: gives scores that are not numbers, with fresh or loaded weights: look for a "
            "division by zero or a logarithm of it"
        )
