"""Which file answers which sample, under every name that a published program gives."""

from dataclasses import replace
from pathlib import Path

import pytest

from avs_bench.data.avsbench import avsbench_dataset
from avs_bench.data.example import Example
from avs_bench.scoring.answer_files import AnswerFiles
from avs_bench.scoring.answer_names import match
from avs_bench.scoring.answer_reading import AnswerReader
from tests.avsbench_trees import write_avss, write_ms3, write_s4
from vpo_builder.dataset.avsbench_trees import find_trees

WRITERS = {"s4": write_s4, "ms3": write_ms3, "avss": write_avss}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    trees = {name: write(tmp_path_factory.mktemp(name)) for name, write in WRITERS.items()}
    return {name: avsbench_dataset(find_trees(tree)[0]) for name, tree in trees.items()}


def vpo(*ids):
    return [Example(name, Path("x"), None, 1, 1, (), {}, picture_id="7") for name in ids]


def assert_all_found(matched, examples, rule):
    assert (matched.missing, matched.doubled, matched.surplus) == ((), (), ())
    assert matched.files.keys() == {example.example_id for example in examples}
    assert matched.rule.name == rule


@pytest.mark.parametrize(
    "name",
    [
        *("000000000007_000000000012.png", "7_12.npz", "dog/000000000007_12.PNG"),
        *("VPO-SS/mask/dog/000000000007_000000000012.png",),
    ],
)
def test_a_vpo_sample_is_named_by_its_ids_with_or_without_zeros(name):
    examples = vpo("000000000007_000000000012", "000000000007_000000000120")
    other = "7_120.png"
    matched = match([name, other], examples)
    assert_all_found(matched, examples, "id")
    assert matched.files["000000000007_000000000012"] == name


FORMS = {
    "s4": ("dog/{v}/{v}_{n}.png", "{v}_{n}.png", "{v}/{n}.png", "{v}/{n:05d}.png"),
    "ms3": ("{v}/{v}_{n}.png", "{v}.mp4_{n}.png", "{v}/{v}.mp4_{n}.png"),
    "avss": (
        "{p}/{v}/{n}.png",
        "{v}/labels_semantic/{n}.png",
        "{v}/{v}_{n}.png",
        "{p}_{v}_{n}.png",
    ),
}


@pytest.mark.parametrize(("part", "form"), [(p, form) for p in FORMS for form in FORMS[p]])
@pytest.mark.parametrize("shift", [0, 1])
def test_frames_are_named_as_avsbench_s_programs_do_counted_from_0_or_1(
    published, part, form, shift
):
    dataset, names = published[part], []
    examples = dataset.subsets["test"]
    first = 0 if part == "avss" else 1  # where the dataset begins to count
    for example in examples:
        video, _, number = example.example_id.rpartition("_")
        place = example.groups.get("part", "")
        uid = video.removeprefix(f"{place}_") if place else video
        names.append(form.format(v=uid, n=int(number) - first + shift, p=place))
    matched = match(names, examples)
    assert (matched.missing, matched.doubled, matched.surplus) == ((), (), ())
    assert list(matched.files.values()) == names
    rules = {f"frames-from-{shift}"} if shift != first else {"id", "frames"}
    assert matched.rule.name in rules


def test_padding_and_frames_without_a_mask_may_be_answered_too(published):
    """AVSBench's program writes ten masks of each video of AVSS, and five of S4's in training."""
    avss, s4 = published["avss"], published["s4"]
    names = [
        f"{v[0].unit.partition('_')[2]}/{n}.png" for v in avss.videos["test"] for n in range(10)
    ]
    reader = AnswerReader(AnswerFiles(Path("x"), tuple(names)), avss, avss.subsets["test"])
    assert reader.tally.unfit == ""
    assert reader.tally.unasked == 5
    names = [f"{frame.example_id}.png" for video in s4.videos["train"] for frame in video]
    reader = AnswerReader(AnswerFiles(Path("x"), tuple(names)), s4, s4.subsets["train"])
    assert (reader.tally.unfit, reader.tally.unasked) == ("", 12)
    eleven = AnswerFiles(Path("x"), (*names, "-0aBcDeFgHi_6.png"))
    assert AnswerReader(eleven, s4, s4.subsets["train"]).tally.unfit == "1 surplus"


def test_a_name_of_two_samples_is_of_none():
    """Two videos of one uid in two folders are told apart by the folder alone."""
    made = [
        Example(f"{p}_u_0", Path("x"), None, 1, 1, (), {"part": p}, picture_id=f"{p}_u")
        for p in ("v1s", "v2")
    ]
    assert_all_found(match(["v1s/u/0.png", "v2/u/0.png"], made), made, "frames")
    lost = match(["u/0.png"], made)
    assert (len(lost.missing), lost.surplus) == (2, ("u/0.png",))


def test_every_file_is_accounted_for_once():
    examples = vpo("1", "2", "3")
    matched = match(["1.png", "a/1.png", "2.png", "9.png", "3.jpg"], examples)
    assert matched.files == {"2": "2.png"}
    assert (matched.missing, matched.doubled) == (("3",), ("1",))
    assert matched.surplus == ("9.png", "3.jpg")
    assert replace(matched, files={}).unasked == ()
