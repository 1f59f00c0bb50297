"""Chooses which samples a gallery shows, when it does not show all. Pure."""

from collections import Counter
from collections.abc import Sequence

from vpo_builder.dataset.schema import Sample
from vpo_builder.runtime.stateless_hash import text_key


def choose_shown(samples: Sequence[Sample], per_class: int) -> tuple[Sample, ...]:
    """Return up to `per_class` samples for each class and subset (0: all), in the order given.

    By a hash of the sample's id, so that a larger gallery holds a smaller one; a sample with
    several classes counts for each and is shown if one of them has room.
    """
    if not per_class:
        return tuple(samples)
    shown: Counter[tuple[str, str]] = Counter()
    chosen = set()
    for sample in sorted(
        samples, key=lambda sample: (text_key(sample.sample_id), sample.sample_id)
    ):
        keys = {(sample.subset, source.category) for source in sample.sources}
        if any(shown[key] < per_class for key in keys):
            shown.update(keys)
            chosen.add(sample.sample_id)
    return tuple(sample for sample in samples if sample.sample_id in chosen)
