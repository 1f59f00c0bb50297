"""What is scored by ear beside a dataset's own family, from the same answers."""

from collections.abc import Collection, Sequence

from avs_bench.data.example import Example
from avs_bench.metrics.arrays import Labels
from avs_bench.probes import Probe
from avs_bench.probes.counts import Told
from avs_bench.results.records import ProbedSet, ScoredSet
from avs_bench.scoring.instances import InstanceScorer
from avs_bench.scoring.listening import ListeningScorer
from avs_bench.scoring.scorers import Answer


class EarScorer:
    """Instances where they are known, and the listening score where pictures have several sounds.

    `probes` are the names of those that are asked too, with `seed`.
    """

    def __init__(
        self, classes: int, examples: Sequence[Example], probes: Collection[str] = (), seed: int = 0
    ) -> None:
        self._instances = InstanceScorer(classes, examples)
        self._listening = ListeningScorer(classes, examples, probes, seed)

    def add(self, answer: Answer) -> None:
        """Take the answer to a picture's own sound."""
        self._instances.add(answer)
        self._listening.add(answer)

    def told_by(self, probe: Probe) -> Told | None:
        """Return what is to be told the answers to a probe, None if nothing is."""
        told = (self._instances.told_by(probe), self._listening.told_by(probe.name))
        known = [one for one in told if one is not None]

        def tell(example: Example, pred: Labels, target: Labels) -> None:
            for one in known:
                one(example, pred, target)

        return tell if known else None

    def sets(self) -> tuple[ScoredSet, ...]:
        """Return what was scored; none of what the dataset does not ask."""
        return (*self._instances.sets(), *self._listening.sets())

    def probed(self, sets: Sequence[ProbedSet]) -> tuple[ProbedSet, ...]:
        """Return what probes scored, with the instances that were chosen under each."""
        return self._instances.with_choices(sets)
