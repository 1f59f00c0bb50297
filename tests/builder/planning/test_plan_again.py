from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace as with_fields

from tests.builder.planning.made_scenes import boxed, clips, photo, pictured, pictures
from tests.builder.planning.test_plan import BOX, SMALL, Check, heard, planned
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.schema import ManifestMeta, Sample, Split
from vpo_builder.layout import scene_sample
from vpo_builder.planning.plan_again import Rebuild, Substitution, plan_rebuild
from vpo_builder.records import Candidates, Clip, Reason, Rejection

KEPT = [
    pictures(boxed(1, "cat", BOX), boxed(2, "cat", SMALL), image=1),
    pictures(boxed(3, "cat", BOX), image=2),
    pictures(boxed(4, "dog", BOX), image=3),
]
CLIPS = clips(4)


def manifest(samples: Sequence[Sample], split: Split = "ss") -> Manifest:
    meta = ManifestMeta(1, split, (), 3, "", True, {}, {}, {}, {}, len(samples), 0, "", "")
    return Manifest(Path(), meta, tuple(samples))


def samples(kept: Sequence[Candidates] = KEPT, split: Split = "ss") -> list[Sample]:
    return [item.sample for item in planned(kept, CLIPS, Check(), split).samples]


def again(
    listed: Sequence[Sample],
    check: Check | None = None,
    clips: Sequence[Clip] = CLIPS,
    substitutes: bool = False,
    split: Split = "ss",
    **sources: Mapping[int, object],
) -> Rebuild:
    photos = {item.photo.id: item.photo for item in KEPT}
    objects = {item.mask.id: item.mask for row in KEPT for item in row.objects}
    given = {"photos": photos, "objects": objects} | sources
    return plan_rebuild(
        manifest(listed, split),
        given["photos"],  # type: ignore[arg-type]
        given["objects"],  # type: ignore[arg-type]
        clips,
        check or Check(),
        allow_substitutes=substitutes,
    )


@pytest.mark.parametrize("split", ["ss", "msmi"])
def test_what_is_all_there_gives_the_same_samples_and_scenes(split):
    first = planned(KEPT[:1] if split == "msmi" else KEPT, CLIPS, Check(), split)
    found = again([item.sample for item in first.samples], split=split)
    assert [item.sample for item in found.samples] == [item.sample for item in first.samples]
    for one, other in zip(found.samples, first.samples, strict=True):
        assert one.scene == with_fields(other.scene, silent=(), repeated=split == "msmi")
    assert (found.rejections, found.substitutions) == ([], [])


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (None, Reason.IMAGE_MISSING),
        (with_fields(photo(2), width=11), Reason.IMAGE_SIZE_DIFFERS),
        (with_fields(photo(2), height=9), Reason.IMAGE_SIZE_DIFFERS),
    ],
)
def test_an_image_that_is_gone_or_has_another_size_is_told(changed, reason):
    photos = {1: photo(1), 3: photo(3)} | ({2: changed} if changed else {})
    found = again(samples(), photos=photos)
    assert [item.sample.image_id for item in found.samples] == [1, 3]
    assert found.rejections == [Rejection("image", "2", reason)]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (None, Reason.ANNOTATION_MISSING),
        (boxed(3, "cat", None).mask, Reason.ANNOTATION_DIFFERS),
        (boxed(3, "cat", (1, 0, 5, 4)).mask, Reason.ANNOTATION_DIFFERS),
    ],
)
def test_an_annotation_that_is_gone_or_lies_elsewhere_is_told(changed, reason):
    objects = {item.mask.id: item.mask for row in KEPT for item in row.objects if item.mask.id != 3}
    found = again(samples(), objects=objects | ({3: changed} if changed else {}))
    assert [item.sample.image_id for item in found.samples] == [1, 3]
    assert found.rejections == [Rejection("object", "3", reason)]


def test_a_sample_whose_clip_is_gone_is_left_out_and_the_clip_is_told():
    listed = samples()
    gone = listed[1].sources[0].clip_id
    unlisted = [clip for clip in CLIPS if clip.clip_id != gone]
    for found, reason in (
        (again(listed, clips=unlisted), Reason.CLIP_NOT_LISTED),
        (again(listed, Check(unusable={gone: Reason.CLIP_SILENT})), Reason.CLIP_SILENT),
    ):
        assert [item.sample for item in found.samples] == [
            sample for sample in listed if sample.sources[0].clip_id != gone
        ]
        assert found.rejections == [Rejection("clip", gone, reason)]
        assert found.substitutions == []


def test_clips_are_told_in_order_and_unlisted_ones_are_not_looked_at():
    listed = samples()
    used = sorted({source.clip_id for sample in listed for source in sample.sources})
    check = Check()
    found = again(listed, check, clips=[])
    assert [item.record for item in found.rejections] == used
    assert check.asked == []


def test_the_substitute_is_the_clip_of_a_fresh_build_without_the_one_that_is_gone():
    listed = samples()
    gone = listed[1].sources[0].clip_id
    found = again(listed, Check(unusable={gone: Reason.CLIP_SILENT}), substitutes=True)
    fresh = planned(KEPT, [clip for clip in CLIPS if clip.clip_id != gone], Check())
    assert [item.sample for item in found.samples] == [item.sample for item in fresh.samples]
    assert found.rejections == [Rejection("clip", gone, Reason.CLIP_SILENT)]
    assert [item for item in found.substitutions if item.ann_id == 3] == [
        Substitution(listed[1].sample_id, 3, gone, Reason.CLIP_SILENT, dict(heard(fresh))[3])
    ]


def test_a_substitute_is_usable_and_no_other_sound_of_the_picture():
    scene = with_fields(pictured(*KEPT[0].objects), repeated=True)
    names = [clip.clip_id for clip in CLIPS if clip.category == "cat"]
    sample = scene_sample(scene, names[:2], [0.2, 0.7], "msmi")
    gone, kept = (source.clip_id for source in sample.sources)
    for unusable, only in (names[2:], names[:1:-1]):
        check = Check(unusable=dict.fromkeys((gone, unusable), Reason.CLIP_SILENT))
        found = again([sample], check, substitutes=True, split="msmi")
        assert [s.clip_id for s in found.samples[0].sample.sources] == [only, kept]
        check = Check(unusable=dict.fromkeys((kept, unusable), Reason.CLIP_SILENT))
        found = again([sample], check, substitutes=True, split="msmi")
        assert [s.clip_id for s in found.samples[0].sample.sources] == [gone, only]
    none = dict.fromkeys((gone, *names[2:]), Reason.CLIP_SILENT)
    found = again([sample], Check(unusable=none), substitutes=True, split="msmi")
    assert (found.samples, found.substitutions) == ([], [])


def test_two_sounds_of_a_picture_that_are_gone_get_two_substitutes():
    (sample,) = samples([pictures(boxed(1, "cat", BOX), boxed(4, "dog", SMALL), image=1)], "ms")
    objects = {1: boxed(1, "cat", BOX).mask, 4: boxed(4, "dog", SMALL).mask}
    gone = {source.clip_id: Reason.CLIP_VANISHED for source in sample.sources}
    found = again([sample], Check(unusable=gone), substitutes=True, split="ms", objects=objects)
    assert [item.ann_id for item in found.substitutions] == [1, 4]
    assert gone.keys().isdisjoint(s.clip_id for s in found.samples[0].sample.sources)
