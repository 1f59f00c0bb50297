from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from msgspec.structs import replace as with_fields

from tests.builder.planning.made_scenes import boxed, clips, pictures
from vpo_builder.config import load_config
from vpo_builder.layout import scene_sample
from vpo_builder.planning.plan import Plan, plan_dataset
from vpo_builder.records import Candidates, Clip, Photo, Reason, Rejection
from vpo_builder.runtime.errors import InputError

CONFIG = load_config("default")
BOX, SMALL = (0, 0, 4, 4), (6, 6, 8, 8)


@dataclass
class Check:
    """Refuses the clips that it is told to, and notes which it was asked for."""

    unusable: Mapping[str, Reason] = field(default_factory=dict)
    crosses: Mapping[str, Reason] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def check(self, clip_ids: Sequence[str]) -> Mapping[str, Reason]:
        assert clip_ids == sorted(clip_ids)
        self.asked += clip_ids
        return {clip: self.unusable[clip] for clip in clip_ids if clip in self.unusable}

    def crossing(self, clip_ids: Collection[str]) -> Mapping[str, Reason]:
        return {clip: why for clip, why in self.crosses.items() if clip in clip_ids}


def cats(count: int) -> list[Candidates]:
    return [pictures(boxed(10 * n, "cat", BOX), image=n) for n in range(1, count + 1)]


def planned(
    kept: Sequence[Candidates], listed: Sequence[Clip], check: Check, split: str = "ss"
) -> Plan:
    return plan_dataset(kept, listed, check, split, CONFIG, 3, list_of)  # type: ignore[arg-type]


def list_of(photo: Photo) -> str:
    return f"of-{photo.id}.json"


def heard(plan: Plan) -> list[tuple[int, str]]:
    """Return the annotation and the clip of every source."""
    sources = [source for item in plan.samples for source in item.sample.sources]
    return [(source.ann_id, source.clip_id) for source in sources]


def test_a_sample_names_its_objects_clips_and_pans():
    objects = boxed(1, "cat", (2, 0, 4, 4)), boxed(2, "dog", (8, 0, 10, 4))
    plan = planned([pictures(*objects)], clips(1), Check(), "ms")
    (one,) = plan.samples
    found = [(s.category, s.ann_id, s.clip_id, s.pan) for s in one.sample.sources]
    assert found == [("cat", 1, "cat00000000_000000", 0.3), ("dog", 2, "dog00000000_000000", 0.9)]
    assert one.scene.sounding == objects
    assert plan.rejections == []
    assert plan.clip_counts == {(name, "train"): 1 for name in ("cat", "cow", "dog")}


@pytest.mark.parametrize("split", ["ss", "ms", "msmi"])
def test_a_sample_has_the_id_and_files_of_its_split(split):
    objects = boxed(1, "cat", BOX), boxed(2, "dog", SMALL)
    (one,) = planned([pictures(*objects)], clips(1), Check(), split).samples
    found = [(source.clip_id, source.pan) for source in one.sample.sources]
    assert one.sample == scene_sample(one.scene, *zip(*found, strict=True), split)


def test_what_cannot_be_used_leaves_the_plan_that_there_would_be_without_it():
    kept, listed = cats(20), clips(12)
    first = planned(kept, listed, Check())
    gone = dict(heard(first))[10]
    failed = {gone: Reason.CLIP_SILENT}
    for check in (Check(unusable=failed), Check(crosses=failed)):
        plan = planned(kept, listed, check)
        without = planned(kept, [clip for clip in listed if clip.clip_id != gone], Check())
        assert heard(plan) == heard(without)
        assert plan.rejections == [Rejection("clip", gone, Reason.CLIP_SILENT)]
        assert plan.clip_counts == without.clip_counts
        untouched = [pair for pair in heard(first) if pair[1] != gone]
        assert set(untouched) < set(heard(plan))


def test_no_clip_is_asked_for_twice_and_none_that_nobody_needs():
    listed = clips(30)
    unusable = {clip.clip_id: Reason.CLIP_SILENT for clip in listed[:15]}
    check = Check(unusable=unusable)
    plan = planned(cats(6), listed, check)
    assert len(check.asked) == len(set(check.asked)) < 30
    used = {clip for _, clip in heard(plan)}
    assert set(check.asked) == used | {item.record for item in plan.rejections}
    assert [item.record for item in plan.rejections] == sorted(set(check.asked) - used)


def test_where_the_clips_of_a_class_run_out_another_object_sounds():
    kept = [
        pictures(boxed(1, "cat", BOX), boxed(2, "dog", SMALL), image=1),
        pictures(boxed(3, "cat", BOX), image=2),
    ]
    unusable = dict.fromkeys((f"cat{n:08d}_000000" for n in range(3)), Reason.CLIP_VANISHED)
    plan = planned(kept, clips(3), Check(unusable=unusable))
    assert [number for number, _ in heard(plan)] == [2]
    assert ("cat", "train") not in plan.clip_counts
    assert {(item.kind, item.record, item.reason) for item in plan.rejections} == {
        ("object", "1", Reason.NO_CLIP_FOR_CLASS),
        ("object", "3", Reason.NO_CLIP_FOR_CLASS),
        ("image", "2", Reason.NO_CLIP_FOR_CLASS),
        *(("clip", clip, Reason.CLIP_VANISHED) for clip in unusable),
    }


def test_an_object_with_a_broken_mask_never_sounds_and_is_told():
    kept = [pictures(boxed(1, "cat", None), boxed(2, "dog", SMALL), subset="test")]
    listed = [with_fields(clip, subset="test") for clip in clips(2)]
    plan = planned([*kept, pictures(boxed(3, "cat", BOX), image=2, subset="test")], listed, Check())
    assert [number for number, _ in heard(plan)] == [2, 3]
    assert [(item.record, item.reason) for item in plan.rejections] == [("1", Reason.BROKEN_MASK)]


def test_masks_none_of_which_can_be_read_are_refused():
    with pytest.raises(InputError, match=r"^of-1\.json: all 1 masks"):
        planned([pictures(boxed(1, "cat", None))], clips(1), Check())


def test_of_more_objects_of_a_class_than_clips_some_stay_silent_in_order():
    objects = [boxed(n, "cat", (2 * n, 0, 2 * n + 2, 2)) for n in range(4)]
    config = replace(CONFIG, selection=replace(CONFIG.selection, max_sources=4))
    rows = [
        plan_dataset([pictures(*objects)], clips(1), Check(), "msmi", config, seed, list_of)
        for seed in range(12)
    ]
    rows = [plan.samples[0] for plan in rows]
    silent = [[item.mask.id for item in row.scene.silent] for row in rows]
    assert all(len(row.sample.sources) == len(row.scene.sounding) == 1 for row in rows)
    assert all(len(numbers) == 3 and numbers == sorted(numbers) for numbers in silent)
    assert all(
        row.sample.sources[0].ann_id == row.scene.sounding[0].mask.id not in numbers
        for row, numbers in zip(rows, silent, strict=True)
    )
    assert len({tuple(numbers) for numbers in silent}) > 1


def test_clips_are_counted_that_have_a_file_or_may_yet_come():
    there, gone, coming = clips(3)[:3]
    listed = [there, with_fields(gone, path=None), with_fields(coming, path=None, fetchable=True)]
    plan = planned(cats(1), listed, Check(unusable={gone.clip_id: Reason.CLIP_VANISHED}))
    assert plan.clip_counts == {("cat", "train"): 2}


def test_no_usable_clip_at_all_is_refused_with_the_reasons_counted():
    names = [f"cat{number:08d}_000000" for number in range(3)]
    reasons = (Reason.CLIP_SILENT, Reason.CLIP_VANISHED, Reason.CLIP_VANISHED)
    check = Check(unusable=dict(zip(names, reasons, strict=True)))
    counted = "9 clips are listed .*: 2 clip_vanished, 1 clip_silent; check"
    with pytest.raises(InputError, match=counted):
        planned(cats(3), clips(3), check)


def test_a_clip_of_another_subset_does_not_make_a_class_sound():
    apart = r"3 clips are listed, but no .* \(pictures are in val, clips in train\): give more"
    with pytest.raises(InputError, match=apart):
        planned([pictures(boxed(1, "cat", BOX), subset="val")], clips(1), Check())
