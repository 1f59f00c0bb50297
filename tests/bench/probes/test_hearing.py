from dataclasses import replace

import numpy as np
import pytest

from avs_bench.data.datasets import read_dataset
from avs_bench.data.example import Example, SoundSource
from avs_bench.names import PROBE_NAMES
from avs_bench.probes import PROBES, probed_examples, right_answer
from tests.avsbench_trees import S4_VIDEOS, write_ms3, write_s4
from vpo_builder.runtime.errors import InputError


def heard(example):
    return {source.class_index for source in example.sources}


@pytest.fixture
def examples(toy):
    return toy.subsets["test"]


def test_the_commands_know_every_probe():
    assert tuple(PROBES) == PROBE_NAMES


@pytest.mark.parametrize("name", PROBES)
class TestEveryProbe:
    def test_depends_on_ids_and_seed_and_not_on_the_order(self, name, examples):
        forth = probed_examples(PROBES[name], examples, seed=3)
        back = probed_examples(PROBES[name], examples[::-1], seed=3)
        assert sorted(forth, key=lambda e: e.example_id) == sorted(back, key=lambda e: e.example_id)

    def test_keeps_the_picture_and_its_mask(self, name, examples):
        originals = {example.example_id: example for example in examples}
        for probed in probed_examples(PROBES[name], examples):
            original = originals[probed.example_id]
            assert replace(probed, sources=original.sources) == original

    def test_says_what_it_asks_and_where_it_comes_from(self, name, examples):
        assert PROBES[name].name == name
        assert PROBES[name].question.endswith("?")
        assert PROBES[name].source


def test_silence_has_no_source(examples):
    assert all(not example.sources for example in probed_examples(PROBES["silence"], examples))


def test_off_screen_sounds_are_of_a_class_that_is_not_in_the_picture(examples):
    probed = probed_examples(PROBES["off-screen"], examples)
    assert len(probed) == len(examples)
    for original, example in zip(examples, probed, strict=True):
        (source,) = example.sources
        assert source.class_index not in heard(original) | set(original.silent)
        assert source.pan == 0.5


def test_shuffled_sounds_come_from_another_picture_and_fit_no_unlabelled_object(examples):
    probed = probed_examples(PROBES["shuffled"], examples)
    assert len(probed) == len(examples)
    for original, example in zip(examples, probed, strict=True):
        donors = [e for e in examples if e.sources == example.sources]
        assert any(donor.unit != original.unit for donor in donors)
        assert not heard(example) & set(original.silent)


def test_the_seed_changes_the_partners(examples):
    assert probed_examples(PROBES["shuffled"], examples, 0) != probed_examples(
        PROBES["shuffled"], examples, 1
    )


def test_single_keeps_one_class_of_several_and_leaves_the_others_out(examples):
    probed = probed_examples(PROBES["single"], examples)
    assert [example.example_id for example in probed] == ["example-4", "example-5", "example-6"]
    assert all(len(heard(example)) == 1 for example in probed)


def test_swapping_asks_only_beside_a_silent_twin(examples):
    probed = probed_examples(PROBES["swap-channels"], examples)
    assert [example.example_id for example in probed] == ["example-7", "example-8"]


def test_a_larger_set_changes_few_partners(examples):
    copies = [
        replace(example, example_id=f"{example.example_id}-{i}", picture_id=None)
        for i in range(40)
        for example in examples[2:4]
    ]
    before = {e.example_id: e for e in probed_examples(PROBES["off-screen"], copies)}
    after = probed_examples(PROBES["off-screen"], [*copies, replace(copies[0], example_id="new")])
    assert sum(before.get(e.example_id) != e for e in after) <= 8


def test_a_probe_without_examples_says_what_it_needs(examples):
    with pytest.raises(InputError, match="probe single: none of 4 examples"):
        probed_examples(PROBES["single"], examples[:4])
    with pytest.raises(InputError, match="probe off-screen: none of 1 examples"):
        probed_examples(PROBES["off-screen"], examples[:1])


def test_a_vpo_dataset_says_what_is_silent_and_which_picture_is_shared(dataset):
    by_picture = {example.picture_id: example for example in dataset.subsets["test"]}
    names = {key: [dataset.classes[i] for i in e.silent] for key, e in by_picture.items()}
    assert names == {"6": ["cat"], "7": ["dog"], "8": []}
    assert [example.unit for example in dataset.subsets["val"]] == ["5"]


def test_off_screen_gives_no_recording_in_which_a_class_of_the_picture_sounds_too(tmp_path):
    def example(name, *labels):
        sources = tuple(SoundSource(tmp_path / f"{name}.wav", label, 0.5, 0) for label in labels)
        return Example(name, tmp_path, tmp_path, 16, 16, sources, {})

    one, duet, other = example("one", 1), example("duet", 1, 2), example("other", 3)
    probed = probed_examples(PROBES["off-screen"], [one, duet, other])
    given = {e.example_id: e.sources[0].clip.stem for e in probed}
    assert given["one"] == given["duet"] == "other"


class TestVideosWhoseMasksTellNoClasses:
    """S4 knows what sounds in a video, MS3 does not: both have the one class "object"."""

    def test_off_screen_is_another_category_in_s4(self, tmp_path):
        dataset = read_dataset(write_s4(tmp_path))
        examples = dataset.subsets["test"]
        probed = probed_examples(PROBES["off-screen"], examples)
        assert len(probed) == len(examples)
        kinds = {source.clip: e.sound_kind for e in examples for source in e.sources}
        for example in probed:
            (source,) = example.sources
            assert kinds[source.clip] != example.sound_kind
            assert source.clip not in {s.clip for s in by_id(examples)[example.example_id].sources}
            target = np.array([[0, 1, 255]])
            heard = PROBES["off-screen"].heard_classes(example)
            assert right_answer(target, heard).tolist() == [[0, 0, 255]]

    def test_shuffled_sounds_of_one_category_ask_for_the_object_and_of_another_for_nothing(
        self, tmp_path
    ):
        dog, piano = S4_VIDEOS[-2:]
        videos = (dog, replace(dog, name="6tEsTdOg_t6"), piano)
        examples = read_dataset(write_s4(tmp_path, videos)).subsets["test"]
        kinds = {source.clip: e.sound_kind for e in examples for source in e.sources}
        asked = probed_examples(PROBES["shuffled"], examples)
        assert len(asked) == len(examples)
        same = [kinds[example.sources[0].clip] == example.sound_kind for example in asked]
        assert set(same) == {True, False}
        assert [example.heard for example in asked] == [{1} if one else set() for one in same]

    @pytest.mark.parametrize("name", ["off-screen", "shuffled"])
    def test_other_sounds_cannot_be_asked_of_ms3(self, tmp_path, name):
        dataset = read_dataset(write_ms3(tmp_path))
        two = [*dataset.subsets["test"], *dataset.subsets["val"]]
        with pytest.raises(InputError, match=f"probe {name}: none of 10 examples"):
            probed_examples(PROBES[name], two)


def by_id(examples):
    return {example.example_id: example for example in examples}
