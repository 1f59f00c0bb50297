import pytest

from avs_bench.training.progress import Best, Progress


def epochs(*scores):
    progress = Progress()
    for score in scores:
        progress = progress.after_step({"a": 1.0, "b": 2.0}).after_step({"a": 3.0, "b": 2.0})
        progress = progress.after_epoch(2, 0.1, score)
    return progress


def test_an_epoch_records_the_mean_of_its_steps():
    record = epochs({"miou_dataset": 0.5}).history[0]
    assert record == {
        "epoch": 0,
        "step": 2,
        "learning_rate": 0.1,
        "loss": 4.0,
        "a": 2.0,
        "b": 2.0,
        "val": {"miou_dataset": 0.5},
    }


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ([{"m": 0.1}, {"m": 0.3}, {"m": 0.3}, {"m": 0.2}], Best(1, 0.3)),
        ([{}, {}, {}], Best(2, None)),
        ([None, {"m": 0.1}, None], Best(1, 0.1)),
        ([None], None),
    ],
)
def test_the_best_epoch_is_the_first_of_the_highest_or_the_last_without_val(scores, best):
    assert epochs(*scores).best == best


@pytest.mark.parametrize(
    ("scores", "patience", "ends_after"),
    [
        ([0.1, 0.3, 0.3, 0.2, 0.4], 2, 4),
        ([0.1, 0.3, 0.2, 0.4, 0.3, 0.2], 3, None),
        ([0.3, 0.2, 0.1, 0.1, 0.1], 0, None),
        ([0.3, None, None, 0.2, None, 0.1], 2, 6),
        ([None, None, None], 1, None),
    ],
)
def test_a_run_ends_after_so_many_validations_without_a_better_one(scores, patience, ends_after):
    progress = Progress()
    for score in scores:
        progress = progress.after_step({"a": 1.0})
        progress = progress.after_epoch(1, 0.1, None if score is None else {"m": score})
        progress = progress.ended_by(patience)
        if progress.ended:
            break
    assert (progress.epoch if progress.ended else None) == ends_after
    assert progress.is_over(99) == bool(ends_after)
    if ends_after:
        assert progress.history[-1]["ended"] == f"no better m on val in {patience} validations"
