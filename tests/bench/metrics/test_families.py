import numpy as np
import pytest

from avs_bench.metrics import (
    Confusion,
    Figure,
    FrameScores,
    InstanceScores,
    ListeningScores,
    VideoScores,
    blank_record,
    f_video_official,
    j_video,
)
from avs_bench.metrics.families import (
    FIGURES,
    LOWER_IS_BETTER,
    PART_FIGURES,
    SELECTION,
    fscore_of_seen,
    j_and_f_official,
    miou_of_present,
    miou_of_seen,
)

TARGET = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
PRED = np.array([[0, 0, 1, 2], [0, 0, 1, 2]])
"""Of four classes: 0 is right, 1 half right, 2 predicted only and 3 nowhere."""


def test_parts_of_a_set_are_scored_over_the_classes_in_their_targets():
    assert float(miou_of_present(Confusion.of(PRED, TARGET, 4))) == pytest.approx((1 + 0.5) / 2)


def test_frames_of_a_part_are_scored_over_the_classes_that_occur_in_them():
    scores = FrameScores.of(PRED, TARGET, 4)
    assert float(miou_of_seen(scores)) == pytest.approx((1 + 0.5 + 0) / 3)
    half = 1.3 * 2 / (1.3 * 2 + 0.3 * 2)  # two pixels hit, two missed, none too many
    assert float(fscore_of_seen(scores)) == pytest.approx((1 + half + 0) / 3)


def test_the_j_and_f_of_the_published_code_is_the_mean_of_its_two():
    random = np.random.default_rng(0)
    target = random.random((2, 3, 6, 6)) < 0.4
    scores = VideoScores.of(random.normal(2 * target - 1, 2), target)
    both = (float(j_video(scores)) + float(f_video_official(scores))) / 2
    assert float(j_and_f_official(scores)) == pytest.approx(both)
    assert j_and_f_official(scores).name == "j_and_f_video"


@pytest.mark.parametrize("family", FIGURES)
def test_every_figure_of_a_family_says_so_in_its_name(family):
    labels = np.zeros((1, 2, 2), int)
    record = {
        "dataset": Confusion.of(labels, labels, 2),
        "frame": FrameScores.of(labels, labels, 2),
        "video": VideoScores.of(labels - 0.5, labels),
        "instances": InstanceScores.empty(2),
        "listening": ListeningScores.empty(),
    }[family]
    of_training = [SELECTION] if family in SELECTION else []
    for figures in (FIGURES, *of_training, PART_FIGURES):
        made = [figure(record) for figure in figures[family]]
        assert {figure.family for figure in made} == {family}
        assert len({figure.name for figure in made}) == len(made)
    assert made[0].name not in LOWER_IS_BETTER  # the one that leads


@pytest.mark.parametrize(
    ("value", "note", "printed"),
    [
        (0.625, "", "miou_dataset 62.50 % (all)"),
        (0.625, "threshold 0.5", "miou_dataset 62.50 %, threshold 0.5 (all)"),
        (float("nan"), "no pixel", "miou_dataset –, no pixel (all)"),
    ],
)
def test_a_figure_is_printed_in_per_cent_with_its_note_and_rules(value, note, printed):
    assert str(Figure("miou_dataset", value, "all", note)) == printed


@pytest.mark.parametrize(
    ("family", "kind"),
    [
        ("dataset", Confusion),
        ("frame", FrameScores),
        ("video", VideoScores),
        ("instances", InstanceScores),
        ("listening", ListeningScores),
    ],
)
def test_the_record_of_nothing_counts_nothing_of_all_classes(family, kind):
    blank = blank_record(family, 7)
    assert type(blank) is kind
    assert not blank.vector().any()
    assert getattr(blank, "classes", 7) == 7
