"""The methods of a board: the models of submissions, each under a name of its own. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avs_bench.report.about import About
from avs_bench.report.models import Model, models_of
from avs_bench.report.runs import CHOSEN_ON_TEST, Run, run_of
from avs_bench.report.submission import Submission
from avs_bench.results.records import Result
from vpo_builder.runtime.outside_text import one_line

LONGEST_NAME = 80
"""Characters of a method's name that are shown."""
KEY_DIGITS = 12


@dataclass(frozen=True)
class Method:
    """A model of a submission; no other method of the board has its name.

    `key` names its page, and stays the same as long as the submission does.
    """

    key: str
    model: Model
    about: About
    file: str

    @property
    def name(self) -> str:
        """Its name on the board."""
        return self.model.name

    @property
    def first(self) -> Result:
        """The first result, which stands for what all of them share."""
        return self.model.runs[0].results[0]

    @property
    def parameters(self) -> int | None:
        """How many, as measured, else as stated; None if nobody says."""
        return self.first.cost.parameters if self.first.cost else self.about.parameters

    @property
    def flops(self) -> int | None:
        """Those of one item's forward pass, as measured, else as stated; None if nobody says."""
        return self.first.cost.flops if self.first.cost else self.about.flops


def methods_of(submission: Submission, path: Path, digest: str) -> Iterator[Method]:
    """Yield the models of a submission, under the name that its author gives it.

    `digest` is the sha256 of what it holds. Runs that differ in their seed alone are one model.
    """
    about = submission.about
    runs = [
        run_of(one.name, path, tuple(kept.result for kept in one.results))
        for one in submission.runs
    ]
    models = models_of(runs)
    for number, model in enumerate(models):
        alone = len(models) == 1
        key = digest[:KEY_DIGITS] + ("" if alone else f"-{number}")
        given = [about.name] * bool(about.name)
        name = _shown(": ".join(given if alone and given else [*given, model.name]))
        marked = CHOSEN_ON_TEST in model.runs[0].name and CHOSEN_ON_TEST not in name
        name += f" {CHOSEN_ON_TEST}" * marked
        yield Method(key, Model(name, model.runs), about, path.name)


def told_apart(methods: Sequence[Method]) -> tuple[Method, ...]:
    """Return the methods, those of one name with their file's, and with their key if need be.

    Likewise their runs.
    """
    for further in (lambda one: Path(one.file).stem, lambda one: one.key):
        names = Counter(method.name for method in methods)
        methods = [
            method
            if names[method.name] == 1
            else replace(
                method,
                model=replace(method.model, name=f"{method.name} ({_shown(further(method))})"),
            )
            for method in methods
        ]
    runs = Counter(run.name for method in methods for run in method.model.runs)
    return tuple(
        replace(method, model=replace(method.model, runs=tuple(_apart(method, runs))))
        for method in methods
    )


def _apart(method: Method, names: Mapping[str, int]) -> Iterator[Run]:
    for run in method.model.runs:
        alone = names[run.name] == 1
        yield run if alone else replace(run, name=f"{run.name} of {method.name}")


def _shown(name: str) -> str:
    line = one_line(name)
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1]}…"
