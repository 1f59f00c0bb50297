"""What published rows begin with: each file fills its own part of a model, and nothing else."""

from dataclasses import replace

import pytest
import torch

from avs_bench.checkpoints import loading
from avs_bench.checkpoints.catalogue import CARDS, is_published
from avs_bench.checkpoints.loading import load_weights
from avs_bench.checkpoints.published_files import START_FILES, published_at, start_files
from avs_bench.config import read_preset
from avs_bench.models import build_model
from avs_bench.models.hrnet import HRNet
from avs_bench.models.pvt import PVTv2
from avs_bench.models.resnet import DEPTHS, BasicBlock, ResNet
from avs_bench.models.vgg import AudioVGG, VGGish
from avs_bench.training.starts import missing_starts
from vpo_builder.runtime.errors import InputError

CLASSIFIER = ("fc.weight", "fc.bias")
HRNET_TOP = (
    *("incre_modules.0.0.conv1.weight", "incre_modules.3.0.downsample.1.running_var"),
    *("downsamp_modules.2.0.bias", "final_layer.0.weight", "classifier.weight", "classifier.bias"),
)
MADE = {
    "resnet50_v1c.pth": (lambda: ResNet(*DEPTHS["resnet50"], stem="deep"), CLASSIFIER),
    "resnet101_v1c.pth": (lambda: ResNet(*DEPTHS["resnet101"], stem="deep"), CLASSIFIER),
    "resnet50-0676ba61.pth": (lambda: ResNet(*DEPTHS["resnet50"], stem="plain"), CLASSIFIER),
    "HRNet_W48_C_ssld_pretrained.pth": (HRNet, HRNET_TOP),
    "pvt_v2_b5.pth": (PVTv2, ("head.weight", "head.bias")),
    "resnet18-f37072fd.pth": (lambda: ResNet(*DEPTHS["resnet18"], stem="plain"), CLASSIFIER),
    "vggish-10086976.pth": (VGGish, ()),
}
"""The layout of each file: a module of its shapes, and names of what lies behind it."""

SINGLE_PLUS = "cavp-deeplabv3plus-r50 by preset cavp-single-plus"
TITLES = [*(name for name in CARDS if is_published(name)), SINGLE_PLUS]
"""What `avs-bench models` calls the published rows."""


def made_file(name):
    module, behind = MADE[name]
    with torch.device("meta"):
        return module().state_dict() | {entry: torch.zeros(1) for entry in behind}


def model_of_row(title):
    name, _, preset = title.partition(" by preset ")
    options = read_preset(preset).model.options if preset else {}
    with torch.device("meta"):
        return build_model(name, 22, **options)


def test_every_file_is_made_here_and_says_where_it_is():
    assert {file.name for file in START_FILES.values()} == MADE.keys()
    said = published_at(model_of_row("cavp-deeplabv3plus-r50"))
    assert (
        "resnet18-f37072fd.pth: download.pytorch.org/models/, sha256 begins with f37072fd" in said
    )
    assert len(made_file("resnet18-f37072fd.pth")) == 122  # torchvision's, counters included


@pytest.mark.filterwarnings("ignore:for .*no-op")  # weights without values are loaded nowhere
@pytest.mark.parametrize("title", TITLES)
def test_each_file_fills_its_part_and_any_other_is_refused_whole_or_in_part(
    title, tmp_path, monkeypatch
):
    model, path = model_of_row(title), tmp_path / "start.pth"
    path.touch()
    parts = {name for name, part in model.named_children() if part.state_dict()}
    ours = {file.name: part for part, file in start_files(model).items()}
    assert set(ours.values()) == {"backbone", "audio_encoder"}
    for file in MADE:
        state = made_file(file)
        monkeypatch.setattr(loading, "read_state_dict", lambda _, state=state: state)
        for partial in (False, True):
            if file not in ours:
                with pytest.raises(InputError, match=r"does not fit|none of its"):
                    load_weights(model, path, partial=partial)
                continue
            report = load_weights(model, path, partial=partial)
            assert set(report.untouched) == parts - {ours[file]}
            assert f"into {ours[file]}; layout" in report.summary()
            filled = {n for n in model.state_dict() if n.startswith(f"{ours[file]}.")}
            assert set(report.loaded) | set(report.fresh) == filled


def test_an_ear_takes_imagenets_weights_but_for_its_first_and_last_layer(tmp_path):
    model = build_model("tiny", 5)
    trunk = ResNet(BasicBlock, (2, 2, 2, 2), stem="plain", width=16)
    state = {n: torch.full_like(v, 3) for n, v in trunk.state_dict().items()}
    torch.save(state | {"fc.weight": torch.zeros(1000, 128)}, tmp_path / "resnet18.pth")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    report = load_weights(model, tmp_path / "resnet18.pth")
    fresh = ("trunk.conv1.weight", "fc.weight", "fc.bias")
    assert report.fresh == tuple(f"audio_encoder.{name}" for name in fresh)
    assert "as initialised: audio_encoder." in report.summary()
    for name, value in model.state_dict().items():
        filled = name.startswith("audio_encoder.") and name not in report.fresh
        wanted = torch.full_like(value, 3) if filled else before[name]
        assert torch.equal(value, wanted), name


@pytest.mark.filterwarnings("ignore:for .*no-op")
@pytest.mark.parametrize(
    ("channels", "fresh"),
    [(1, {"embeddings.4"}), (2, {"embeddings.4", "features.0"})],
)
def test_the_vgg_takes_vggish_but_for_its_last_layer_and_what_hears_stereo(
    channels, fresh, tmp_path, monkeypatch
):
    with torch.device("meta"):
        model = build_model(
            "cavp-deeplabv3plus-r50", 24, audio_encoder="vgg", audio_channels=channels
        )
    state = made_file("vggish-10086976.pth")
    monkeypatch.setattr(loading, "read_state_dict", lambda _: state)
    (tmp_path / "vggish.pth").touch()
    report = load_weights(model, tmp_path / "vggish.pth")
    left = {name.removeprefix("audio_encoder.").rpartition(".")[0] for name in report.fresh}
    assert left == fresh


def test_the_vggs_new_layer_begins_as_the_published_one_does():
    torch.manual_seed(0)
    last = AudioVGG(1, 64).embeddings[4]
    assert not last.bias.any()
    assert last.weight.std().item() == pytest.approx((2 / 4096) ** 0.5, rel=0.02)


def test_a_published_model_says_which_of_its_starts_it_was_not_given():
    settings = read_preset("cavp-deeplabv3plus-r50")
    model = model_of_row("cavp-deeplabv3plus-r50")
    said = missing_starts(settings, model, ())
    assert said == "backbone (resnet50_v1c.pth) and audio_encoder (resnet18-f37072fd.pth)"
    ear = loading.LoadedWeights(
        *("x", "y", ("z",), (), (), ()), untouched=("backbone", "decoder", "fusion", "head")
    )
    assert missing_starts(settings, model, [ear]) == "backbone (resnet50_v1c.pth)"
    ours = read_preset("tiny")
    assert missing_starts(ours, build_model("tiny", 22), ()) == ""
    frozen = read_preset("tpavi-r50-s4")
    trial = replace(frozen, train=replace(frozen.train, untrained_vggish=True))
    with torch.device("meta"):
        model = build_model("tpavi-r50", 1)
    assert "audio_encoder (vggish-10086976.pth)" in missing_starts(trial, model, ())
    with pytest.raises(InputError, match="frozen VGGish, which has no weights"):
        missing_starts(frozen, model, [replace(ear, untouched=("audio_encoder",))])
