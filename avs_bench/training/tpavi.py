"""What TPAVI minimises: cross-entropy plus how well the masked maps match the sound (P2)."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from avs_bench.checkpoints.loading import PUBLISHED_AT, LoadedWeights
from avs_bench.config import Settings
from avs_bench.data.batch import Batch
from avs_bench.data.clips import ClipLayout
from avs_bench.losses.cross_entropy import cross_entropy
from avs_bench.losses.tpavi import binary_cross_entropy, cosine_matching, divergence_matching
from avs_bench.models.execution import ExecutedModel
from avs_bench.models.inference import answer
from avs_bench.models.output import AVSOutput
from avs_bench.models.protocol import official_of, parts_of
from avs_bench.training.splitting import Splitting
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.runtime.errors import InputError


def refuse_untrained_vggish(
    settings: Settings, model: nn.Module, loaded: Iterable[LoadedWeights]
) -> None:
    """Raise InputError if a part of the model is frozen and no file gave weights to it.

    With a VGGish of random weights it would train without complaint, and its sounds would say
    next to nothing.
    """
    if settings.tpavi.untrained_vggish:
        return
    filled = [report.untouched for report in loaded]
    for name, part in parts_of(model).items():
        frozen = not any(parameter.requires_grad for parameter in part.parameters())
        if frozen and all(name in untouched for untouched in filled):
            what = official_of(part)
            raise InputError(
                f"model {settings.model.name} hears through a frozen {what}, which has no weights: "
                f"give --weights FILE ({PUBLISHED_AT[what]}), or train without them, for a trial, "
                "by --set tpavi.untrained_vggish=true"
            )


class TpaviObjective:
    """The loss terms of a batch; nothing is remembered from step to step.

    S4, MS3 and AVSS differ in `settings.tpavi` and in what is labelled, not in code: a frame
    without annotation is ignored, so S4 trains on the first frame of each clip.
    """

    def __init__(
        self, settings: Settings, classes: int, device: torch.device, splitting: Splitting
    ) -> None:
        self._settings = settings.tpavi
        self._device = device
        self._splitting = splitting

    def loss_terms(
        self, model: ExecutedModel, batch: Batch, epoch: int, step: int
    ) -> Iterator[dict[str, Tensor]]:
        """Yield the weighted terms of each part of the batch, see `Objective`."""
        valid = self._splitting.valid_pixels(batch.targets)
        frames = self._frames_that_count(batch.targets)
        for rows, clips in self._parts(batch):
            targets = batch.targets[rows].to(self._device)
            seen = batch.images[rows].to(self._device)
            output = answer(model, seen, batch.waveforms[rows].to(self._device), clips)
            binary = output.logits.shape[1] == 1
            entropy = binary_cross_entropy if binary else cross_entropy
            terms = {"cross_entropy": entropy(output.logits, targets, valid)}
            if self._settings.weight:
                terms["matching"] = self._settings.weight * self._matching(output, targets, frames)
            yield terms

    def _parts(self, batch: Batch) -> Iterator[tuple[slice, ClipLayout | None]]:
        """Yield the rows of each part; a clip is never divided."""
        if batch.clips is not None:
            return batch.clips.parts(self._splitting.part_size)
        return ((rows, None) for rows in self._splitting.parts(batch))

    def _frames_that_count(self, targets: Tensor) -> tuple[int, int]:
        """Return how many frames the whole batch has, and how many of them are labelled."""
        labelled = int((targets != IGNORE).flatten(1).any(1).sum())
        return self._splitting.total(len(targets)), self._splitting.total(labelled)

    def _matching(self, output: AVSOutput, targets: Tensor, frames: tuple[int, int]) -> Tensor:
        """Return S4's term as the mean over frames, MS3's summed, AVSS's over labelled frames."""
        audio = tuple(heard.flatten(0, -2) for heard in output.map_audio)
        if self._settings.matching == "cosine":
            return cosine_matching(output.maps, audio, output.logits).sum() / frames[0]
        matching = divergence_matching(
            output.maps, audio, output.logits, normalise=self._settings.normalise
        )
        if output.logits.shape[1] == 1:
            return matching.sum()
        labelled = (targets != IGNORE).flatten(1).any(1)
        return (matching * labelled).sum() / max(1, frames[1])

    def state_dict(self) -> dict[str, Tensor]:
        """Return what a checkpoint keeps beside the model: nothing."""
        return {}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state`."""
