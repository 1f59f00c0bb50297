"""The samples of an import, as the manifest tells them, of those that a copy lists."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from vpo_builder.build.imported_media import PictureOutcome
from vpo_builder.build.request import ImportRequest
from vpo_builder.config import SubsetSettings
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.dataset.places import MS_HOME, SampleFiles, dataset_folder, vpo_files
from vpo_builder.dataset.schema import Sample, Source, Split
from vpo_builder.planning.matching import image_subsets
from vpo_builder.sources.published_samples import ListedSample

COPY_NAMES = "uids.csv"
"""Which uid of the copy each sample has, if those are none of COCO's ids."""


def files_of(sample: ListedSample, split: Split, home: str) -> SampleFiles:
    """Return where a sample's files go; `home` is MS's folder for what MSMI reads from there."""
    first = sample.sources[0]
    return vpo_files(split, sample.image_id, first.category, first.ann_id, home)


def placed(request: ImportRequest, samples: Sequence[ListedSample]) -> list[SampleFiles]:
    """Return where each sample's files go: MSMI reads from MS what was imported there."""
    ms = request.out / dataset_folder("ms")
    shared: set[str] = set()
    if request.split == "msmi" and (ms / META).exists():
        manifest = read_manifest(ms)
        shared = {s.sample_id for s in manifest.samples if manifest.meta.imported}
    homes = [
        MS_HOME if s.shared and files_of(s, "ms", "").sample_id in shared else "" for s in samples
    ]
    return [files_of(s, request.split, home) for s, home in zip(samples, homes, strict=True)]


def copy_names(named: Iterable[tuple[str, str]]) -> dict[str, bytes]:
    """Return the file of (sample id, the copy's uid), if there are uids that are no ids of COCO."""
    rows = sorted((sample_id, uid) for sample_id, uid in named if uid)
    lines = "".join(f"{sample_id},{uid}\n" for sample_id, uid in rows)
    return {COPY_NAMES: f"sample_id,uid\n{lines}".encode()} if rows else {}


def as_sample(
    listed: ListedSample, files: SampleFiles, found: PictureOutcome, values: Mapping[str, int]
) -> Sample:
    """Return the sample of a listed one whose picture and mask were found whole."""
    return Sample(
        files.sample_id,
        listed.subset,
        listed.image_id,
        files.image,
        files.mask,
        found.width,
        found.height,
        tuple(
            Source(
                source.category,
                source.ann_id,
                source.clip_id,
                found.places[values[source.category]] if source.pan is None else source.pan,
            )
            for source in listed.sources
        ),
    )


def with_val(samples: Sequence[Sample], settings: SubsetSettings) -> list[Sample]:
    """Return the samples, some of train's pictures being val by the hash that our builds use."""
    train = [sample.image_id for sample in samples if sample.subset == "train"]
    val = {
        image
        for image, subset in zip(train, image_subsets("train", train, settings), strict=True)
        if subset == "val"
    }
    return [
        replace(sample, subset="val")
        if sample.subset == "train" and sample.image_id in val
        else sample
        for sample in samples
    ]
