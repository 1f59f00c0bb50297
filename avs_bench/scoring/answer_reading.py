"""Reads answers beside the masks of a dataset, and counts those that do not fit."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from avs_bench.data.class_map import ClassMap
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.images import PictureReader
from avs_bench.metrics.variant_counts import CLIP_FRAMES
from avs_bench.names import Resize, Values
from avs_bench.results.tally import Tally
from avs_bench.scoring.answer_files import AnswerFiles
from avs_bench.scoring.answer_names import ENDINGS, match
from avs_bench.scoring.answers import Form, GivenAnswer, background, given_answer, read_told
from avs_bench.scoring.scorers import Answer
from vpo_builder.runtime.errors import InputError


@dataclass(frozen=True)
class Mapped:
    """What the answers were given to: the data and examples before `class_map` left some out."""

    class_map: ClassMap
    dataset: AVSDataset
    examples: Sequence[Example]


class AnswerReader:
    """Reads the answers to examples; notes those of another size, and hashes what it reads.

    Where they are `mapped`, answers to examples that the map leaves out are passed over.
    """

    def __init__(
        self,
        files: AnswerFiles,
        dataset: AVSDataset,
        examples: Sequence[Example],
        values: Values = "classes",
        resize: Resize | None = None,
        mapped: Mapped | None = None,
    ) -> None:
        self._files, self._examples = files, examples
        class_map = mapped.class_map if mapped else None
        whole = mapped.dataset if mapped else dataset
        classes = class_map.model_classes if class_map else dataset.classes
        self._form = Form(len(classes), whole.mask_lookup, values, resize, class_map)
        self._masks = PictureReader(dataset.mask_lookup, cache_mib=0)
        given = mapped.examples if mapped else examples
        self._matched = match(files.names, examples, _unasked(whole, given, examples))
        self._wrong_size: list[str] = []
        self._resized = self._hard = 0
        self._digest = hashlib.sha256()

    def answers(self) -> Iterator[Answer]:
        """Yield the answer to each example, background where there is no usable one."""
        for example in self._examples:
            target = np.asarray(self._masks.read_target(example))
            given = self._given(example) or background(target.shape)
            yield Answer(example, given.pred, target, given.objects)

    @property
    def sha256(self) -> str:
        """The hash of what was read so far."""
        return self._digest.hexdigest()

    @property
    def tally(self) -> Tally:
        """What fits, as far as answers were read; names are known from the beginning."""
        matched, form = self._matched, self._form
        return Tally(
            matched.rule.name,
            form.values,
            form.resize,
            wanted=len(self._examples),
            missing=len(matched.missing),
            doubled=len(matched.doubled),
            surplus=len(matched.surplus),
            wrong_size=len(self._wrong_size),
            resized=self._resized,
            unasked=len(matched.unasked),
            hard=self._hard,
        )

    def refuse_unfit(self) -> None:
        """Raise InputError if anything does not fit, with the counts and the first of each kind."""
        matched, tally = self._matched, self.tally
        surplus = matched.surplus[:1]
        if not tally.unfit:
            return
        firsts = [
            *(f"{name} has no answer" for name in matched.missing[:1]),
            *(f"{name} has several" for name in matched.doubled[:1]),
            *(f"{self._files.where(name)} answers no sample{_ending(name)}" for name in surplus),
            *self._wrong_size[:1],
        ]
        raise InputError(
            f"{self._files.path}: {tally.unfit}, of {tally.wanted} wanted: {'; '.join(firsts)}; "
            "mend them, or score what is left with --allow-missing, the rest as background"
        )

    def _given(self, example: Example) -> GivenAnswer | None:
        name = self._matched.files.get(example.example_id)
        if name is None:
            return None
        data, where = self._files.read(name), self._files.where(name)
        self._digest.update(f"{example.example_id}\0{len(data)}\0".encode() + data)
        told, wanted = read_told(data, where, self._form), (example.height, example.width)
        if told.size != wanted:
            turned = told.size == wanted[::-1]
            if turned or self._form.resize is None:
                self._wrong_size.append(_wrong_size(where, told.size, wanted, turned=turned))
                return None
            self._resized += 1
        answer = given_answer(told, wanted, where, self._form)
        self._hard += answer.hard
        return answer


def _unasked(
    dataset: AVSDataset, given: Sequence[Example], examples: Sequence[Example]
) -> list[Example]:
    """Return what is given and not among the examples, and frames of its videos without a mask.

    AVSS's padding is among the frames.
    """
    units = {example.unit for example in given}
    asked = {example.example_id for example in examples}
    videos = (video for videos in dataset.videos.values() for video in videos)
    frames = [] if dataset.videos else list(given)
    for first, *others in (video for video in videos if video[0].unit in units):
        frames += [first, *others]
        if dataset.family == "frame":
            more = range(1 + len(others), CLIP_FRAMES)
            frames += [replace(first, example_id=f"{first.unit}_{number}") for number in more]
    return [frame for frame in frames if frame.example_id not in asked]


def _ending(name: str) -> str:
    known = name.lower().endswith(ENDINGS)
    return "" if known else f" by its ending: expected {' or '.join(ENDINGS)}"


def _wrong_size(
    where: str, given: tuple[int, int], wanted: tuple[int, int], *, turned: bool
) -> str:
    remedy = "turn it" if turned else "--resize says how to bring it there"
    return f"{where} is {given[1]} x {given[0]}, its mask {wanted[1]} x {wanted[0]}: {remedy}"
