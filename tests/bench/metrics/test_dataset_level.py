import math
import subprocess
import sys
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avs_bench.metrics import (
    Confusion,
    Figure,
    f03_dataset,
    f1_dataset,
    fdr_dataset,
    foreground_fpr_dataset,
    iou_per_class_dataset,
    j_and_f_dataset,
    miou_dataset,
    miou_foreground_dataset,
    pixel_accuracy_dataset,
)
from tests.bench.metrics.fixtures import RELATIVE, load
from vpo_builder.runtime.errors import InputError

IGNORE = 255
FIGURES = (
    miou_dataset,
    miou_foreground_dataset,
    fdr_dataset,
    f1_dataset,
    f03_dataset,
    foreground_fpr_dataset,
    pixel_accuracy_dataset,
)

close = partial(pytest.approx, rel=RELATIVE, abs=0)


def test_j_and_f_is_the_mean_of_both_halves_where_every_class_occurs():
    confusion = Confusion(3, [[50, 3, 2], [4, 20, 0], [5, 1, 9]])
    figure = j_and_f_dataset(confusion)
    halves = (miou_dataset(confusion).value + f03_dataset(confusion).value) / 2
    assert figure.value == pytest.approx(halves)
    assert figure.name == "j_and_f_dataset"


def test_j_and_f_skips_a_class_that_occurs_nowhere_in_both_halves():
    two = Confusion(2, [[50, 3], [4, 20]])
    three = Confusion(3, [[50, 3, 0], [4, 20, 0], [0, 0, 0]])
    assert j_and_f_dataset(three).value == pytest.approx(j_and_f_dataset(two).value)
    assert math.isnan(j_and_f_dataset(Confusion.empty(2)).value)


def label_maps(seed, classes=5, shape=(6, 7, 9), ignored=0.1):
    random = np.random.default_rng(seed)
    target = random.integers(0, classes, shape).astype(np.uint8)
    pred = np.where(random.random(shape) < 0.6, target, random.integers(0, classes, shape))
    target[random.random(shape) < ignored] = IGNORE
    return pred.astype(np.uint8), target


def counted_one_by_one(pred, target, classes):
    matrix = np.zeros((classes, classes), np.int64)
    for p, t in zip(pred.ravel().tolist(), target.ravel().tolist(), strict=True):
        if t != IGNORE:
            matrix[t, p] += 1
    return Confusion(classes, matrix)


seeds = st.integers(0, 2**32 - 1)


class TestParityWithThePublishedCode:
    def test_every_field(self):
        arrays, expected = load("dataset_level")
        confusion = Confusion.of(arrays["pred"], arrays["target"], classes=22)

        assert np.array_equal(confusion.matrix, arrays["confusion"])
        assert iou_per_class_dataset(confusion) == close(np.array(expected["iou_per_class"]))
        assert float(miou_dataset(confusion)) == close(expected["miou"])
        assert float(pixel_accuracy_dataset(confusion)) == close(expected["pixel_accuracy"])
        for figure, key in ((fdr_dataset, "fdr"), (f1_dataset, "f1"), (f03_dataset, "f03")):
            assert float(figure(confusion)) == close(expected[f"{key}_exact"])
            assert float(figure(confusion, official=True)) == expected[key]

    def test_official_rounding_says_so_and_has_its_own_name(self):
        confusion = Confusion(2, [[5, 1], [1, 2]])
        assert "rounded" in fdr_dataset(confusion, official=True).rules
        assert fdr_dataset(confusion, official=True).name != fdr_dataset(confusion).name

    @pytest.mark.parametrize("figure", [fdr_dataset, f1_dataset, f03_dataset])
    def test_an_official_figure_is_the_exact_one_to_four_decimals(self, figure):
        confusion = Confusion(3, [[7, 1, 2], [1, 2, 0], [3, 0, 5]])
        exact, rounded = figure(confusion), figure(confusion, official=True)
        assert rounded.value == round(exact.value, 4) != exact.value
        assert rounded.name == f"{exact.name}_official"
        assert rounded.rules == f"{exact.rules}; rounded to 4 decimals as the published code does"
        nothing = Confusion.empty(3)
        assert figure(nothing, official=True).note == figure(nothing).note
        assert figure(nothing).rules == exact.rules


class TestCounting:
    @given(seeds, st.sampled_from(["uint8", "int16", "int32", "int64", "uint16"]))
    def test_equals_counting_pixel_by_pixel(self, seed, dtype):
        pred, target = label_maps(seed)
        confusion = Confusion.of(pred.astype(dtype), target.astype(dtype), 5)
        assert confusion == counted_one_by_one(pred, target, 5)

    @given(seeds, st.integers(1, 40))
    def test_patches_of_any_size_count_like_their_pixels(self, seed, size):
        pred, target = (np.repeat(a, size, axis=-1) for a in label_maps(seed))
        assert Confusion.of(pred, target, 5) == counted_one_by_one(pred, target, 5)

    @pytest.mark.parametrize("first", ["patches", "noise"])
    def test_patches_beside_noise_count_like_their_pixels(self, first):
        noise = label_maps(3, shape=(90, 99))
        patches = [np.repeat(a, 10, axis=0) for a in label_maps(4, shape=(9, 99))]
        order = (patches, noise) if first == "patches" else (noise, patches)
        pred, target = (np.concatenate(both) for both in zip(*order, strict=True))
        assert Confusion.of(pred, target, 5) == counted_one_by_one(pred, target, 5)

    @pytest.mark.parametrize("classes", [127, 128, 200])
    def test_a_negative_label_is_no_class_however_many_there_are(self, classes):
        target = np.zeros((4, 4), np.int8)
        target[1, 2] = -100
        with pytest.raises(InputError, match="target: label -100"):
            Confusion.of(np.zeros_like(target), target, classes)
        ignored = Confusion.of(np.zeros_like(target), target, classes, ignore=-100)
        assert ignored.pixels == 15

    def test_out_of_range_is_found_in_patches_and_in_noise(self):
        patches, noise = np.zeros((9, 99), np.uint8), np.arange(9 * 99).reshape(9, 99) % 5
        for target in (patches, noise):
            pred = target.copy()
            pred[8, 98] = 5
            with pytest.raises(InputError, match="label 5"):
                Confusion.of(pred, target, 5)

    @given(seeds)
    def test_torch_and_cropped_arrays_count_alike(self, seed):
        torch = pytest.importorskip("torch")
        pred, target = label_maps(seed)
        inside = np.s_[:, 1:-1, 2:-3]
        crop = Confusion.of(pred[inside], target[inside], 5)
        tensors = (torch.from_numpy(a.astype(np.int64))[inside] for a in (pred, target))
        assert Confusion.of(*tensors, 5) == crop
        assert crop == Confusion.of(pred[inside].copy(), target[inside].copy(), 5)

    def test_more_pixels_than_one_chunk(self):
        pred, target = label_maps(0, shape=(3, 350, 351))
        rows = [Confusion.of(p, t, 5) for p, t in zip(pred, target, strict=True)]
        assert Confusion.of(pred, target, 5) == sum(rows)

    @pytest.mark.parametrize("ignore", [-1, 0, 3, 700])
    def test_any_label_can_be_the_ignored_one(self, ignore):
        pred, target = label_maps(1)
        moved = np.where(target == IGNORE, ignore, target.astype(np.int64))
        kept = moved != ignore
        expected = Confusion.of(pred[kept], moved[kept], 5)
        assert Confusion.of(pred, moved, 5, ignore=ignore) == expected

    def test_what_is_predicted_on_ignored_pixels_does_not_matter(self):
        target = np.full((4, 4), IGNORE)
        assert Confusion.of(np.full((4, 4), 99), target, 5) == Confusion.empty(5)

    def test_masks_of_true_and_false(self):
        pred, target = np.array([True, False]), np.array([True, True])
        assert Confusion.of(pred, target, 2) == Confusion(2, [[0, 0], [1, 1]])

    def test_more_classes_than_the_labels_can_name(self):
        pred, target = np.array([1, 2], np.int8), np.array([1, 1], np.int8)
        confusion = Confusion.of(pred, target, 300)
        assert (confusion.matrix[1, 1], confusion.matrix[1, 2]) == (1, 1)

    @given(seeds)
    def test_inputs_are_not_changed(self, seed):
        pred, target = label_maps(seed)
        before = pred.copy(), target.copy()
        pred.flags.writeable = target.flags.writeable = False
        Confusion.of(pred, target, 5)
        assert np.array_equal(pred, before[0])
        assert np.array_equal(target, before[1])


class TestAddition:
    @given(seeds, st.lists(st.integers(0, 6), max_size=4), st.randoms(use_true_random=False))
    def test_batches_and_order_do_not_matter(self, seed, cuts, random):
        pred, target = label_maps(seed)
        order = random.sample(range(6), 6)
        bounds = [0, *sorted(cuts), 6]
        parts = [Confusion.of(pred[order[a:b]], target[order[a:b]], 5) for a, b in pairwise(bounds)]
        random.shuffle(parts)
        assert sum(parts) == Confusion.of(pred, target, 5)

    def test_records_are_values(self):
        a, b = Confusion(2, [[1, 2], [3, 4]]), Confusion(2, [[1, 2], [3, 4]])
        assert a == b
        assert len({a, b}) == 1
        assert a != Confusion(2, [[1, 2], [3, 5]])
        assert a != "a"

    def test_a_record_cannot_be_changed(self):
        source = np.ones((2, 2), np.int64)
        record = Confusion(2, source)
        source[0, 0] = 7
        assert record.matrix[0, 0] == 1
        with pytest.raises(ValueError, match="read-only"):
            record.matrix[0, 0] = 7

    def test_different_class_tables_do_not_add(self):
        with pytest.raises(InputError, match="classes 2 and 3 do not add"):
            Confusion.empty(2) + Confusion.empty(3)

    def test_nothing_else_adds(self):
        with pytest.raises(TypeError):
            Confusion.empty(2) + 1
        with pytest.raises(TypeError):
            1 + Confusion.empty(2)

    def test_matrix_of_another_size_is_refused(self):
        with pytest.raises(InputError, match=r"expected shape \[3, 3\]"):
            Confusion(3, np.zeros((2, 2)))


class TestFigures:
    @given(seeds, st.permutations(range(5)))
    def test_renaming_the_classes_changes_nothing(self, seed, order):
        pred, target = label_maps(seed)
        table = np.array([*order, *[0] * 250, IGNORE], np.uint8)
        renamed = Confusion.of(table[pred], table[target], 5)
        original = Confusion.of(pred, target, 5)
        assert iou_per_class_dataset(renamed)[list(order)] == close(iou_per_class_dataset(original))
        for figure in (miou_dataset, fdr_dataset, f1_dataset, f03_dataset, pixel_accuracy_dataset):
            assert float(figure(renamed)) == close(float(figure(original)), nan_ok=True)

    @given(seeds)
    def test_perfect_prediction(self, seed):
        _, target = label_maps(seed, ignored=0)
        confusion = Confusion.of(target, target, 5)
        present = np.unique(target).size
        assert float(miou_dataset(confusion)) == close(present / 5)
        assert float(fdr_dataset(confusion)) == 0
        assert float(f1_dataset(confusion)) == float(pixel_accuracy_dataset(confusion)) == 1

    def test_prediction_of_background_only(self):
        target = np.array([[0, 0], [1, 2]])
        confusion = Confusion.of(np.zeros_like(target), target, 4)
        assert float(miou_foreground_dataset(confusion)) == 0
        assert float(miou_dataset(confusion)) == close(0.5 / 4)
        assert float(fdr_dataset(confusion)) == 0.5
        assert float(f1_dataset(confusion)) == close((2 / 3) / 3)

    def test_without_background_every_other_class_counts(self):
        confusion = Confusion(3, [[9, 0, 0], [0, 2, 2], [0, 0, 4]])
        assert float(miou_foreground_dataset(confusion)) == close((2 / 4 + 4 / 6) / 2)

    def test_false_positives_are_a_share_of_the_background_whatever_the_class(self):
        confusion = Confusion(3, [[6, 1, 3], [0, 4, 9], [5, 0, 0]])
        assert float(foreground_fpr_dataset(confusion)) == close(4 / 10)

    def test_nothing_counted(self):
        nothing = Confusion.of(np.zeros((2, 2), int), np.full((2, 2), IGNORE), 3)
        for figure in FIGURES:
            assert np.isnan(float(figure(nothing)))
            assert "–, no pixel is counted" in str(figure(nothing))
            assert "nan" not in str(figure(nothing))

    def test_one_pixel_is_something(self):
        for figure in FIGURES:
            assert not np.isnan(float(figure(Confusion(3, [[1, 0, 0], [0, 0, 0], [0, 0, 0]]))))

    def test_means_over_no_class_say_so(self):
        figure = miou_dataset(Confusion(2, [[1, 0], [0, 1]]), among=())
        assert figure.note == "no class is left to average"
        figure = foreground_fpr_dataset(Confusion(2, [[0, 0], [1, 1]]))
        assert figure.note == "no pixel is labelled background"

    @given(seeds)
    @settings(max_examples=30)
    def test_figures_are_fractions(self, seed):
        confusion = Confusion.of(*label_maps(seed), 5)
        assert all(0 <= float(figure(confusion)) <= 1 for figure in FIGURES)

    def test_mean_over_chosen_classes(self):
        confusion = Confusion(3, [[4, 0, 0], [0, 1, 1], [0, 0, 2]])
        figure = miou_dataset(confusion, among=(1, 2))
        assert float(figure) == close((1 / 2 + 2 / 3) / 2)
        assert "[1, 2]" in figure.rules

    def test_every_figure_names_its_family_and_rules(self):
        confusion = Confusion(2, [[4, 1], [1, 2]])
        for figure in (function(confusion) for function in FIGURES):
            assert isinstance(figure, Figure)
            assert figure.name.endswith("_dataset")
            assert "whole set" in figure.rules
            assert "ignored" in figure.rules
            assert figure.name in str(figure)

    def test_figures_of_precision_and_recall_are_their_formulas(self):
        confusion = Confusion(3, [[8, 2, 0], [4, 6, 0], [0, 0, 0]])  # class 2 occurs nowhere
        precisions, recalls = np.array([8 / 12, 6 / 8]), np.array([8 / 10, 6 / 10])
        assert float(fdr_dataset(confusion)) == close((1 - precisions).mean())
        for figure, beta2 in ((f1_dataset, 1), (f03_dataset, 0.3)):
            below = beta2 * precisions + recalls
            assert float(figure(confusion)) == close(
                ((1 + beta2) * precisions * recalls / below).mean()
            )
            assert figure(confusion).rules.endswith(f"; beta squared = {beta2:g}")
        assert float(pixel_accuracy_dataset(confusion)) == close(14 / 20)

    def test_figures_say_how_absent_classes_and_background_count(self):
        confusion = Confusion(2, [[4, 1], [1, 2]])
        zero, skipped = "a class absent from prediction and target counts 0", "0/0 skipped"
        told = {
            miou_dataset: (zero, "background included"),
            miou_foreground_dataset: (zero, "without background"),
            fdr_dataset: (skipped, "background included"),
            f1_dataset: (skipped, "background included; beta"),
            foreground_fpr_dataset: ("NaN without background", "lower is better"),
        }
        for figure, (absent, background) in told.items():
            assert absent in figure(confusion).rules
            assert background in figure(confusion).rules
            assert figure(confusion).note == ""

    def test_j_and_f_says_what_it_is_the_mean_of(self):
        figure = j_and_f_dataset(Confusion(2, [[4, 1], [1, 2]]))
        assert "whole set" in figure.rules
        assert "; mean of IoU and F with beta squared = 0.3, class by" in figure.rules


class TestErrors:
    def test_shapes_differ(self):
        with pytest.raises(InputError, match=r"\[2, 3\] != \[3, 2\]"):
            Confusion.of(np.zeros((2, 3), int), np.zeros((3, 2), int), 4)

    @pytest.mark.parametrize("label", [4, 100, -1, -7])
    @pytest.mark.parametrize("side", ["pred", "target"])
    def test_label_out_of_range_says_which_and_where(self, side, label):
        maps = {"pred": np.zeros((2, 5, 6), np.int16), "target": np.zeros((2, 5, 6), np.int16)}
        maps[side][1, 3, 2] = label
        with pytest.raises(InputError) as error:
            Confusion.of(**maps, classes=4)
        assert f"{side}: label {label} at [1, 3, 2]: expected 0 to 3" in str(error.value)
        assert "\n" not in str(error.value)

    def test_logits_instead_of_labels(self):
        logits, labels = np.zeros((2, 2)), np.zeros((2, 2), int)
        with pytest.raises(InputError, match=r"^pred: .*argmax"):
            Confusion.of(logits, labels, 3)
        with pytest.raises(InputError, match=r"^target: .*argmax"):
            Confusion.of(labels, logits, 3)


def test_the_metrics_import_without_torch():
    program = "import sys; sys.modules['torch'] = None; import avs_bench.metrics"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
