"""Weights: every naming that is about, and one clear line for a file that does not fit."""

import os
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from avs_bench.checkpoints.folded_names import fold_names
from avs_bench.checkpoints.loading import load_weights
from avs_bench.checkpoints.published_names import dead_entries, published_names
from avs_bench.checkpoints.state_dicts import convert_to_safetensors, read_state_dict
from avs_bench.models import build_model
from avs_bench.models.hrnet import HRNet
from avs_bench.models.registry import Variant
from avs_bench.models.resnet import BasicBlock, ResNet
from avs_bench.models.tpavi import TPAVI
from tests.bench.models.small_models import small_avsegformer
from vpo_builder.runtime.errors import InputError


def tiny(classes=5, **options):
    return build_model("tiny", classes, **options)


def numbered(model):
    """The model's state with another value in every entry."""
    return {n: torch.full_like(v, i % 7 + 1) for i, (n, v) in enumerate(model.state_dict().items())}


def published(model):
    """The numbered state as the authors would have saved it, dead entries and all."""
    names = published_names(model)
    live = {names[n]: v for n, v in numbered(model).items() if n in names}
    return live | {n: torch.zeros(shape) for n, shape in dead_entries(model).items()}


def assert_holds(model, state):
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name


def prefixed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod."])
@pytest.mark.parametrize("wrapper", [None, "state_dict", "model"])
def test_published_checkpoints_load_wrapped_or_bare(tmp_path, prefix, wrapper):
    model = tiny()
    state = prefixed(published(model), prefix)
    path = tmp_path / "published.pth"
    torch.save({wrapper: state, "epoch": 3} if wrapper else state, path)
    report = load_weights(model, path)
    assert report.layout == "published"
    assert (report.missing, report.unexpected, report.misshapen, report.untouched) == ((),) * 4
    assert_holds(model, numbered(model))


def save_as_cavps_trainer(state, path, *, legacy=False):
    """Save what CAVP's trainer saves after a step, the rates of its optimisers being numpy's."""
    module = torch.nn.Linear(2, 2)
    sight = torch.optim.SGD(module.parameters(), lr=1e-3, momentum=0.9)
    hearing = torch.optim.Adam(module.parameters(), lr=1e-3)
    module(torch.ones(1, 2)).sum().backward()
    for optimiser in (sight, hearing):
        optimiser.step()
        optimiser.param_groups[0]["lr"] = np.float64(1e-3) * (1 - 1 / 7) ** 0.9
    content = {
        "model": prefixed(state, "module."),
        "audio_optimizer": hearing.state_dict(),
        "visual_optimizer": sight.state_dict(),
        "epoch": 0,
        "iteration": 1,
    }
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)


@pytest.mark.parametrize("legacy", [True, False])
def test_a_file_of_cavps_trainer_loads_though_its_optimisers_hold_numbers_of_numpys(
    tmp_path, legacy
):
    model, path = tiny(), tmp_path / "cavp.pth"
    save_as_cavps_trainer(published(model), path, legacy=legacy)
    assert b"multiarray\nscalar" in path.read_bytes()
    assert load_weights(model, path).layout == "published"
    assert_holds(model, numbered(model))
    assert convert_to_safetensors(path, tmp_path / "cavp.safetensors") == len(published(model))
    if legacy:  # where no checksum forbids to write it as numpy before 2 did
        old = path.read_bytes().replace(b"numpy._core.", b"numpy.core.")
        path.write_bytes(old)
        assert len(load_weights(tiny(), path).loaded) == len(model.state_dict())


def test_nothing_of_numpy_is_called_for_a_file_and_elsewhere_nothing_is_let_in(tmp_path):
    lie = (*np.dtype("f8").__reduce__()[2][:-1], 63)  # flags under which numpy follows pointers

    class Lie:
        def __reduce__(self):
            return np.dtype, ("f8", False, True), lie

    torch.save({"model": numbered(tiny()), "lr": Lie()}, tmp_path / "lie.pth")
    assert len(read_state_dict(tmp_path / "lie.pth")) == len(tiny().state_dict())
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "lie.pth", weights_only=True)


@pytest.mark.parametrize("name", ["_reconstruct", "fromstring"])
def test_other_names_of_numpys_are_refused(tmp_path, name):
    class Other:
        def __reduce__(self):
            return getattr(np._core.multiarray, name), (b"12345678",)

    torch.save({"model": numbered(tiny()), "lr": Other()}, tmp_path / "other.pth")
    assert "numpy" in refusal(tiny(), tmp_path / "other.pth")


def test_our_own_names_load_and_legacy_files_too(tmp_path):
    model = tiny()
    for legacy in (True, False):
        path = tmp_path / f"{legacy}.pt"
        torch.save(numbered(model), path, _use_new_zipfile_serialization=not legacy)
        fresh = tiny()
        assert load_weights(fresh, path).layout == "our own"
        assert_holds(fresh, numbered(model))


def test_an_imagenet_backbone_loads_alone_with_its_classifier_and_missing_counters(tmp_path):
    model = tiny()
    state = numbered(model.backbone)
    state = {n: v for n, v in state.items() if not n.endswith("num_batches_tracked")}
    state |= {"fc.weight": torch.zeros(1000, 256), "fc.bias": torch.zeros(1000)}
    torch.save(state, tmp_path / "resnet.pth")
    report = load_weights(model, tmp_path / "resnet.pth")
    assert report.layout.startswith("ResNet")
    assert report.untouched == ("decoder", "audio_encoder", "fusion", "head")
    assert torch.all(model.backbone.conv1.weight == state["conv1.weight"])
    load_weights(model.backbone, tmp_path / "resnet.pth")


def test_hrnets_imagenet_file_loads(tmp_path):
    backbone = HRNet(4)
    extra = {
        "incre_modules.0.0.conv1.weight": torch.zeros(1),
        "final_layer.0.bias": torch.zeros(1),
    }
    torch.save(numbered(backbone) | extra | {"classifier.bias": torch.zeros(9)}, tmp_path / "h.pth")
    report = load_weights(backbone, tmp_path / "h.pth")
    assert len(report.loaded) == len(backbone.state_dict())


class Ear(torch.nn.Module):
    """Stands where the VGGish stands, without its 72 M parameters."""

    def __init__(self):
        super().__init__()
        self.features = torch.nn.Linear(2, 2)


def test_tpavis_published_file_drops_the_dead_branch_and_leaves_the_ear_alone(tmp_path):
    backbone = ResNet(BasicBlock, (1, 1, 1, 1), stem="plain", width=4)
    model = TPAVI(backbone, backbone.widths, 1, Ear())
    state = published(model)
    assert any(name.startswith("resnet.layer4_2.") for name in state)
    torch.save(state, tmp_path / "tpavi.pth")
    report = load_weights(model, tmp_path / "tpavi.pth")
    assert report.untouched == ("audio_encoder",)
    assert len(report.loaded) == len(model.state_dict()) - 2


def refusal(model, path, **options):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError) as caught:
        load_weights(model, path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert_holds(model, before)
    return message


def test_every_entry_that_does_not_fit_is_listed(tmp_path):
    model = tiny()
    state = published(model)
    del state["visual_projector.fc1.bias"], state["cross_att.norm.weight"]
    state["segment.extra"] = torch.zeros(1)
    state["segment.reduce.0.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "odd.pth")
    message = refusal(model, tmp_path / "odd.pth")
    assert "missing 2: cross_att.norm.weight, visual_projector.fc1.bias" in message
    assert "unexpected 1: segment.extra" in message
    assert "other shape 1: segment.reduce.0.weight is (1,), the model's (16, 32, 1, 1)" in message


def spoilt(state, how):
    """Return a file of which one part is not whole."""
    if how == "missing":
        return {n: v for n, v in state.items() if n != "cross_att.norm.weight"}
    if how == "misshapen":
        return state | {"cross_att.norm.weight": torch.zeros(3)}
    return state | {"cross_att.blocks.1.mlp.fc1.weight": torch.zeros(3)}  # of a deeper one


@pytest.mark.parametrize("how", ["missing", "misshapen", "unexpected"])
def test_a_partial_load_takes_whole_parts_and_leaves_the_others_as_they_are(tmp_path, how):
    model = tiny()
    torch.save(spoilt(published(model), how), tmp_path / "part.pth")
    before = {n: v.clone() for n, v in model.state_dict().items() if n.startswith("fusion.")}
    refusal(model, tmp_path / "part.pth")
    report = load_weights(model, tmp_path / "part.pth", partial=True)
    assert report.untouched == ("fusion",)
    assert "into backbone, decoder, audio_encoder, head; " in report.summary()
    assert report.summary().endswith("nothing loaded into fusion")
    assert_holds(model, numbered(model) | before)


def test_another_number_of_classes_is_said_in_words(tmp_path):
    torch.save(published(tiny(7)), tmp_path / "seven.pth")
    message = refusal(tiny(5), tmp_path / "seven.pth")
    assert "it was trained for 7 classes, this model has 5" in message


def test_the_file_of_another_model_is_refused_even_in_part(tmp_path):
    torch.save({"encoder.w": torch.zeros(2)}, tmp_path / "other.pth")
    for partial in (False, True):
        message = refusal(tiny(), tmp_path / "other.pth", partial=partial)
        assert "none of its 1 entries" in message
        assert "github.com/cyh-0/CAVP" in message


def test_code_in_a_pickle_is_refused_and_not_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save({"state_dict": Trap()}, tmp_path / "trap.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Trap(), protocol=2))
    for name in ("trap.pth", "bare.pth"):
        assert "mkdir" in refusal(tiny(), tmp_path / name)
    (tmp_path / "modern.pth").write_bytes(pickle.dumps(Trap(), protocol=4))
    refusal(tiny(), tmp_path / "modern.pth")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("suffix", "legacy", "kept"),
    [
        (".pth", True, 0),
        (".pth", True, 0.01),
        (".pth", True, 0.6),
        (".pth", False, 0.01),
        (".pth", False, 0.6),
        (".safetensors", False, 0),
        (".safetensors", False, 0.6),
    ],
)
def test_a_truncated_file_is_refused(tmp_path, suffix, legacy, kept):
    whole, cut = tmp_path / "whole.pth", tmp_path / f"cut{suffix}"
    torch.save(numbered(tiny()), whole, _use_new_zipfile_serialization=not legacy)
    if suffix == ".safetensors":
        convert_to_safetensors(whole, tmp_path / "whole.safetensors")
        whole = tmp_path / "whole.safetensors"
    data = whole.read_bytes()
    cut.write_bytes(data[: int(len(data) * kept)])
    message = refusal(tiny(), cut)
    assert "cut short" in message or "not a whole safetensors file" in message


@pytest.mark.parametrize("content", [3, [1], {"epoch": 3}, {"state_dict": {}}, torch.zeros(2)])
def test_a_file_without_a_state_dict_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "no.pth")
    assert "expected a state dict" in refusal(tiny(), tmp_path / "no.pth")


def test_a_missing_file_says_where_the_official_one_is(tmp_path):
    message = refusal(build_model("tiny", 5), tmp_path / "absent.pth")
    assert "no such file" in message
    assert "github.com/cyh-0/CAVP" in message


def test_conversion_keeps_names_and_values_and_undoes_sharing(tmp_path):
    weight = torch.arange(6.0).view(2, 3)
    torch.save(
        {"state_dict": {"module.a": weight, "module.b": weight, "module.c": weight.T}},
        tmp_path / "shared.pth",
    )
    count = convert_to_safetensors(tmp_path / "shared.pth", tmp_path / "out.safetensors")
    converted = read_state_dict(tmp_path / "out.safetensors")
    assert count == 3
    assert sorted(converted) == ["a", "b", "c"]
    assert torch.equal(converted["c"], weight.T)
    with pytest.raises(InputError, match=r"ends in \.safetensors"):
        convert_to_safetensors(tmp_path / "shared.pth", tmp_path / "out.bin")


def unfolded(text):
    """Undo the folding of `fold_names`, as a shell does with braces."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text + ","):
        depth += (char == "{") - (char == "}")
        if char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return {name for part in parts for name in expanded(part)}


def expanded(part):
    if "{" not in part:
        return [part]
    opening = part.index("{")
    depth, closing = 0, opening
    for closing in range(opening, len(part)):
        depth += (part[closing] == "{") - (part[closing] == "}")
        if depth == 0:
            break
    tails = expanded(part[closing + 1 :])
    inner = unfolded(part[opening + 1 : closing])
    return [part[:opening] + middle + tail for middle in inner for tail in tails]


names = st.lists(st.sampled_from(["a", "b", "0", "1", "10", "w"]), min_size=1, max_size=4)


@given(st.sets(names.map(".".join), max_size=12))
def test_folded_names_unfold_to_the_same_names(listed):
    # A name that is also the beginning of another has no place in a state dict.
    listed = {n for n in listed if not any(other.startswith(f"{n}.") for other in listed)}
    assert unfolded(fold_names(listed)) - {""} == listed


def test_the_first_avsegformer_is_refused_as_another_network(tmp_path):
    variant = Variant(5, 1, None, None, None, None)
    model = small_avsegformer(variant)
    whole = published(model)
    old = {name: v for name, v in whole.items() if not name.startswith("head.query_generator.")}
    assert len(old) < len(whole)
    for name, state in (("released.pth", whole), ("first.pth", old)):
        torch.save(state, tmp_path / name)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for partial in (False, True):
        with pytest.raises(InputError, match=r"no head\.query_generator and is another network"):
            load_weights(model, tmp_path / "first.pth", partial=partial)
    assert_holds(model, before)
    assert load_weights(model, tmp_path / "released.pth").layout == "published"
    assert_holds(model, numbered(model))
