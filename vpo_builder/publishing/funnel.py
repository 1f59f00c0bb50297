"""The funnel: how many images, objects and clips entered, and how many each rule dropped.

In each stage the outcomes add up to what entered; a stage that does not is a bug, and raises.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from vpo_builder.dataset.schema import SUBSETS, Sample
from vpo_builder.records import Rejection

Funnel = dict[str, dict[str, int]]

ENTERED = "entered"


def count_funnel(
    image_ids: Collection[int | str],
    object_images: Mapping[int, int],
    clip_ids: Collection[str],
    label_counts: Mapping[str, int],
    wanted_labels: Collection[str],
    samples: Sequence[Sample],
    rejections: Iterable[Rejection],
) -> Funnel:
    """Return the outcomes of every image, object and clip that entered.

    `object_images` maps each object to its image; `label_counts` counts all rows of the csv,
    those of labels outside the class table included.
    """
    reasons = reasons_by_kind(rejections, ("image", "object", "clip"))
    used_images = {str(sample.image_id) for sample in samples}
    sources = [source for sample in samples for source in sample.sources]
    sounding = {str(source.ann_id) for source in sources}
    used_clips = {source.clip_id for source in sources}
    silent = {str(ann) for ann, image in object_images.items() if str(image) in used_images}
    outside = sum(count for label, count in label_counts.items() if label not in wanted_labels)
    funnel = {
        "images": count_stage(map(str, image_ids), [("kept", used_images)], reasons["image"], ""),
        "objects": count_stage(
            map(str, object_images),
            [("sounding", sounding)],
            reasons["object"],
            "image_dropped",
            [("silent", silent)],
        ),
        "clips": count_stage(clip_ids, [("used", used_clips)], reasons["clip"], "not_needed"),
        "samples": count_samples(samples),
    }
    repeated_rows = sum(label_counts.values()) - outside - len(clip_ids)
    funnel["clips"][ENTERED] += outside + repeated_rows
    funnel["clips"]["label_outside_table"] = outside
    if repeated_rows:
        funnel["clips"]["listed_twice"] = repeated_rows
    check_funnel(funnel)
    return funnel


def format_funnel(funnel: Funnel) -> list[str]:
    """Return the funnel as lines for a person."""
    lines = []
    for stage, outcomes in funnel.items():
        lines.append(f"{stage:<8} {outcomes[ENTERED]:>8}")
        width = max(len(outcome) for outcome in outcomes)
        lines.extend(
            f"  {outcome:<{width}} {count:>8}"
            for outcome, count in outcomes.items()
            if outcome != ENTERED and count
        )
    return lines


def reasons_by_kind(
    rejections: Iterable[Rejection], kinds: Iterable[str]
) -> dict[str, dict[str, str]]:
    """Return, for each kind of record, the first reason given against each record."""
    reasons: dict[str, dict[str, str]] = {kind: {} for kind in kinds}
    for rejection in rejections:
        reasons[rejection.kind].setdefault(rejection.record, rejection.reason.value)
    return reasons


def count_stage(
    records: Iterable[str],
    first: Sequence[tuple[str, Collection[str]]],
    reasons: Mapping[str, str],
    otherwise: str,
    last: Sequence[tuple[str, Collection[str]]] = (),
) -> dict[str, int]:
    """Count each record once: as one of `first`, else by its reason, else as one of `last`."""
    counts: Counter[str] = Counter()
    entered = 0
    for record in records:
        entered += 1
        outcome = next((name for name, members in first if record in members), None)
        outcome = outcome or reasons.get(record)
        outcome = outcome or next((name for name, members in last if record in members), otherwise)
        counts[outcome] += 1
    kept = {name: counts.pop(name, 0) for name, _ in (*first, *last)}
    return {ENTERED: entered, **kept, **dict(sorted(counts.items()))}


def count_samples(samples: Sequence[Sample]) -> dict[str, int]:
    """Count samples by subset."""
    by_subset: dict[str, int] = {s: sum(sample.subset == s for sample in samples) for s in SUBSETS}
    return {ENTERED: len(samples), **by_subset}


def check_funnel(funnel: Funnel) -> None:
    """Raise RuntimeError if a stage's outcomes do not add up to what entered."""
    for stage, outcomes in funnel.items():
        total = sum(count for outcome, count in outcomes.items() if outcome != ENTERED)
        if total != outcomes[ENTERED] or "" in outcomes:
            raise RuntimeError(f"funnel: {stage}: {outcomes} does not add up")
