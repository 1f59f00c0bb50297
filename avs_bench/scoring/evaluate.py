"""Scores of a model on a subset: the counts of every picture or video, and of every probe."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from functools import partial
from itertools import chain

import msgspec
import torch
from torch import Tensor, nn

from avs_bench.config import Settings
from avs_bench.data.batch import Batch, PictureChange
from avs_bench.data.class_map import ClassMap
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.loader import PlainReading
from avs_bench.metrics import Confusion
from avs_bench.models.execution import ExecutedModel, Execution, rounding
from avs_bench.models.inference import Segmented, segment_hearings
from avs_bench.names import OwnFamily
from avs_bench.probes.scores import ProbeScorer
from avs_bench.results.items import ScoredItem, encoded
from avs_bench.results.records import ScoredSet, scored_set
from avs_bench.results.showcase import Candidate, Showcase
from avs_bench.runtime.beside import done_beside
from avs_bench.runtime.processes import ALONE, Processes
from avs_bench.scoring.asking import Telling, Watcher, asked
from avs_bench.scoring.renaming import renamed_logits
from avs_bench.scoring.scorers import Answer, scorer_of
from vpo_builder.dataset.schema import Subset
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress


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
    reading: PlainReading | None = None,
    stopped_by: Callable[[], int] = _never,
    label: str = "",
) -> tuple[ScoredSet, ...]:
    """Return what the model scores on a subset, in the dataset's own family and then in `families`.

    The model sees pictures as `settings.image.long_side` says and is scored at the masks' own
    size, so runs at different sizes compare. A `class_map`, applied to the dataset already, takes
    the model's logits to the dataset's classes. Nothing depends on the batch, so `processes` score
    whole units each and every one returns all counts; `probes` are asked about the same pictures
    on the way, and keep what this process hears of them. A `change` is made to every picture. A
    `reading`, which is then left open, is that of `reading_of`. A `label` has progress shown under
    it. Answers are told and counted in a thread, in order, while the model sees the next batch.
    Raises InputError for an empty subset and for logits that are not numbers, and
    ScoringStoppedError in every process after the batch in which `stopped_by` was not 0 in one.
    """
    examples = dataset.subsets[subset]
    if not examples:
        raise InputError(f"{dataset.folder}: its {subset} subset is empty: nothing to evaluate")
    model.eval()
    chosen = dict.fromkeys([dataset.family, *families])
    scorers = [scorer_of(name, len(dataset.classes), examples) for name in chosen]
    execution = Execution.of_scoring(settings).on(device)
    segmented = partial(_segmented, ExecutedModel(model, execution), device, class_map)
    told = [*(scorer.add for scorer in scorers), *watchers]
    once = reading is None
    reading = reading or reading_of(dataset, subset, settings, device, processes, change)
    with closing(reading) if once else nullcontext(), closing(reading.batches()) as batches:
        total = sum(example.mask is not None for example in reading.examples)
        telling = Telling(told, watch, stopped_by)
        pieces = asked(segmented, batches, probes, telling)
        with closing(done_beside(pieces)) as done, rounding(execution.tf32):
            scored = chain.from_iterable(done)
            for _ in progress(scored, total, label) if label else scored:
                continue
    if processes.largest(stopped_by()):
        raise ScoringStoppedError
    return tuple(_joined(scorer.scores(), processes) for scorer in scorers)


def reading_of(
    dataset: AVSDataset,
    subset: Subset,
    settings: Settings,
    device: torch.device,
    processes: Processes = ALONE,
    change: PictureChange | None = None,
) -> PlainReading:
    """Return what reads the examples of a subset that fall to this process, for `evaluate`."""
    own, pinned = _share(dataset.subsets[subset], processes), device.type == "cuda"
    return PlainReading(dataset, own, settings, change, pinned=pinned)


def _segmented(
    model: ExecutedModel,
    device: torch.device,
    class_map: ClassMap | None,
    hearings: Sequence[Batch],
) -> Iterator[Segmented]:
    """Return logits for each of several batches of the same pictures, in the scored table."""
    answers = segment_hearings(model, hearings, device)
    if class_map is None:
        return answers
    return (replace(one, logits=renamed_logits(one.logits, class_map)) for one in answers)


def _share(examples: Sequence[Example], processes: Processes) -> Sequence[Example]:
    """Return the examples whose units fall to this process."""
    if processes.count == 1:
        return examples
    units = list(dict.fromkeys(example.unit for example in examples))
    own = set(units[processes.rank :: processes.count])
    return [example for example in examples if example.unit in own]


def _joined(part: ScoredSet, processes: Processes) -> ScoredSet:
    """Return the items of all processes as one set."""
    messages = processes.messages(encoded(part.items))
    kind = tuple[ScoredItem, ...]
    items = (item for data in messages for item in msgspec.json.decode(data, type=kind))
    return scored_set(part.family, part.classes, items)
