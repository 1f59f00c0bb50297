"""The listening score of simulated models is what its formula says."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avs_bench.metrics import listening
from avs_bench.metrics.listening import (
    ListeningScores,
    deaf_listening,
    deaf_scores,
    every_sound_listening,
    listening_score,
    listening_score_soft,
    one_mask_may_do,
    sound_scores,
)
from vpo_builder.runtime.errors import InputError


def objects(*areas: int, classes: list[int] | None = None) -> np.ndarray:
    """Return targets [n, 1, pixels]: each sound's object alone, beside the others, no overlap."""
    labels = classes or list(range(1, len(areas) + 1))
    targets = np.zeros((len(areas), 1, sum(areas) + 5), np.uint8)
    start = 0
    for target, area, label in zip(targets, areas, labels, strict=True):
        target[:, start : start + area] = label
        start += area
    return targets


def best_deaf(targets: np.ndarray) -> np.ndarray:
    """Return the best single answer, pixel by pixel: every mask is tried."""
    flat = targets.reshape(len(targets), -1)
    choices = [sorted({0, *column.tolist()}) for column in flat.T]
    masks = (np.array(labels, np.uint8) for labels in itertools.product(*choices))
    return max(masks, key=lambda mask: sound_scores(np.stack([mask] * len(flat)), flat).mean())


def same(answer: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.repeat(answer.reshape(1, *targets.shape[1:]), len(targets), axis=0)


@pytest.mark.parametrize("areas", [(4, 4), (9, 1), (3, 2, 1), (5, 5, 5, 5), (1,) * 9, (7, 1) * 6])
def test_an_answer_without_error_scores_one(areas: tuple[int, ...]) -> None:
    scores = ListeningScores.of(objects(*areas), objects(*areas))
    assert listening_score(scores).value == listening_score_soft(scores).value == 1
    assert (scores.pictures, scores.sounds, scores.deaf_hits) == (1, len(areas), 0)


@pytest.mark.parametrize("areas", [(4, 4), (9, 1), (3, 2, 1), (5, 5, 5, 5), (1,) * 6])
@pytest.mark.parametrize("classes", ["own", "one"])
def test_the_best_answer_without_ears_scores_nothing(areas: tuple[int, ...], classes: str) -> None:
    targets = objects(*areas, classes=[1] * len(areas) if classes == "one" else None)
    largest_or_all = (targets[int(np.argmax(areas))], targets.max(axis=0))
    for answer in largest_or_all:
        scores = ListeningScores.of(same(answer, targets), targets)
        assert listening_score(scores).value == listening_score_soft(scores).value == 0


masks = (
    st.integers(2, 3)
    .flatmap(
        lambda sounds: st.lists(
            st.lists(st.integers(0, 2), min_size=sounds, max_size=sounds), min_size=4, max_size=7
        )
    )
    .map(lambda pixels: np.array(pixels, np.uint8).T[:, None])
)


@given(masks, st.data())
@settings(max_examples=60, deadline=None)
def test_no_answer_without_ears_scores_more_than_nothing(targets: np.ndarray, data) -> None:
    pixels = targets.shape[2]
    drawn = data.draw(st.lists(st.integers(0, 2), min_size=pixels, max_size=pixels))
    for answer in (np.array(drawn, np.uint8), best_deaf(targets)):
        scores = ListeningScores.of(same(answer, targets), targets)
        assert listening_score_soft(scores).value == 0 or math.isnan(
            listening_score_soft(scores).value
        )
        assert scores.iou_units <= scores.deaf_iou_units
        assert scores.hits <= scores.deaf_hits


@given(masks)
@settings(max_examples=60, deadline=None)
def test_the_deaf_bound_is_reached_by_some_answer(targets: np.ndarray) -> None:
    flat = targets.reshape(len(targets), -1)
    if flat.any():
        best = sound_scores(np.stack([best_deaf(targets)] * len(flat)), flat).mean()
        assert deaf_scores(flat).mean(axis=1).max() == pytest.approx(best, abs=1e-12)


STEPS = 8
parts = st.dictionaries(
    st.sampled_from([(1, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 0)]), st.integers(1, 3), max_size=3
)


@given(parts)
@settings(max_examples=40, deadline=None)
def test_of_two_sounds_one_answer_does_for_both_where_the_conditions_say_so(areas: dict) -> None:
    """All shares of all parts, in steps of an eighth, are tried."""
    flat = np.array([list(part) for part, area in areas.items() for _ in range(area)], np.uint8).T
    if not areas or not flat.any(axis=1).all() or (flat[0] == flat[1]).all():
        return
    columns = np.array(list(areas)).T
    shares = []
    for labels in areas:
        options = sorted(set(labels) - {0})
        steps = itertools.product(range(STEPS + 1), repeat=len(options))
        shares.append(
            [dict(zip(options, step, strict=True)) for step in steps if sum(step) <= STEPS]
        )
    area = np.array(list(areas.values()))

    def both(chosen: tuple[dict, ...]) -> bool:
        drawn = sum(a * sum(c.values()) for a, c in zip(area, chosen, strict=True))
        for target in columns:
            right = sum(a * c.get(t, 0) for a, c, t in zip(area, chosen, target, strict=True))
            beyond = sum(
                a * sum(c.values()) for a, c, t in zip(area, chosen, target, strict=True) if not t
            )
            if not 2 * right > STEPS * area[target > 0].sum() + beyond:
                return False
        return drawn > 0

    found = any(both(chosen) for chosen in itertools.product(*shares))
    assert one_mask_may_do(flat) or not found  # never too little is taken off
    assert found or not one_mask_may_do(flat) or narrow(flat)  # and hardly ever too much


def narrow(flat: np.ndarray) -> bool:
    """Tell whether the conditions hold by less than steps of an eighth can find."""
    one, other = flat
    alike = np.count_nonzero((one == other) & (one > 0))
    unlike = np.count_nonzero((one > 0) & (other > 0)) - alike
    apart = abs(np.count_nonzero(one) - np.count_nonzero(other))
    return 3 * alike - (apart - unlike) <= 1 / 2


@pytest.mark.parametrize(
    ("areas", "may"),
    [
        ({(1, 1): 1, (1, 0): 2}, True),
        ({(1, 1): 1, (1, 0): 3}, False),
        ({(1, 1): 1, (0, 1): 3}, False),
        ({(1, 1): 1, (1, 0): 3, (1, 2): 1}, True),
        ({(1, 1): 1, (1, 0): 4, (1, 2): 1}, False),
        ({(1, 2): 4}, False),
        # Sounds of which nothing is in the picture
        ({(1, 0): 2, (0, 0): 1}, False),
        ({(0, 1): 2}, False),
        ({(0, 1): 2, (0, 0): 1}, False),
        ({(1, 0, 0): 1, (1, 0, 1): 1, (0, 0, 1): 1}, True),
        ({(1, 0, 0): 1, (0, 0, 1): 1}, False),
        ({(1, 0, 0, 0): 1, (1, 0, 0, 1): 1, (0, 0, 0, 1): 1}, True),
    ],
)
def test_one_mask_may_do_up_to_the_bound_of_the_conditions(areas: dict, may: bool) -> None:
    targets = np.repeat(list(areas), list(areas.values()), axis=0).T
    assert one_mask_may_do(targets) is may


@pytest.mark.parametrize(("areas", "soft"), [((4, 4), 0.5), ((6, 3, 3), 0.5), ((9, 1), 0.5)])
def test_a_half_deaf_model_gets_what_it_hears(areas: tuple[int, ...], soft: float) -> None:
    """It hears in half of the pictures; in the others it gives the largest object."""
    targets = objects(*areas)
    deaf = same(targets[int(np.argmax(areas))], targets)
    pairs = [(targets, targets), (deaf, targets)]
    scores = sum((ListeningScores.of(*pair) for pair in pairs), ListeningScores.empty())
    assert listening_score(scores).value == 0.5
    one, best = np.ones(1), deaf_scores(targets.reshape(len(areas), -1)).mean(axis=1).max()
    shown = sound_scores(deaf.reshape(len(areas), -1), targets.reshape(len(areas), -1)).mean()
    expected = ((one + shown) / 2 - best) / (1 - best)
    assert listening_score_soft(scores).value == pytest.approx(max(0, float(expected[0])))
    assert listening_score_soft(scores).value <= soft + 1e-9


@pytest.mark.parametrize("sounds", [2, 3])
def test_guessing_among_the_objects_scores_the_chance_of_guessing_all(sounds: int) -> None:
    """Over all guesses: n to the power of -n pictures are right, and on the mean 1/n of sounds."""
    targets = objects(*[4] * sounds)
    guesses = itertools.product(range(sounds), repeat=sounds)
    records = [ListeningScores.of(targets[list(guess)], targets) for guess in guesses]
    scores = sum(records, ListeningScores.empty())
    assert listening_score(scores).value == pytest.approx(sounds**-sounds)
    assert listening_score_soft(scores).value == pytest.approx(0, abs=1e-9)
    assert from_pictures(scores.iou_units, scores.pictures) == pytest.approx(1 / sounds)


def from_pictures(units: int, pictures: int) -> float:
    return units / 2**40 / pictures


def test_an_answer_of_the_wrong_class_is_no_hit() -> None:
    targets = objects(4, 4)
    answer = targets.copy()
    answer[1][answer[1] > 0] = 1
    scores = ListeningScores.of(answer, targets)
    assert (scores.hits, every_sound_listening(scores).value) == (0, 0)
    assert from_pictures(scores.iou_units, 1) == 0.5


@pytest.mark.parametrize(("wrong", "hit"), [(0, 1), (4, 1), (5, 0), (10, 0), (12, 0)])
def test_a_sound_of_nothing_in_the_picture_wants_no_object(wrong: int, hit: int) -> None:
    """Below half of the object's pixels is a hit, half is none, and more than all is as bad."""
    targets = objects(10, 3)[:1].repeat(2, axis=0)
    targets[1] = 0
    answer = targets.copy()
    answer[1, 0, :wrong] = 1
    scores = ListeningScores.of(answer, targets)
    assert scores.hits == hit
    assert from_pictures(scores.iou_units, 1) == pytest.approx(1 - min(wrong, 10) / 20)
    assert from_pictures(scores.deaf_iou_units, 1) == pytest.approx(0.5)


def test_an_object_of_one_pixel_is_one() -> None:
    targets = np.array([[1], [0]])
    assert sound_scores(np.array([[1], [1]]), targets).tolist() == [1, 0]


def test_where_targets_overlap_one_answer_may_do_and_is_taken_off() -> None:
    both, most = np.zeros((1, 10), np.uint8), np.zeros((1, 10), np.uint8)
    both[:, :10], most[:, :8] = 1, 1
    targets = np.stack([both, most])
    scores = ListeningScores.of(targets, targets)
    assert (scores.deaf_hits, deaf_listening(scores).value) == (1, 1)
    assert math.isnan(listening_score(scores).value)
    assert listening_score_soft(scores).value == 1


def test_ignored_pixels_count_nowhere() -> None:
    targets = objects(4, 4)
    wider = np.concatenate([targets, np.full((2, 1, 7), 255, np.uint8)], axis=2)
    wrong = np.concatenate([targets, np.ones((2, 1, 7), np.uint8)], axis=2)
    assert ListeningScores.of(wrong, wider) == ListeningScores.of(targets, targets)


def test_a_group_that_asks_nothing_is_not_counted() -> None:
    blank = np.zeros((2, 3, 3), np.uint8)
    equal = np.ones((2, 3, 3), np.uint8)
    for targets in (blank, equal):
        scores = ListeningScores.of(targets, targets)
        assert scores == ListeningScores.empty()
        assert not scores.vector().any()
        assert math.isnan(listening_score(scores).value)
        assert listening_score(scores).note


@pytest.mark.parametrize("shape", [(1, 4, 4), (4, 4), (2, 2, 4, 4)])
def test_one_sound_is_no_group(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="two sounds or more"):
        ListeningScores.of(np.zeros(shape, np.uint8), np.zeros(shape, np.uint8))


def test_what_is_not_a_class_map_is_named() -> None:
    labels = np.zeros((2, 4, 4), np.uint8)
    with pytest.raises(InputError, match=r"^pred: expected class indices"):
        ListeningScores.of(labels / 1.0, labels)
    with pytest.raises(InputError, match=r"^target: expected class indices"):
        ListeningScores.of(labels, labels / 1.0)


def test_more_parts_than_can_be_tried_are_decided_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flat = objects(9, 8, 7, 2, 1).reshape(5, -1)
    exact = deaf_scores(flat).mean(axis=1).max()
    monkeypatch.setattr(listening, "MOST_DEAF_MASKS", 8)
    assert len(deaf_scores(flat)) == 8 + 2
    assert deaf_scores(flat).mean(axis=1).max() == pytest.approx(exact)


def test_small_parts_are_decided_beside_the_best_of_the_large(monkeypatch) -> None:
    monkeypatch.setattr(listening, "MOST_DEAF_MASKS", 2)
    flat = np.array([[1, 1, 1, 2], [1, 1, 1, 2]])
    assert deaf_scores(flat).mean(axis=1).tolist() == [0, 3 / 4, 1]


def test_the_largest_parts_are_tried_whole_and_of_equals_the_first(monkeypatch) -> None:
    """Mask by mask three of forty parts, those of the last sounds as their labels come first."""
    monkeypatch.setattr(listening, "MOST_DEAF_MASKS", 8)
    flat = objects(*(1, 2) * 20).reshape(40, -1)
    tried = deaf_scores(flat)[[4, 2, 1]]
    assert tried.sum(axis=1).tolist() == [1, 1, 1]
    assert tried.argmax(axis=1).tolist() == [39, 37, 35]


@pytest.mark.parametrize(
    ("figure", "name", "value"),
    [(every_sound_listening, "every_sound_listening", 0.5), (deaf_listening, "deaf_listening", 0)],
)
def test_shares_of_pictures_have_names_rules_and_of_none_a_reason(figure, name, value):
    targets = objects(4, 4)
    found = ListeningScores.of(targets, targets) + ListeningScores.of(0 * targets, targets)
    made = figure(found)
    assert (made.name, made.value, made.note) == (name, value, "")
    assert made.rules.startswith("every sound of a picture above 0.5; pictures with several")
    nothing = figure(ListeningScores.empty())
    assert math.isnan(nothing.value)
    assert nothing.note == listening.NO_GROUP


def test_parts_that_are_decided_one_by_one_are_decided_well(monkeypatch):
    targets = objects(9, 4).reshape(2, -1)
    tried = deaf_scores(targets).mean(axis=1).max()
    monkeypatch.setattr(listening, "MOST_DEAF_MASKS", 1)
    assert deaf_scores(targets).mean(axis=1).max() == tried == 0.5


@pytest.mark.parametrize(
    ("figure", "name", "rules"),
    [
        (listening_score, "listening_score", "every sound of a picture above 0.5; pictures with"),
        (listening_score_soft, "listening_score_soft", "mean over a picture's sounds, then over"),
    ],
)
def test_both_scores_have_names_rules_and_reasons_to_be_none(figure, name, rules):
    targets = objects(4, 4)
    one_for_all = ListeningScores(1, 2, 1, 1, iou_units=2**40, deaf_iou_units=2**40)
    reasons = {
        "": ListeningScores.of(targets, targets),
        listening.NO_GROUP: ListeningScores.empty(),
        "one answer is right for all sounds": one_for_all,
    }
    for note, scores in reasons.items():
        made = figure(scores)
        assert (made.name, made.note) == (name, note)
        assert made.rules.startswith(rules)
        assert math.isnan(made.value) == bool(note)
