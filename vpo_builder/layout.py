"""The published on-disk layout of VPO: where each file lies and what the csv says (protocol §2)."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from vpo_builder.dataset.places import MS_HOME, vpo_files
from vpo_builder.dataset.schema import VPO_CSV_COLUMNS, Sample, Source, Split
from vpo_builder.records import Scene


def csv_name(split: Split) -> str:
    """Return the name of the csv that the published loader reads."""
    return f"vpo_{split}_data_stereo.csv"


def scene_sample(
    scene: Scene, clip_ids: Sequence[str], pans: Sequence[float], split: Split
) -> Sample:
    """Return the sample that a scene becomes with a clip and a pan for each sounding object.

    An MSMI scene without repeated instances is MS's, and its files are read from there.
    """
    first = scene.sounding[0]
    home = MS_HOME if split == "msmi" and not scene.repeated else ""
    files = vpo_files(split, scene.photo.id, first.category, first.mask.id, home)
    return Sample(
        sample_id=files.sample_id,
        subset=scene.subset,
        image_id=scene.photo.id,
        image=files.image,
        mask=files.mask,
        width=scene.photo.width,
        height=scene.photo.height,
        sources=tuple(
            Source(candidate.category, candidate.mask.id, clip_id, pan)
            for candidate, clip_id, pan in zip(scene.sounding, clip_ids, pans, strict=True)
        ),
        silent=tuple(candidate.category for candidate in scene.silent),
    )


def has_repeated_instances(sample: Sample, split: Split) -> bool:
    """Tell whether several objects of a sample's image are of one class, which only MSMI keeps.

    It is the csv's multi_instance. The image and mask of MSMI's other samples lie in VPO-MS.
    """
    return split == "msmi" and not sample.image.startswith(MS_HOME)


def encode_csv(samples: Iterable[Sample], mask_values: Mapping[str, int], split: Split) -> bytes:
    """Return the csv of the published loader: one row for each sounding object.

    Its loader takes "val" for test, so val rows say train; the subset lies in our manifest.
    """
    rows = [
        (
            sample.image_id,
            source.ann_id,
            source.category,
            mask_values[source.category],
            source.clip_id,
            "test" if sample.subset == "test" else "train",
            source.pan,
            int(has_repeated_instances(sample, split)),
        )
        for sample in sorted(samples, key=lambda sample: sample.sample_id)
        for source in sample.sources
    ]
    frame = pd.DataFrame(rows, columns=list(VPO_CSV_COLUMNS))
    return frame.to_csv(index=False, lineterminator="\n").encode()
