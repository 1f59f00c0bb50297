import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builder.small_corpus import CATEGORIES
from vpo_builder.classes import (
    CLASS_TABLE,
    PERSON,
    class_rows,
    class_table_of,
    read_class_table,
)
from vpo_builder.config import load_config
from vpo_builder.planning import persons
from vpo_builder.planning.matching import image_subsets, match_clips
from vpo_builder.planning.persons import PersonResolver
from vpo_builder.records import ClipRow, PersonDecision, Reason, Rejection, SoundRow, Sounds
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.stateless_hash import mix, text_key, unit
from vpo_builder.sources.vggsound import known_labels

SUBSETS = load_config("default").subsets
TABLE = read_class_table(CLASS_TABLE, "captions", known_labels())


def verdict(captions: Sequence[str], *overrides: str) -> str:
    settings = load_config("default", overrides).person
    return PersonResolver(settings).resolve(1, captions).verdict


@pytest.mark.parametrize(
    ("captions", "expected"),
    [
        (["A man rides.", "The guy on a horse.", "Someone."], "male"),
        (["Two women talk.", "A Lady sits.", "x"], "female"),
        (["A baby sleeps.", "An infant in a crib far away.", "a bed"], "baby"),
        (["A man.", "A person."], "ambiguous"),
        (["A man and a woman.", "A man.", "A man."], "ambiguous"),
        (["A woman and a girl.", "A woman."], "ambiguous"),
        (["A woman and a child.", "A woman."], "ambiguous"),
        (["A woman holds a baby.", "A woman.", "A woman and her baby"], "female"),
        (["A baby.", "A baby.", "A baby and its mother."], "ambiguous"),
        (["A boy.", "A man.", "A man."], "ambiguous"),
        (["A baby elephant.", "The baby elephants.", "A baby african elephant."], "ambiguous"),
        (["A male lion.", "A mother giraffe.", "A toy baby."], "ambiguous"),
        (["mother of pearl", "The father of it.", "A mother and a mother."], "ambiguous"),
        (["A woman's hand.", "The women's shoes."], "female"),
        (["A woman, a horse and a dog.", "A woman with dog.", "Woman on horse."], "female"),
        (["A female, a horse.", "A female riding horses.", "A female and cat."], "female"),
        (["A male with dog.", "Male near cows."], "male"),
        (["A manhole.", "Mankind."], "ambiguous"),
        ([], "ambiguous"),
    ],
)
def test_captions_decide_who_a_person_is(captions: list[str], expected: str) -> None:
    assert verdict(captions) == expected


def test_children_can_count_as_adults() -> None:
    assert verdict(["A boy.", "A boy runs."], "person.child=adult") == "male"
    assert verdict(["A girl.", "Some girls."], "person.child=adult") == "female"
    assert verdict(["A child.", "A child."], "person.child=adult") == "ambiguous"


def test_where_persons_are_one_class_no_caption_is_read() -> None:
    resolver = PersonResolver(load_config("default", ["person.policy=merge"]).person)
    assert resolver.resolve(7, ["A man.", "A man."]) == PersonDecision(7, PERSON, ())


def test_a_decision_keeps_the_words_it_rests_on() -> None:
    resolver = PersonResolver(load_config("default").person)
    decision = resolver.resolve(7, ["A man and a baby elephant.", "Nobody."])
    assert decision.captions == (("A man and a baby elephant.", ("man",)), ("Nobody.", ()))


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A toy man.", ()),
        ("A toy and a man.", ("man",)),
        ("A man and a toy baby.", ("man",)),
        ("Toy baby man.", ("man",)),
        ("Man.", ("man",)),
        ("A baby elephant.", ()),
        ("A male african elephant.", ()),
        ("A male and elephant.", ("male",)),
        ("A male riding elephant.", ("male",)),
        ("A male big african elephant.", ("male",)),
        ("A male, elephant.", ("male",)),
        ("A male african, elephant.", ("male",)),
        ("A male.", ("male",)),
        ("A male sings.", ("male",)),
        ("The mother of pearl.", ()),
        ("The mother of.", ()),
        ("The mother, of pearl.", ("mother",)),
        ("The mother? Of pearl.", ("mother",)),
        ("A mother giraffe.", ()),
        ("A mother and of it.", ("mother",)),
        ("The male of them.", ("male",)),
        ("A baby of toy man.", ("baby",)),
    ],
)
def test_words_count_that_mean_a_person_by_what_stands_around_them(caption, words) -> None:
    resolver = PersonResolver(load_config("default").person)
    assert resolver.resolve(1, [caption]).captions == ((caption, words),)


def test_a_character_counts_as_a_letter_as_the_end_of_a_clause_or_as_a_space() -> None:
    counted = {character: persons._letter(ord(character)) for character in map(chr, range(256))}
    kept = {*"abcdefghijklmnopqrstuvwxyz|"}
    assert {one for one, said in counted.items() if said == one} - {" ", "."} == kept
    assert {one for one, said in counted.items() if said == "."} == {*",;:.!()"}
    assert {said for one, said in counted.items() if one not in kept} == {" ", "."}


TEXTS = st.text("man|boy toy.,|É\u0130Σ\n", max_size=12) | st.sampled_from(
    ["A man | a boy.", "A toy", "baby", "elephant.", "A mother", "of pearl", "MEN\u212a", "ÀΣ"]
)


@given(st.lists(TEXTS, max_size=6))
def test_a_captions_words_do_not_depend_on_the_captions_around_it(captions: list[str]) -> None:
    resolver = PersonResolver(load_config("default").person)
    alone = [resolver.resolve(1, [caption]).captions[0] for caption in captions]
    assert list(resolver.resolve(1, captions).captions) == alone


@pytest.mark.parametrize(("policy", "classes"), [("captions", 21), ("merge", 19), ("drop", 18)])
def test_the_person_policy_sets_the_number_of_classes(policy: str, classes: int) -> None:
    table = read_class_table(CLASS_TABLE, policy, known_labels())
    assert len(table) == classes
    assert [row.index for row in class_rows(table)] == list(range(classes + 1))


def test_the_class_table_is_the_published_one() -> None:
    rows = class_rows(read_class_table(CLASS_TABLE, "captions", known_labels()))
    assert [row.mask_value for row in rows] == [
        *(0, 5, 94, 16, 6, 3, 17, 77, 21, 18, 22, 93, 19, 76, 92, 4, 74, 20, 41, 37, 43, 24)
    ]


def test_a_label_that_is_not_vggsounds_is_an_error_naming_the_row(tmp_path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(CLASS_TABLE.read_text().replace('"cow lowing"', '"cow mooing"'))
    with pytest.raises(InputError, match="class 'cow': 'cow mooing' is none of VGGSound's labels"):
        read_class_table(path, "captions", known_labels())


@pytest.mark.parametrize(
    ("given", "preset", "found"),
    [
        (None, None, "classes.toml"),
        (None, "paper-sized", "classes.toml"),
        (None, "vpo-v2", "vpo-v2.toml"),
        (Path("vpo-v2"), "default", "vpo-v2.toml"),
        (Path("vpo-v3"), "vpo-v2", "vpo-v3"),
    ],
)
def test_a_class_table_is_a_file_or_one_of_ours_or_its_presets(
    given: Path | None, preset: str | None, found: str
) -> None:
    assert class_table_of(given, preset).name == found


def test_a_file_comes_before_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "vpo-v2").write_text("")
    assert class_table_of(Path("vpo-v2"), None) == Path("vpo-v2")


def test_classes_that_coco_has_keep_its_values_in_vpo_v2() -> None:
    path = class_table_of(Path("vpo-v2"), None)
    labels = {label for row in tomllib.loads(path.read_text())["class"] for label in row["labels"]}
    rows = read_class_table(path, "captions", labels)
    values = {name: row.mask_value for row in rows for name in row.categories if name != PERSON}
    assert {name: values[name] for name in values.keys() & CATEGORIES} == {
        name: CATEGORIES[name] for name in values.keys() & CATEGORIES
    }
    assert {row.mask_value for row in rows if PERSON in row.categories} == {92, 93}
    assert len({row.name for row in rows if row.mask_value > 100}) == 18


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('category = "cow"', 'category = ["cow", "cat"]', "'cat' also stands in class 'cat'"),
        ('category = "cow"', "category = []", "class 'cow': no category"),
    ],
)
def test_a_category_shows_one_class(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "classes.toml"
    path.write_text(CLASS_TABLE.read_text().replace(old, new))
    with pytest.raises(InputError, match=said):
        read_class_table(path, "captions", known_labels())


def test_val2017_is_test_and_a_tenth_of_train2017_is_val() -> None:
    settings = load_config("default").subsets
    for home in ("test", "val"):
        assert set(image_subsets(home, range(100), settings)) == {home}
    subsets = image_subsets("train", range(20_000), settings)
    assert 0.09 < subsets.count("val") / len(subsets) < 0.11
    assert image_subsets("train", [77, 5], settings) == [subsets[77], subsets[5]]


@given(st.lists(st.integers(0, 2**40), max_size=30), st.floats(0, 0.9), st.floats(0, 0.9))
def test_a_test_share_takes_images_by_their_ids_and_leaves_the_others_where_they_are(
    ids: list[int], one: float, other: float
) -> None:
    settings = load_config("default").subsets
    before = image_subsets("train", ids, settings)
    few, many = (
        image_subsets("train", ids, replace(settings, test="share", test_fraction=share))
        for share in sorted((one, other))
    )
    for left, smaller, larger in zip(before, few, many, strict=True):
        assert smaller in (left, "test")
        assert larger == "test" if smaller == "test" else larger in (left, "test")
    alone = [image_subsets("train", [i], replace(settings, test="share"))[0] for i in ids]
    assert alone == image_subsets("train", ids, replace(settings, test="share"))


def test_a_test_share_has_its_size_and_is_drawn_apart_from_val() -> None:
    settings = replace(load_config("default").subsets, val_fraction=0.3, test="share")
    ids = range(20_000)
    subsets = image_subsets("train", ids, replace(settings, test_fraction=0.2))
    assert 0.19 < subsets.count("test") / len(ids) < 0.21
    assert 0.29 < subsets.count("val") / (len(ids) - subsets.count("test")) < 0.31
    assert "test" not in image_subsets("train", ids, replace(settings, test_fraction=0.0))


def test_shares_are_drawn_by_hashes_of_ids_and_one_that_lies_at_the_share_is_not_in_it() -> None:
    val, test = (
        {image: float(unit(mix(purpose, image))) for image in range(40)}
        for purpose in ("image subset", "image in test")
    )
    at_val, at_test = sorted(val.values())[20], sorted(test.values())[10]
    expected = [
        "test" if test[image] < at_test else "val" if val[image] < at_val else "train"
        for image in range(40)
    ]
    assert expected.count("test") == 10
    settings = replace(load_config("default").subsets, val_fraction=at_val)
    shares = replace(settings, test="share", test_fraction=at_test)
    assert image_subsets("train", range(40), shares) == expected
    assert image_subsets("divided", range(40), replace(shares, test="val2017")) == expected
    assert image_subsets("train", range(40), settings).count("val") == 20


def test_clips_come_with_the_class_of_their_label_their_subset_and_their_file() -> None:
    names = ["ccccccccccc", "bbbbbbbbbbb", "aaaaaaaaaaa"]
    draws = {name: float(unit(mix("clip subset", text_key(name)))) for name in names}
    first, second, third = sorted(names, key=draws.__getitem__)
    rows = (
        ClipRow(first, 1, "dog barking", "train"),
        ClipRow(second, 2, "cow lowing", "train"),
        ClipRow(third, 3, "cat meowing", "train"),
        ClipRow("ddddddddddd", 4, "dog barking", "test"),
    )
    table = read_class_table(CLASS_TABLE, "captions", known_labels())
    paths = {rows[0].clip_id: Path("here.wav")}
    settings = replace(SUBSETS, val_fraction=draws[second])
    clips, rejections = match_clips(Sounds(rows, paths, {}, {}), table, settings)
    found = [(c.clip_id, c.category, c.subset, c.path, c.begins) for c in clips]
    assert found == [
        (f"{first}_000001", "dog", "val", Path("here.wav"), None),
        (f"{second}_000002", "cow", "train", None, None),
        (f"{third}_000003", "cat", "train", None, None),
        ("ddddddddddd_000004", "dog", "test", None, None),
    ]
    assert rejections == []


def test_a_clip_is_kept_out_whose_own_label_nobody_has_heard() -> None:
    rows = tuple(ClipRow("a" * 11, start, "dog barking", "train") for start in range(4))
    table = read_class_table(CLASS_TABLE, "captions", known_labels())
    ids = [row.clip_id for row in rows]
    audible = {ids[0]: {"cow lowing"}, ids[1]: {"cow lowing", "dog barking"}, ids[2]: ()}
    clips, rejections = match_clips(Sounds(rows, {}, {}, {}), table, SUBSETS, audible)
    assert [clip.clip_id for clip in clips] == [ids[1], ids[3]]
    assert rejections == [
        Rejection("clip", ids[0], Reason.CLIP_INAUDIBLE),
        Rejection("clip", ids[2], Reason.CLIP_INAUDIBLE),
    ]


def test_a_video_in_both_splits_is_used_for_test_alone() -> None:
    rows = (
        ClipRow("aaaaaaaaaaa", 0, "dog barking", "train"),
        ClipRow("aaaaaaaaaaa", 9, "dog barking", "test"),
    )
    table = read_class_table(CLASS_TABLE, "captions", known_labels())
    clips, rejections = match_clips(Sounds(rows, {}, {}, {}), table, SUBSETS)
    assert [(clip.clip_id, clip.subset) for clip in clips] == [("aaaaaaaaaaa_000009", "test")]
    assert rejections == [Rejection("clip", "aaaaaaaaaaa_000000", Reason.CLIP_IN_BOTH_SPLITS)]


GROUPS = st.sampled_from(["anna", "bert", "carla", "aaaaaaaaaaa", "dora"])
ROWS = st.lists(st.tuples(GROUPS, st.sampled_from(["train", "test", ""])), max_size=20)


def sound_rows(listed: list[tuple[str, str]]) -> Sounds:
    rows = [
        SoundRow(f"clip {number:02d}", group, ("dog",), split)
        for number, (group, split) in enumerate(listed)
    ]
    return Sounds(tuple(rows), {}, {}, {})


@given(ROWS, st.floats(0, 0.9), st.floats(0, 0.9))
def test_no_group_crosses_subsets_whatever_its_lists_say(
    listed: list[tuple[str, str]], val: float, test: float
) -> None:
    settings = replace(SUBSETS, val_fraction=val, test_fraction=test)
    clips, rejections = match_clips(sound_rows(listed), TABLE, settings)
    subsets: dict[str, set[str]] = {}
    for clip in clips:
        group, split = listed[int(clip.clip_id[-2:])]
        subsets.setdefault(group, set()).add(clip.subset)
        assert split == "" or (clip.subset == "test") == (split == "test")
    assert all(len(found) == 1 for found in subsets.values())
    assert len(clips) + len(rejections) == len(listed)
    for rejection in rejections:
        group, split = listed[int(rejection.record[-2:])]
        assert (split, "test" in {s for g, s in listed if g == group}) == ("train", True)


@given(ROWS, ROWS)
def test_a_groups_subset_does_not_depend_on_other_groups(
    listed: list[tuple[str, str]], others: list[tuple[str, str]]
) -> None:
    more = [*listed, *((f"{group} 2", split) for group, split in others)]
    alone = {c.clip_id: c.subset for c in match_clips(sound_rows(listed), TABLE, SUBSETS)[0]}
    beside = {c.clip_id: c.subset for c in match_clips(sound_rows(more), TABLE, SUBSETS)[0]}
    assert alone.items() <= beside.items()


def test_groups_without_a_split_are_drawn_by_hashes_of_their_names() -> None:
    groups = [f"person {number}" for number in range(3000)]
    clips, _ = match_clips(
        Sounds(tuple(SoundRow(g, g, ("dog",), "") for g in groups), {}, {}, {}), TABLE, SUBSETS
    )
    subsets = [clip.subset for clip in clips]
    assert 0.08 < subsets.count("test") / 3000 < 0.12
    assert 0.08 < subsets.count("val") / (3000 - subsets.count("test")) < 0.12
    keys = {group: text_key(group) for group in groups}
    draws = {g: float(unit(mix("clip in test", key))) for g, key in keys.items()}
    tested = {g for g, draw in draws.items() if draw < 0.1}
    assert {c.clip_id for c in clips if c.subset == "test"} == tested
    at_share = max(tested, key=draws.__getitem__)
    rows = tuple(SoundRow(g, g, ("dog",), "") for g in sorted(tested))
    settings = replace(SUBSETS, test_fraction=draws[at_share])
    clips, _ = match_clips(Sounds(rows, {}, {}, {}), TABLE, settings)
    assert [c.clip_id for c in clips if c.subset != "test"] == [at_share]


def test_a_clip_that_sounds_like_several_classes_is_kept_out() -> None:
    rows = (
        SoundRow("both", "a", ("cat", "dog barking"), ""),
        SoundRow("one", "b", ("dog", "dog barking", "rain"), "", 2.5),
    )
    clips, rejections = match_clips(Sounds(rows, {}, {}, {}), TABLE, SUBSETS)
    assert [(clip.clip_id, clip.category, clip.begins) for clip in clips] == [("one", "dog", 2.5)]
    assert rejections == [Rejection("clip", "both", Reason.CLIP_OF_SEVERAL)]
