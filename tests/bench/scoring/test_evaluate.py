from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from avs_bench.data.holdout import with_unseen_groups
from avs_bench.data.loader import plain_batches
from avs_bench.metrics import FrameScores, VideoScores
from avs_bench.models import AVSOutput, build_model
from avs_bench.models.inference import answer, object_logits, predicted_classes, segment
from avs_bench.probes import PROBES
from avs_bench.probes.scores import ProbeScorer, score_probe
from avs_bench.scoring.evaluate import evaluate
from avs_bench.scoring.scorers import groups_of
from vpo_builder.runtime import progress
from vpo_builder.runtime.errors import InputError

CPU = torch.device("cpu")


def batched(settings, size):
    return replace(settings, evaluation=replace(settings.evaluation, batch_size=size))


@pytest.mark.parametrize(("precision", "made"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_scoring_computes_in_a_precision_of_its_own_and_lays_maps_out(
    model, dataset, settings, precision, made
):
    seen = []
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    keep = layers[0].register_forward_hook(lambda _m, given, out: seen.append((given[0], out)))
    own = replace(settings.evaluation, precision=precision, channels_last=precision == "bf16")
    weights = [parameter.clone() for parameter in model.parameters()]
    (scores,) = evaluate(model, dataset, "test", replace(settings, evaluation=own), CPU)
    keep.remove()
    assert {out.dtype for _, out in seen} == {made}
    channels_last = [x.is_contiguous(memory_format=torch.channels_last) for x, _ in seen]
    assert channels_last == [precision == "bf16"] * len(seen)
    assert len(scores.items) == 3
    assert all(map(torch.equal, weights, model.parameters()))


def test_scores_do_not_depend_on_the_batch_and_cover_every_group(model, dataset, settings):
    one, all_at_once = (
        evaluate(model, dataset, "test", batched(settings, size), CPU)[0] for size in (1, 8)
    )
    assert one == all_at_once
    assert one.overall.pixels == 3 * 96 * 64  # at the masks' own size, none ignored
    parts = one.groups()
    heard = parts["listening", "some-silent"], parts["listening", "all-sound"]
    assert heard[0].overall + heard[1].overall == one.overall
    assert len(parts["sources", "1"].items) == len(parts["size", "large"].items) == 3


def test_progress_is_told_under_a_label_and_without_one_nothing(
    model, dataset, settings, capsys, monkeypatch
):
    monkeypatch.setattr(progress, "LINE_AFTER_SECONDS", 0.0)
    evaluate(model, dataset, "test", settings, CPU)
    assert capsys.readouterr().err == ""
    evaluate(model, dataset, "test", batched(settings, 2), CPU, label="VPO-SS test")
    *first, last = capsys.readouterr().err.splitlines()
    assert last.startswith("VPO-SS test: 3, ")
    assert first[0].startswith("VPO-SS test: 1/3, ")


def test_families_are_scored_from_the_same_answers(model, dataset, settings):
    sets = evaluate(model, dataset, "test", settings, CPU, families=("frame", "video", "dataset"))
    assert [kept.family for kept in sets] == ["dataset", "frame", "video"]
    records, videos = {}, {}
    for batch in plain_batches(dataset, dataset.subsets["test"], settings):
        logits = segment(model, batch, CPU)
        for row, example in enumerate(batch.examples):
            target = batch.targets[row]
            pred = predicted_classes(logits)[row]
            records[example.example_id] = FrameScores.of(pred, target, len(dataset.classes))
            objects = object_logits(logits)[row]
            videos[example.unit] = VideoScores.of(objects[None], (target > 0)[None])
    assert {item.item_id: sets[1].record(item) for item in sets[1].items} == records
    assert sets[2].by_unit() == videos


def test_the_frames_of_a_video_are_scored_together(model, dataset, settings):
    frames = tuple(replace(e, picture_id="video") for e in dataset.subsets["test"])
    video = replace(dataset, subsets={**dataset.subsets, "test": frames}, family="video")
    (scores,) = evaluate(model, video, "test", batched(settings, 2), CPU)
    assert [item.item_id for item in scores.items] == ["video"]
    assert (scores.overall.videos, scores.overall.frames) == (1, 3)
    assert scores.items[0].groups["listening"] == ("all-sound", "some-silent")


def test_ignored_pixels_are_no_object_of_a_video(dataset, settings):
    class Everything(nn.Module):
        def forward(self, images, spectrograms):
            return AVSOutput(torch.ones(len(images), 1, *images.shape[-2:]))

    ignoring = replace(dataset, mask_lookup=np.where(dataset.mask_lookup, 255, 0).astype(np.uint8))
    (scores,) = evaluate(Everything(), replace(ignoring, family="video"), "test", settings, CPU)
    assert scores.overall.frames_with_object == 0


class TestProbes:
    def test_are_answered_as_by_themselves_though_pictures_are_seen_once(
        self, model, dataset, settings
    ):
        examples, classes = dataset.subsets["test"], len(dataset.classes)
        scorers = [
            ProbeScorer(PROBES[name], examples, classes, settings.audio, seed=3)
            for name in ("silence", "noise", "off-screen")
        ]
        seen = []
        model.backbone.register_forward_hook(lambda _, inputs, output: seen.append(inputs[0]))
        (own,) = evaluate(model, dataset, "test", batched(settings, 2), CPU, probes=scorers)
        assert sum(map(len, seen)) == len(examples)

        assert own == evaluate(model, dataset, "test", batched(settings, 2), CPU)[0]
        for scorer in scorers:
            answered = scorer.scores()
            alone = score_probe(
                PROBES[answered.probe],
                dataset,
                "test",
                batched(settings, 1),
                lambda batch: predicted_classes(segment(model, batch, CPU)),
                seed=3,
            )
            assert answered == alone
            assert len(answered.answer.items) == len(examples)

    def test_a_batch_in_which_none_is_asked_is_not_heard_again(self, dataset, settings):
        heard = []

        class Nothing(nn.Module):
            def forward(self, images, spectrograms):
                heard.append(len(images))
                return AVSOutput(torch.zeros(len(images), 1, *images.shape[-2:]))

        examples = dataset.subsets["test"]
        silence = PROBES["silence"]
        asked = ProbeScorer(silence, examples[:1], len(dataset.classes), settings.audio)
        evaluate(Nothing(), dataset, "test", batched(settings, 1), CPU, probes=[asked])
        assert heard == [1] * (len(examples) + 1)
        assert len(asked.scores().answer.items) == 1


class TestUnseenClasses:
    def test_say_in_which_groups_an_example_is(self, dataset):
        target = torch.zeros(4, 4, dtype=torch.long)
        (index,) = dataset.subsets["test"][0].heard
        for unseen, names in (((index,), {"unseen"}), ((index + 1,), {"seen"})):
            marked = with_unseen_groups(dataset, unseen).subsets["test"][0]
            assert groups_of([marked], target)["classes"] == names
        assert with_unseen_groups(dataset, ()) is dataset


class TestInference:
    def test_object_logits_are_those_of_all_but_background(self):
        logits = torch.randn(2, 5, 3, 3)
        expected = 1 - logits.softmax(dim=1)[:, 0]
        assert torch.allclose(object_logits(logits).sigmoid(), expected, atol=1e-6)
        assert torch.equal(object_logits(logits[:, :1]), logits[:, 0])

    def test_a_binary_model_s_object_is_class_one(self):
        logits = torch.tensor([[[[-1.0, 0.0, 0.5]]]])
        assert predicted_classes(logits).tolist() == [[[0, 0, 1]]]

    def test_a_tpavi_model_hears_examples_and_takes_any_size(self):
        tpavi = build_model("tpavi-r50", 3).eval()
        images = torch.zeros(1, 3, 40, 70, dtype=torch.uint8)
        output = answer(tpavi, images, torch.zeros(1, 1, 48_000), None)
        assert output.logits.shape == (1, 3, 40, 70)


def test_an_empty_subset_is_one_line(model, dataset, settings):
    empty = replace(dataset, subsets=dataset.subsets | {"test": ()})
    with pytest.raises(InputError, match="test subset is empty"):
        evaluate(model, empty, "test", settings, CPU)


def test_logits_that_are_no_numbers_name_the_example(model, dataset, settings):
    for parameter in model.head.parameters():
        parameter.data.fill_(float("nan"))
    first = min(example.example_id for example in dataset.subsets["test"])
    with pytest.raises(InputError, match=f"example {first}: the model's logits are not numbers"):
        evaluate(model, dataset, "test", settings, CPU)
