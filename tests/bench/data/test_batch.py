import multiprocessing
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch

from avs_bench.data.batch import collate, load_for_evaluation, load_for_training
from avs_bench.data.images import PictureReader
from avs_bench.data.loader import PlainReading, plain_batches, training_batches, training_order
from avs_bench.data.seeds import numpy_generator
from avs_bench.data.vpo import read_vpo
from tests.builder.dataset_by_hand import DUETS, write_dataset
from vpo_builder.runtime.errors import InputError


def load(example, dataset, settings, **changes):
    settings = replace(settings, **changes)
    reader = PictureReader(dataset.mask_lookup, 0)
    return load_for_training(
        example,
        reader,
        settings.image,
        settings.audio,
        settings.augmentation,
        numpy_generator(1),
    )


@pytest.fixture
def duet(tmp_path):
    return read_vpo(write_dataset(tmp_path / "ms", DUETS, "ms"))


def test_flipping_the_picture_flips_what_is_left_and_right_to_hear(duet, settings):
    example = duet.subsets["train"][0]
    audio = replace(settings.audio, channels=2)
    views = {
        flip: load(
            example,
            duet,
            settings,
            audio=audio,
            image=replace(settings.image, crop=48),
            augmentation=replace(settings.augmentation, flip=flip, scales=(1.0,)),
        )
        for flip in (0.0, 1.0)
    }
    assert [s.pan for s in views[0.0].sources] == [0.25, 0.666667]
    assert [s.pan for s in views[1.0].sources] == pytest.approx([0.75, 0.333333])
    left, right = views[0.0].waveform
    np.testing.assert_allclose(views[1.0].waveform, [right, left], atol=1e-6)
    assert torch.equal(views[0.0].target[:32].flip(1), views[1.0].target[:32])


def test_a_source_that_the_crop_cut_away_is_muted_if_asked(duet, settings):
    example = duet.subsets["train"][0]
    narrow = {
        "image": replace(settings.image, long_side=0, crop=20),
        "augmentation": replace(settings.augmentation, flip=0.0, scales=(1.0,)),
    }
    heard = {}
    for mute in (False, True):
        audio = replace(settings.audio, mute_cropped_out=mute)
        loaded = load(example, duet, settings, audio=audio, **narrow)
        seen = set(loaded.target.unique().tolist()) - {0, 255}
        heard[mute] = {source.class_index for source in loaded.sources}
    assert len(seen) < 2
    assert heard[False] == {2, 3}
    assert heard[True] == seen


def test_a_batch_says_which_classes_sound_and_where(duet, dataset, settings):
    reader = PictureReader(dataset.mask_lookup, 0)
    items = [
        load_for_evaluation(example, reader, settings.image, settings.audio)
        for example in (duet.subsets["train"][0], dataset.subsets["train"][1])
    ]
    batch = collate(items, classes=7)
    assert batch.images.shape == (2, 3, 32, 48)
    assert batch.images.dtype == torch.uint8
    assert batch.targets.shape == (2, 64, 96)
    assert batch.targets.dtype == torch.uint8
    assert batch.waveforms.shape == (2, 1, 48_000)
    assert batch.sounding.nonzero().tolist() == [[0, 2], [0, 3], [1, 3]]
    assert batch.pans[0].isnan()
    assert batch.pans[1] == pytest.approx(0.25)


def test_training_batches_are_the_same_from_any_step_and_with_any_workers(dataset, settings):
    order = training_order(dataset, settings)
    whole = list(training_batches(dataset, settings, order, 0, 4))
    workers = replace(settings, loader=replace(settings.loader, workers=2))
    for batches in (
        list(training_batches(dataset, settings, order, 2, 4)),
        list(training_batches(dataset, workers, order, 2, 4)),
    ):
        for expected, batch in zip(whole[2:], batches, strict=True):
            assert torch.equal(expected.images, batch.images)
            assert torch.equal(expected.targets, batch.targets)
            assert torch.equal(expected.waveforms, batch.waveforms)


def test_a_subset_is_read_once_and_as_it_is(dataset, settings):
    examples = dataset.subsets["test"]
    batches = list(plain_batches(dataset, examples, settings))
    read = [example for batch in batches for example in batch.examples]
    assert sorted(read, key=lambda e: e.example_id) == list(examples)


def test_a_stretched_picture_is_square_and_scored_at_its_masks_own_size(dataset, settings):
    square = replace(settings.image, long_side=48, crop=48, stretched=True)
    still = replace(settings.augmentation, flip=0.0, scales=(1.0,))
    example = dataset.subsets["train"][0]
    seen = load(example, dataset, settings, image=square, augmentation=still)
    assert seen.image.shape == (3, 48, 48)
    assert (seen.target != 255).all()  # nothing of it is padding
    reader = PictureReader(dataset.mask_lookup, 0)
    scored = load_for_evaluation(example, reader, square, settings.audio)
    assert scored.image.shape == (3, 48, 48)
    assert scored.target.shape == (64, 96)


def test_an_empty_train_subset_is_one_line(dataset, settings):
    empty = replace(dataset, subsets=dataset.subsets | {"train": ()})
    with pytest.raises(InputError, match="train subset is empty"):
        training_order(empty, settings)


def workers():
    return {process.pid for process in multiprocessing.active_children()}


class TestPlainReading:
    @pytest.fixture
    def reading(self, dataset, settings):
        two = replace(settings, loader=replace(settings.loader, workers=2))
        one_by_one = replace(two, evaluation=replace(two.evaluation, batch_size=1))
        with closing(PlainReading(dataset, dataset.subsets["test"], one_by_one)) as reading:
            yield reading

    def test_reads_again_with_the_same_workers_even_after_a_loop_that_left_off(self, reading):
        assert not workers()  # none before they are needed
        with closing(reading.batches()) as batches:
            next(batches)
        first = workers()
        assert len(first) == 2
        for _ in range(2):
            read = [example for batch in reading.batches() for example in batch.examples]
            assert sorted(read, key=lambda e: e.example_id) == list(reading.examples)
        assert workers() == first
        reading.close()
        assert not workers()

    def test_an_error_that_is_kept_keeps_no_worker(self, reading):
        reading.examples[0].sources[0].clip.unlink()
        with pytest.raises(InputError, match="no such file") as kept:
            list(reading.batches())
        reading.close()
        assert not workers()
        assert kept.value.__traceback__
