from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from avs_bench.config import ContrastiveSettings
from avs_bench.losses.contrastive import embeddings_at, resize_targets, sample_places

SETTINGS = ContrastiveSettings(
    weight=1.0, temperature=0.1, pixels_per_class=8, small_classes="skip"
)


def targets() -> torch.Tensor:
    """Three images of 8×8: class 1 (16 pixels), class 2 (4), both nowhere else; a padded column."""
    target = torch.zeros(3, 8, 8, dtype=torch.long)
    target[0, :2] = 1
    target[1, 0, :4] = 2
    target[2, 3, :4] = 1
    target[:, :, 7] = 255
    return target


def draw(settings: ContrastiveSettings, matched=(True, False, False), seed: int = 0):
    generator = torch.Generator().manual_seed(seed)
    return sample_places(targets(), torch.tensor(matched), settings, generator)


def test_the_generator_alone_decides_which_places_are_drawn():
    drawn = []
    for elsewhere in (1, 2):
        torch.manual_seed(elsewhere)
        drawn.append(draw(SETTINGS))
    assert torch.equal(drawn[0].items, drawn[1].items)
    assert torch.equal(drawn[0].places, drawn[1].places)
    assert not torch.equal(drawn[0].places, draw(SETTINGS, seed=1).places)


@pytest.mark.parametrize("pixels", [4, 5])
def test_a_class_with_just_enough_pixels_gives_them(pixels):
    places = draw(replace(SETTINGS, pixels_per_class=pixels))
    assert int((places.labels[places.items < 3] == 2).sum()) == (4 if pixels == 4 else 0)


def test_each_class_gives_its_share_and_a_small_class_is_skipped():
    places = draw(SETTINGS)
    own = places.items < 3
    counts = torch.bincount(places.labels[own], minlength=3).tolist()
    assert counts == [8, 8, 0]
    assert int((~own).sum()) == 8


def test_a_small_class_may_give_all_it_has():
    places = draw(replace(SETTINGS, small_classes="all"))
    counts = torch.bincount(places.labels[places.items < 3], minlength=3).tolist()
    assert counts == [8, 8, 4]


def test_labels_are_the_targets_and_silent_objects_are_background():
    places = draw(replace(SETTINGS, small_classes="all", pixels_per_class=64))
    flat = targets().flatten(1)
    matched = [True, False, False]
    for item, place, label in zip(places.items, places.places, places.labels, strict=True):
        under = flat[item % 3, place]
        assert under != 255
        if item < 3:
            assert label == under
        else:
            assert under > 0
            assert label == (under if matched[item - 3] else 0)


def test_no_place_is_drawn_twice_from_one_half():
    places = draw(replace(SETTINGS, small_classes="all", pixels_per_class=64))
    chosen = list(zip(places.items.tolist(), places.places.tolist(), strict=True))
    assert len(set(chosen)) == len(chosen)


def test_background_and_shuffled_pixels_are_bounded_by_the_scarcer_of_both():
    places = draw(replace(SETTINGS, small_classes="all", pixels_per_class=64))
    sounding = int(((targets() > 0) & (targets() != 255)).sum())
    assert int((places.items >= 3).sum()) == sounding
    assert int(((places.items < 3) & (places.labels == 0)).sum()) == sounding


@pytest.mark.parametrize("small_classes", ["skip", "all"])
def test_without_a_sounding_pixel_there_is_nothing_to_contrast(small_classes):
    settings = replace(SETTINGS, small_classes=small_classes)
    silent = torch.zeros(2, 8, 8, dtype=torch.long)
    places = sample_places(silent, torch.ones(2).bool(), settings, torch.Generator())
    here, embeddings = embeddings_at(torch.randn(4, 5, 8, 8), places, slice(0, 2), 2)
    assert here.shape == (0,)
    assert embeddings.shape == (0, 5)


def test_embeddings_are_the_normalised_features_at_the_places_of_the_images_at_hand():
    features = torch.randn(6, 5, 8, 8, generator=torch.Generator().manual_seed(3))
    places = draw(SETTINGS)
    rows = features.permute(0, 2, 3, 1).reshape(6, 64, 5)[places.items, places.places]
    expected = F.normalize(rows, dim=1)
    found = torch.zeros_like(expected)
    for part in (slice(0, 1), slice(1, 3)):
        both_halves = [*range(part.start, part.stop), *range(part.start + 3, part.stop + 3)]
        here, embeddings = embeddings_at(features[both_halves], places, part, 3)
        found[here] = embeddings
    assert torch.allclose(found, expected)


def test_targets_shrink_by_nearest_neighbour():
    target = torch.arange(16).view(1, 4, 4)
    assert resize_targets(target, (2, 2)).tolist() == [[[0, 2], [8, 10]]]


def test_of_one_image_with_little_background_as_many_silent_pixels_are_drawn():
    target = torch.ones(1, 4, 4, dtype=torch.long)
    target[0, 0, :3] = 0
    matched = torch.tensor([True])
    places = sample_places(target, matched, SETTINGS, torch.Generator().manual_seed(0))
    assert places.items.tolist() == [0] * (8 + 3) + [1] * 3
    assert places.labels.tolist() == [1] * 8 + [0] * 3 + [1] * 3
    assert sorted(places.places[8:11].tolist()) == [0, 1, 2]


def test_nothing_to_contrast_has_no_labels_either():
    target, matched = torch.zeros(1, 4, 4, dtype=torch.long), torch.tensor([False])
    places = sample_places(target, matched, SETTINGS, torch.Generator())
    assert [len(part) for part in (places.items, places.places, places.labels)] == [0, 0, 0]
