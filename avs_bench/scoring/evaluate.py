"""Scores of a model on a subset: the counts of every picture or video, and of every probe."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from avs_bench.config import Settings
from avs_bench.data.batch import Batch, PictureChange
from avs_bench.data.class_map import ClassMap
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.loader import plain_batches
from avs_bench.metrics import Confusion
from avs_bench.metrics.threshold_curve import probabilities_of
from avs_bench.models.execution import ExecutedModel, Execution, rounding
from avs_bench.models.inference import object_logits, predicted_classes, segment_hearings
from avs_bench.names import OwnFamily
from avs_bench.probes.scores import ProbeScorer
from avs_bench.results.records import ScoredItem, ScoredSet, scored_set
from avs_bench.results.showcase import Candidate, Showcase
from avs_bench.runtime.processes import ALONE, Processes
from avs_bench.scoring.renaming import renamed_logits
from avs_bench.scoring.scorers import Answer, scorer_of
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress

Watcher = Callable[[Batch, int, Tensor], None]
"""Is shown each batch, the row of an example in it, and its prediction [H', W'] uint8."""


def watcher_of(showcase: Showcase, dataset: AVSDataset) -> Watcher:
    """Return a watcher that offers every example to a showcase."""

    def watch(batch: Batch, row: int, pred: Tensor) -> None:
        example, target = batch.examples[row], batch.targets[row]
        heard = sorted(dataset.classes[index] for index in example.heard)

        def make() -> Candidate:
            picture = batch.images[row].permute(1, 2, 0).numpy().copy()
            sound = batch.waveforms[row].numpy().copy()
            return Candidate(
                picture, target.numpy().copy(), pred.numpy().copy(), sound, tuple(heard)
            )

        confusion = Confusion.of(pred, target, len(dataset.classes))
        showcase.offer(example.example_id, example.unit, confusion, make)

    return watch


class ScoringStoppedError(Exception):
    """Scoring was told to stop; what it had counted is dropped."""


def _never() -> int:
    return 0


def evaluate(
    model: nn.Module,
    dataset: AVSDataset,
    subset: Subset,
    settings: Settings,
    device: torch.device,
    *,
    families: Sequence[OwnFamily] = (),
    class_map: ClassMap | None = None,
    probes: Sequence[ProbeScorer] = (),
    change: PictureChange | None = None,
    watch: Watcher | None = None,
    watchers: Sequence[Callable[[Answer], None]] = (),
    processes: Processes = ALONE,
    stopped_by: Callable[[], int] = _never,
    label: str = "",
) -> tuple[ScoredSet, ...]:
    """Return what the model scores on a subset, in the dataset's own family and then in `families`.

    The model sees pictures as `settings.image.long_side` says and is scored at the masks' own
    size, so runs at different sizes compare. A `class_map`, applied to the dataset already, takes
    the model's logits to the dataset's classes. Nothing depends on the batch, so `processes` score
    whole units each and every one returns all counts; `probes` are asked about the same pictures
    on the way, and keep what this process hears of them. A `change` is made to every picture. A
    `label` has progress shown under it.
    Raises InputError for an empty subset and for logits that are not numbers, and
    ScoringStoppedError in every process after the batch in which `stopped_by` was not 0 in one.
    """
    examples = dataset.subsets[subset]
    if not examples:
        raise InputError(f"{dataset.folder}: its {subset} subset is empty: nothing to evaluate")
    model.eval()
    chosen = dict.fromkeys([dataset.family, *families])
    scorers = [scorer_of(name, len(dataset.classes), examples) for name in chosen]
    own = _share(examples, processes)
    batches = plain_batches(dataset, own, settings, change, pinned=device.type == "cuda")
    execution = Execution.of_scoring(settings).on(device)
    segmented = partial(_segmented, ExecutedModel(model, execution), device, class_map)
    told = [*(scorer.add for scorer in scorers), *watchers]
    scored = _scored(segmented, batches, told, probes, watch, stopped_by)
    total = sum(example.mask is not None for example in own)
    with closing(batches), rounding(execution.tf32):
        for _ in progress(scored, total, label) if label else scored:
            continue
    if processes.largest(stopped_by()):
        raise ScoringStoppedError
    return tuple(_joined(scorer.scores(), processes) for scorer in scorers)


def _segmented(
    model: ExecutedModel,
    device: torch.device,
    class_map: ClassMap | None,
    hearings: Sequence[Batch],
) -> Iterator[Tensor]:
    """Return logits for each of several batches of the same pictures, in the scored table."""
    answers = segment_hearings(model, hearings, device)
    if class_map is None:
        return answers
    return (renamed_logits(logits, class_map) for logits in answers)


def _scored(
    segmented: Callable[[Sequence[Batch]], Iterator[Tensor]],
    batches: Iterable[Batch],
    told: Sequence[Callable[[Answer], None]],
    probes: Sequence[ProbeScorer],
    watch: Watcher | None,
    stopped_by: Callable[[], int],
) -> Iterator[None]:
    """Tell answers, probes and watcher what they are to see; yield once for each example scored."""
    for batch in batches:
        if stopped_by():
            return
        asking = [probe for probe in probes if probe.asks(batch)]
        hearings = [batch, *(probe.hearing(batch) for probe in asking)]
        answers = segmented(hearings)
        logits = next(answers)
        preds = predicted_classes(logits).cpu()
        for row, example in enumerate(batch.examples):
            if example.mask is None:  # seen beside the others of its clip, and not annotated
                continue
            objects = partial(_object_probabilities, logits[row])
            own = Answer(example, preds[row].numpy(), batch.targets[row].numpy(), objects)
            for tell in told:
                tell(own)
            if watch:
                watch(batch, row, preds[row])
            yield
        for probe, heard, answer in zip(asking, hearings[1:], answers, strict=True):
            probe.add(heard, predicted_classes(answer).cpu())


def _object_probabilities(logits: Tensor) -> NDArray[np.float32]:
    """Return [H, W] of an answer's logits [classes, H, W], wherever they are.

    In float64, so that another program's probabilities of the same logits are these.
    """
    return probabilities_of(object_logits(logits[None].cpu().double())[0].numpy(), ())


def _share(examples: Sequence[Example], processes: Processes) -> Sequence[Example]:
    """Return the examples whose units fall to this process."""
    if processes.count == 1:
        return examples
    units = list(dict.fromkeys(example.unit for example in examples))
    own = set(units[processes.rank :: processes.count])
    return [example for example in examples if example.unit in own]


def _joined(part: ScoredSet, processes: Processes) -> ScoredSet:
    """Return the items of all processes as one set."""
    messages = processes.messages(msgspec.json.encode(part.items))
    kind = tuple[ScoredItem, ...]
    items = (item for data in messages for item in msgspec.json.decode(data, type=kind))
    return scored_set(part.family, part.classes, items)
