import json
from dataclasses import replace

import pytest
import torch

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.checkpoints.class_names import class_names
from avs_bench.checkpoints.opening import open_model, open_module
from avs_bench.checkpoints.published_names import dead_entries, published_names
from avs_bench.checkpoints.run_checkpoint import Checkpoint, model_of, origin_of, write_checkpoint
from avs_bench.models import build_model
from tests.bench.prediction.conftest import CPU
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import to_tree

TINY = ModelChoice(model="tiny")


def open_published(paths, choice, device):
    """Open files as they are read with --checkpoint, one after the other."""
    return open_model(replace(choice, checkpoints=tuple(paths)), device)


def write_published(path, classes, **options):
    """Save a model as its authors would have."""
    model = build_model("tiny", classes, **options)
    names, state = published_names(model), model.state_dict()
    dead = {name: torch.zeros(shape) for name, shape in dead_entries(model).items()}
    torch.save({names[n]: v for n, v in state.items() if n in names} | dead, path)
    return model


@pytest.mark.parametrize("classes", [1, 5, 22, 71])
def test_published_weights_tell_their_number_of_classes(tmp_path, classes):
    path = tmp_path / "official.pth"
    model = write_published(path, classes)
    opened = open_published([path], TINY, CPU)
    assert len(opened.classes) == max(classes, 2)
    assert not opened.module.training
    for name, value in opened.module.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_a_preset_says_what_a_model_hears(tmp_path):
    write_published(tmp_path / "a.pth", 22, audio_channels=2)
    sets = ("audio.channels=2", "audio.seconds=1", "image.long_side=96", "image.stretched=true")
    opened = open_published([tmp_path / "a.pth"], ModelChoice(preset="tiny", overrides=sets), CPU)
    audio, image = opened.settings.audio, opened.settings.image
    assert (audio.channels, audio.seconds, image.long_side) == (2, 1, 96)
    assert image.stretched


def test_a_checkpoint_of_ours_says_it_itself(tmp_path, dataset, settings):
    model = model_of(settings, len(dataset.classes))
    origin = origin_of(settings, dataset)
    write_checkpoint(tmp_path / "best.pt", Checkpoint(origin, 1, model.state_dict(), {}))
    opened = open_model(ModelChoice(run=tmp_path), CPU)
    assert opened.classes == dataset.classes
    assert (opened.name, opened.settings, opened.epochs) == ("tiny", settings, 1)
    assert opened.files == (tmp_path / "best.pt",)
    assert (opened.origin, opened.trained_on) == (origin, dataset.name)
    assert opened.stored_settings == to_tree(settings)
    alone = open_model(ModelChoice(checkpoints=(tmp_path / "best.pt",)), CPU)
    assert replace(alone, module=opened.module) == opened


class TestNames:
    def test_of_tables_of_known_size(self):
        assert class_names(22)[16] == "mouse"
        assert class_names(24)[1] == "ambulance_siren"
        assert class_names(2) == ("background", "sounding object")
        assert class_names(4) == ("background", "class 1", "class 2", "class 3")
        assert all(len(class_names(size)) == size for size in (2, 22, 24, 71))

    @pytest.mark.parametrize("first", [0, 1])
    def test_from_a_file_counted_from_zero_or_one(self, tmp_path, first):
        table = {name: first + i for i, name in enumerate(["background", "dog", "cat"])}
        (tmp_path / "labels.json").write_text(json.dumps(table))
        assert class_names(3, tmp_path / "labels.json") == ("background", "dog", "cat")
        with pytest.raises(InputError, match="expected 0 to 3, one for each class"):
            class_names(4, tmp_path / "labels.json")

    @pytest.mark.parametrize(
        "content", ["", "[1]", '{"a": "x"}', '{"a": null}', "\\ud800", '{"a": 1e999}', "[" * 9999]
    )
    def test_from_anything_else_are_refused(self, tmp_path, content):
        (tmp_path / "labels.json").write_text(content)
        with pytest.raises(InputError, match=r"labels\.json: no json .* such as .*\"dog\": 1"):
            class_names(3, tmp_path / "labels.json")
        with pytest.raises(InputError, match="cannot be read: is no regular file"):
            class_names(3, tmp_path)


def test_what_does_not_fit_is_one_line(tmp_path):
    write_published(tmp_path / "a.pth", 5)
    with pytest.raises(InputError, match="give either --model NAME"):
        open_published([tmp_path / "a.pth"], ModelChoice(preset="tiny", model="tiny"), CPU)
    with pytest.raises(InputError, match="no model 'tinny'"):
        open_published([tmp_path / "a.pth"], ModelChoice(model="tinny"), CPU)
    (tmp_path / "b.pth").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"b\.pth"):
        open_published([tmp_path / "b.pth"], TINY, CPU)


def test_a_part_without_weights_is_named(tmp_path):
    backbone = build_model("tiny", 5).backbone
    torch.save(backbone.state_dict(), tmp_path / "imagenet.pth")
    with pytest.raises(InputError, match="no weights for audio_encoder, decoder, fusion, head"):
        open_published([tmp_path / "imagenet.pth"], TINY, CPU)


def test_a_model_by_name_is_opened_as_it_says_itself():
    choice = ModelChoice(model="tpavi-r50", classes=3)
    with torch.device("meta"):
        opened = open_model(choice, torch.device("meta"))
    audio, image = opened.settings.audio, opened.settings.image
    assert (audio.seconds, audio.channels, audio.frame_step) == (1, 1, 0.96)
    assert (image.long_side, image.crop, image.frames, image.stretched) == (224, 224, 5, True)
    assert (len(opened.classes), opened.files, opened.origin) == (3, (), None)
    assert opened.stored_settings.keys() == {"model", "audio", "image"}


def test_a_module_of_the_users_own_needs_no_more_than_its_classes(dataset):
    opened = open_module(torch.nn.Linear(1, 1), dataset.classes, CPU)
    opened.refuse_other_classes(dataset)
    assert (opened.name, opened.settings.image.crop, opened.needs.seconds) == ("Linear", 224, 3)
    with pytest.raises(InputError, match="model Linear: weights for 2 classes, but"):
        open_module(torch.nn.Linear(1, 1), ("a", "b"), CPU).refuse_other_classes(dataset)
