"""Instances by ear through the commands' own path: oracles that see, hear sides, or neither."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

from avs_bench.checkpoints.choice import ModelChoice
from avs_bench.checkpoints.opening import open_model
from avs_bench.data.class_map import read_class_map
from avs_bench.data.example import AVSDataset, Example
from avs_bench.data.vpo import read_vpo
from avs_bench.metrics import accuracy_instances, ap50_instances, kept_instances
from avs_bench.probes import ProbeCounts, chosen_probes
from avs_bench.report.models import models_of
from avs_bench.report.pan_table import pan_tables
from avs_bench.report.runs import run_of
from avs_bench.results.faults import faults
from avs_bench.results.files import read_results
from avs_bench.results.items import encoded
from avs_bench.results.records import ProbedSet, Result, ScoredSet
from avs_bench.scoring.by_ear import EarScorer
from avs_bench.scoring.score import Questions, score
from avs_bench.scoring.scorers import Answer
from tests.builder.dataset_by_hand import Picture, finish, mask_png, write_dataset
from tests.markdown_pages import blocks_of, commands_of, run_command
from vpo_builder.dataset.instances import INSTANCES, Instance, draw_outline
from vpo_builder.dataset.manifest import encode_lines, read_manifest
from vpo_builder.runtime.errors import InputError

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "instances.md"
CLIP = "ggggggggggg_000070"
LEFT, RIGHT = (8, 40), (56, 88)
HEIGHT, WIDTH, CAT = 64, 96, 2
PROBES = ("toward-twin", "swap-channels")
Ears = Callable[[Example, bool], int]
"""From an example as it is heard, and whether left is heard as right, to a place in its objects."""


def outline(columns: tuple[int, int]) -> str:
    pixels = np.zeros((HEIGHT, WIDTH), np.uint8, order="F")
    pixels[16:48, slice(*columns)] = 1
    return str(coco_mask.encode(pixels)["counts"].decode())


@pytest.fixture(scope="module")
def msmi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VPO-MSMI of four pictures with two cats: the left sounds in two of them, then the right."""
    pictures = [Picture(n, "test", (("cat", CLIP),), ("cat", "bus")) for n in range(1, 5)]
    folder = write_dataset(tmp_path_factory.mktemp("data"), pictures, "msmi")
    samples, rows = [], []
    for place, sample in enumerate(read_manifest(folder).samples):
        columns, others = (LEFT, RIGHT) if place < 2 else (RIGHT, LEFT)
        source = replace(sample.sources[0], pan=round(sum(columns) / 2 / WIDTH, 6))
        samples.append(replace(sample, sources=(source,)))
        box = (17, (columns[0], 16, columns[1], 48))
        (folder / sample.mask).write_bytes(mask_png([box], (WIDTH, HEIGHT)))
        rows.append(Instance(sample.sample_id, source.ann_id, outline(columns)))
        rows.append(Instance(sample.sample_id, 9000 + place, outline(others), "cat"))
    (folder / INSTANCES).write_bytes(encode_lines(rows))
    finish(folder, "msmi", samples)
    return folder


@pytest.fixture(scope="module")
def dataset(msmi: Path) -> AVSDataset:
    return read_vpo(msmi)


def perfect(heard: Example, mirrored: bool) -> int:
    (source,) = heard.sources
    pan = 1 - source.pan if mirrored else source.pan
    return int(np.argmin([abs(one.pan - pan) for one in heard.objects]))


def wrong_side(heard: Example, mirrored: bool) -> int:
    return perfect(heard, not mirrored)


def deaf(heard: Example, _: bool) -> int:
    return int(np.argmin([one.pan for one in heard.objects]))


def mono(heard: Example, mirrored: bool) -> int:
    """Finds what sounds by the picture's label alone, as if it had learnt the test by heart."""
    return [one.sounds for one in heard.objects].index(True)


def answer(heard: Example, place: int) -> NDArray[np.uint8]:
    drawn = draw_outline(heard.objects[place].counts, HEIGHT, WIDTH)
    return np.where(drawn, CAT, 0).astype(np.uint8)


def scored(dataset: AVSDataset, ears: Ears) -> tuple[ScoredSet, dict[str, ProbedSet]]:
    """Return what an oracle scores with the right sound, and under each probe."""
    examples, classes = dataset.subsets["test"], len(dataset.classes)
    scorer, target = EarScorer(classes, examples), np.zeros((HEIGHT, WIDTH), np.uint8)
    for example in examples:
        pred = answer(example, ears(example, False))
        scorer.add(Answer(example, pred, target, lambda pred=pred: (pred > 0).astype(np.float32)))
    sets = []
    for probe in chosen_probes(PROBES):
        counts = ProbeCounts(probe, examples, classes, 0, scorer.told_by(probe))
        for example_id, heard in counts.asked.items():
            counts.add(example_id, answer(heard, ears(heard, probe.mirrors)), target)
        sets.append(counts.scores())
    (own,) = scorer.sets()
    return own, {one.probe: one for one in scorer.probed(sets)}


def kept(probed: dict[str, ProbedSet]) -> list[float]:
    """Return the share that keeps the sound's own object, from near it to its twin."""
    sets = [probed[f"toward-twin@{level}"].instances for level in range(1, 6)]
    return [float(kept_instances(one.overall)) for one in sets if one]


@pytest.mark.parametrize(
    ("ears", "accuracy", "curve", "nearest", "swapped"),
    [
        (perfect, 1, [1, 1, 0, 0, 0], [1] * 5, 1),
        (deaf, 0.5, [0.5] * 5, [0.5] * 5, 0.5),
        (wrong_side, 0, [0, 0, 1, 1, 1], [0] * 5, 0),
        (mono, 1, [1] * 5, [1, 1, 0, 0, 0], 0),
    ],
)
def test_oracles_give_a_step_at_the_half_or_a_flat_curve(
    dataset: AVSDataset,
    ears: Ears,
    accuracy: float,
    curve: Sequence[float],
    nearest: Sequence[float],
    swapped: float,
) -> None:
    own, probed = scored(dataset, ears)
    assert float(accuracy_instances(own.overall)) == accuracy
    assert float(ap50_instances(own.overall)) >= accuracy / 4
    assert kept(probed) == curve
    right = [probed[f"toward-twin@{n}"].instances for n in range(1, 6)]
    assert [float(accuracy_instances(one.overall)) for one in right if one] == nearest
    swap = probed["swap-channels"].instances
    assert swap is not None
    assert float(accuracy_instances(swap.overall)) == swapped
    exchanged = 1 - float(kept_instances(swap.overall))
    assert exchanged == {perfect: 1, deaf: 0.5, wrong_side: 0, mono: 0}[ears]


def test_a_probe_without_sides_asks_for_no_instance(dataset: AVSDataset) -> None:
    scorer = EarScorer(len(dataset.classes), dataset.subsets["test"])
    assert scorer.told_by(chosen_probes(["silence"])[0]) is None


def test_a_dataset_without_outlines_has_no_set(folder: Path) -> None:
    examples = read_vpo(folder).subsets["test"]
    scorer = EarScorer(7, examples)
    assert all(not example.objects for example in examples)
    assert scorer.told_by(chosen_probes(["swap-channels"])[0]) is None
    assert scorer.sets() == ()


def test_the_groups_say_how_far_apart_the_two_are(dataset: AVSDataset) -> None:
    own, _ = scored(dataset, perfect)
    assert {name for item in own.items for name in item.groups["apart"]} == {"above 0.3"}


def test_other_class_tables_have_no_instances(dataset: AVSDataset) -> None:
    mapped = read_class_map("foreground", ("background", "cat"), dataset.classes)
    assert mapped is not None
    assert all(not one.objects for one in mapped.applied(dataset).examples)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"counts": outline(LEFT)[:-1]}, "annotation 9000 of sample 000000000001: "),
        ({"silent": "dog"}, "class 'dog' is not silent there"),
        ({"ann_id": 100}, "annotation 100 of sample '000000000001': 2 outlines"),
    ],
)
def test_outlines_of_anybody_are_checked_before_they_are_drawn(
    msmi: Path, tmp_path: Path, change: dict[str, str], said: str
) -> None:
    first = Instance("000000000001", 100, outline(LEFT))
    second = Instance("000000000001", 9000, outline(RIGHT), "cat")
    for path in ("manifest.jsonl", "manifest.meta.json"):
        (tmp_path / path).write_bytes((msmi / path).read_bytes())
    (tmp_path / INSTANCES).write_bytes(encode_lines([first, replace(second, **change)]))
    with pytest.raises(InputError) as caught:
        read_vpo(tmp_path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_guide_s_commands_score_another_program_s_maps_and_print_the_curve(
    msmi: Path, dataset: AVSDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(msmi.parents[1])
    (shell,) = [block for block in blocks_of(GUIDE.read_text()) if block.language == "sh"]
    _eval, write_sounds, score_answers = commands_of(shell)
    written = run_command(write_sounds, {})
    assert "toward-twin@5: 4 sounds" in written
    asked = [("right-sound", list(dataset.subsets["test"]), False)]
    asked += [
        (probe.name, list(probe.hear(dataset.subsets["test"], 0)), probe.mirrors)
        for probe in chosen_probes(PROBES)
    ]
    for name, examples, mirrored in asked:
        (tmp_path / "answers" / name).mkdir(parents=True)
        for heard in examples:
            pixels = Image.fromarray(answer(heard, perfect(heard, mirrored)))
            pixels.save(tmp_path / "answers" / name / f"{heard.example_id}.png")
    said = run_command(score_answers, {})
    assert "VPO-MSMI, test, instances by ear" in said
    assert "VPO-MSMI, test, instances as the sound moves" in said
    (result,) = read_results(tmp_path / "answers-scores")
    own, probed = scored(dataset, perfect)
    assert next(one for one in result.sets if one.family == "instances") == own
    for one in result.probes:
        assert one.instances == probed[one.probe].instances
    (table,) = pan_tables(models_of([run_of("mine", tmp_path, (result,))]))
    assert [row.words[1] for row in table.rows] == [
        *("its own place", *(f"toward-twin@{n}" for n in range(1, 6)), "swap-channels"),
    ]
    kept_shares = [number.value for row in table.rows if (number := row.numbers[0])]
    assert kept_shares == [1, 1, 1, 0, 0, 0, 0]
    _, probes = said.split("VPO-MSMI, test, probes")
    assert "toward-twin" not in probes.split("instances as the sound moves")[0]
    assert not list(faults(as_before(result)))


def as_before(result: Result) -> Result:
    """Return a result as versions before instances wrote it, read again."""
    tree = msgspec.json.decode(encoded(result))
    tree["sets"] = [one for one in tree["sets"] if one["family"] != "instances"]
    for probed in tree["probes"]:
        del probed["instances"]
    return msgspec.convert(tree, Result)


@pytest.mark.parametrize(
    ("counts", "fault"),
    [
        ((0, 8, 3, 1), "do not fit each other"),  # more questions than classes
        ((0, 1, 1, 2**41), "do not fit each other"),  # more right than asked
        ((4 + CAT, 1, 11 + CAT * 21, 101), "do not fit each other"),
    ],
)
def test_counts_that_no_picture_gives_are_refused(
    dataset: AVSDataset, counts: tuple[int, ...], fault: str
) -> None:
    own, _ = scored(dataset, perfect)
    edited = replace(own.items[0], counts=counts)
    kept_set = replace(own, items=(edited, *own.items[1:]))
    blank = Result(
        *("m", {}, "c", 0, "0" * 64, "", "", dataset.name, "0" * 64, True, "test"),
        *(dataset.classes, "", {}),
        sets=(replace(own, family="frame", items=()), kept_set),
    )
    assert any(fault in line for line in faults(blank))


def test_the_stereo_preset_of_cavp_is_scored_by_ear(
    dataset: AVSDataset,
) -> None:
    small = ("image.long_side=48", "loader.workers=0", "loader.cache_mib=1")
    choice = ModelChoice(preset="cavp-deeplabv3plus-r50-stereo", overrides=small, classes=7)
    torch.manual_seed(0)
    opened = open_model(choice, torch.device("cpu"), dataset.name)
    result = score(opened, dataset, "test", Questions(probes=("swap-channels", "toward-twin@5")))
    assert opened.settings.audio.channels == 2
    (own,) = [one for one in result.sets if one.family == "instances"]
    assert own.overall.questions == 4
    for probed in result.probes:
        assert probed.instances is not None
        assert probed.instances.overall.questions == 4
    assert not list(faults(result))


def test_a_sound_moves_to_the_nearest_of_several_twins(dataset: AVSDataset) -> None:
    example = dataset.subsets["test"][0]
    sounding, twin = example.objects
    three = (replace(sounding, pan=0.5), replace(twin, pan=0.1), replace(twin, pan=0.8))
    source = replace(example.sources[0], pan=0.5)
    bus = replace(source, class_index=1, pan=0.3)
    crowded = replace(example, objects=three, sources=(source, bus))
    alone = replace(example, objects=three[:1])
    pans = []
    for probe in chosen_probes(["toward-twin"]):
        (heard,) = probe.hear([crowded, alone], 0)
        pans.append([round(one.pan, 6) for one in heard.sources])
    assert pans == [[0.56, 0.3], [0.62, 0.3], [0.68, 0.3], [0.74, 0.3], [0.8, 0.3]]
