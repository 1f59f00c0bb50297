import json

import pytest
import torch

from avs_bench.checkpoints.opening import Published, class_names, open_published, open_trained
from avs_bench.checkpoints.published_names import dead_entries, published_names
from avs_bench.checkpoints.run_checkpoint import Checkpoint, model_of, origin_of, write_checkpoint
from avs_bench.models import build_model
from tests.bench.prediction.conftest import CPU
from vpo_builder.runtime.errors import InputError

TINY = Published(model="tiny")


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
    assert not opened.model.training
    for name, value in opened.model.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name


def test_a_preset_says_what_a_model_hears(tmp_path):
    write_published(tmp_path / "a.pth", 22, audio_channels=2)
    sets = ("audio.channels=2", "audio.seconds=1", "image.long_side=96", "image.stretched=true")
    opened = open_published([tmp_path / "a.pth"], Published(preset="tiny", overrides=sets), CPU)
    assert (opened.channels, opened.seconds, opened.long_side) == (2, 1, 96)
    assert opened.stretched


def test_a_checkpoint_of_ours_says_it_itself(tmp_path, dataset, settings):
    model = model_of(settings, len(dataset.classes))
    origin = origin_of(settings, dataset)
    write_checkpoint(tmp_path / "best.pt", Checkpoint(origin, 1, model.state_dict(), {}))
    opened = open_trained(tmp_path / "best.pt", CPU)
    assert opened.classes == dataset.classes
    assert (opened.name, opened.seconds, opened.channels) == ("tiny", 3, 1)
    assert (opened.long_side, opened.stretched) == (settings.image.long_side, False)


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

    @pytest.mark.parametrize("content", ["", "[1]", '{"a": "x"}', '{"a": null}', "\\ud800"])
    def test_from_anything_else_are_refused(self, tmp_path, content):
        (tmp_path / "labels.json").write_text(content)
        with pytest.raises(InputError, match=r"labels\.json"):
            class_names(3, tmp_path / "labels.json")


def test_what_does_not_fit_is_one_line(tmp_path):
    write_published(tmp_path / "a.pth", 5)
    with pytest.raises(InputError, match="give either --model NAME"):
        open_published([tmp_path / "a.pth"], Published(), CPU)
    with pytest.raises(InputError, match="no model 'tinny'"):
        open_published([tmp_path / "a.pth"], Published(model="tinny"), CPU)
    (tmp_path / "b.pth").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"b\.pth"):
        open_published([tmp_path / "b.pth"], TINY, CPU)


def test_a_part_without_weights_is_named(tmp_path):
    backbone = build_model("tiny", 5).backbone
    torch.save(backbone.state_dict(), tmp_path / "imagenet.pth")
    with pytest.raises(InputError, match="no weights for audio_encoder, decoder, fusion, head"):
        open_published([tmp_path / "imagenet.pth"], TINY, CPU)
