"""The outlines that MSMI keeps: those of its sources and of their silent twins."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from vpo_builder.dataset.instances import Instance
from vpo_builder.records import ObjectMask, PlannedSample
from vpo_builder.rendering.images import RenderedImages
from vpo_builder.rendering.mask import BrokenMaskError, encode_segmentation


def outlines_of(
    images: RenderedImages,
    folder: Path,
    objects: Iterable[ObjectMask],
    class_of: Mapping[int, str],
) -> Iterator[Instance]:
    """Yield the outline of every source and twin, in the order of the samples of the manifest.

    `folder` is the dataset's; `objects` are all that the lists of masks have, `class_of` the class
    of each category.
    """
    planned = sorted(images.samples, key=lambda item: item.sample.sample_id)
    shown = {item.sample.image_id for item in planned if item.scene.repeated}
    by_image: dict[int, list[ObjectMask]] = defaultdict(list)
    for row in objects:
        if row.image_id in shown:
            by_image[row.image_id].append(row)
    for item in planned:
        sample = item.sample
        codes = images.outlines[folder / sample.mask]
        for source, counts in zip(sample.sources, codes, strict=True):
            yield Instance(sample.sample_id, source.ann_id, counts)
        yield from _twins(item, by_image[sample.image_id], class_of)


def _twins(
    planned: PlannedSample, objects: Iterable[ObjectMask], class_of: Mapping[int, str]
) -> Iterator[Instance]:
    """Yield the silent objects of classes that sound: the largest, as many as the manifest names.

    Objects that were too small to sound are smaller than all of these. Chosen so, and not from the
    plan, they are the same where a dataset is built again from its manifest, which has no ids of
    them. Persons of one picture are of one class.
    """
    sample, sounding = planned.sample, planned.scene.sounding
    heard = {candidate.mask.id for candidate in sounding}
    classes = {**class_of, **{item.mask.category_id: item.category for item in sounding}}
    sounds = {item.category for item in sounding}
    silent = Counter(name for name in sample.silent if name in sounds)
    chosen = []
    for row in sorted(objects, key=lambda row: (-(row.area or 0), row.id)):
        category = classes[row.category_id]
        if row.id in heard:
            continue
        if not silent[category]:
            continue
        try:
            code = encode_segmentation(bytes(row.segmentation), sample.height, sample.width)
        except BrokenMaskError:
            continue  # nobody had looked: it does not sound
        silent[category] -= 1
        chosen.append(Instance(sample.sample_id, row.id, code["counts"].decode("ascii"), category))
    yield from sorted(chosen, key=lambda row: row.ann_id)
