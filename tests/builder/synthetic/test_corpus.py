"""The synthetic corpus is read by the field's own tools and holds what its docstrings promise."""

import csv
import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from PIL import Image
from pycocotools.coco import COCO

from vpo_builder.config import load_config
from vpo_builder.planning.persons import PersonResolver
from vpo_builder.runtime import progress
from vpo_builder.runtime.errors import InputError
from vpo_builder.synthetic import SyntheticCorpus, write_synthetic_corpus
from vpo_builder.synthetic.backdrops import backdrop
from vpo_builder.synthetic.figures import SOUNDING
from vpo_builder.synthetic.layout import Wish, set_down
from vpo_builder.synthetic.ogg import with_serial
from vpo_builder.synthetic.painting import paint
from vpo_builder.synthetic.recordings import LABELS, plan_recordings, render
from vpo_builder.synthetic.scenes import PERSONS, plan_scene
from vpo_builder.synthetic.shapes import clipped
from vpo_builder.synthetic.sounds import Take, Wave
from vpo_builder.synthetic.voices import VOICES, record

IMAGES = 212  # the last of the awkward pictures is number 207
SUBSETS = ("train2017", "val2017")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> SyntheticCorpus:
    folder = tmp_path_factory.mktemp("synthetic")
    return write_synthetic_corpus(folder, images=IMAGES, clips_per_class=2)


@pytest.fixture(scope="session")
def coco(corpus: SyntheticCorpus) -> dict[str, COCO]:
    return {s: COCO(corpus.coco / "annotations" / f"instances_{s}.json") for s in SUBSETS}


def _rows(corpus: SyntheticCorpus) -> list[list[str]]:
    with (corpus.vggsound / "vggsound.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.reader(lines))


def _clips(corpus: SyntheticCorpus) -> dict[str, Path]:
    return {path.name[:11]: path for path in (corpus.vggsound / "audios").iterdir()}


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_another_process_place_and_size_give_the_same_bytes(
    corpus: SyntheticCorpus, tmp_path: Path
) -> None:
    call = "write_synthetic_corpus(Path('here'), images=6, clips_per_class=2)"
    module = "vpo_builder.synthetic"
    script = f"from pathlib import Path; from {module} import *; {call}"
    root = str(Path(__file__).parents[3])
    environment = os.environ | {"PYTHONHASHSEED": "1", "LC_ALL": "C", "PYTHONPATH": root}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True)
    large, small = _hashes(corpus.coco.parent), _hashes(tmp_path / "here")
    assert sum(name.endswith(".jpg") for name in small) == 6
    for name, digest in small.items():
        if not name.endswith(".json"):
            assert large[name] == digest, name


def test_another_seed_gives_other_bytes(tmp_path: Path) -> None:
    for seed in (0, 1):
        write_synthetic_corpus(tmp_path / str(seed), images=2, clips_per_class=2, seed=seed)
    first, second = (
        {digest for name, digest in _hashes(tmp_path / seed).items() if not name.endswith(".json")}
        for seed in "01"
    )
    assert not first & second


def test_a_finished_corpus_is_left_alone_and_another_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "LINE_AFTER_SECONDS", 0.0)
    corpus = write_synthetic_corpus(tmp_path, images=2, clips_per_class=2)
    said = capsys.readouterr().err
    assert "drawing the synthetic pictures: 2, " in said
    assert "making the synthetic recordings: " in said
    (corpus.vggsound / "vggsound.csv").write_text("touched")
    write_synthetic_corpus(tmp_path, images=2, clips_per_class=2)
    assert capsys.readouterr().err == ""
    assert (corpus.vggsound / "vggsound.csv").read_text() == "touched"
    with pytest.raises(InputError, match="other options"):
        write_synthetic_corpus(tmp_path, images=3, clips_per_class=2)


def test_an_interrupted_corpus_is_gone_on_with_and_what_others_put_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("vpo_builder.synthetic.corpus.write_recordings", None)
        with pytest.raises(TypeError):
            write_synthetic_corpus(tmp_path / "new", images=2, clips_per_class=2)
    with pytest.raises(InputError, match="other options"):
        write_synthetic_corpus(tmp_path / "new", images=3, clips_per_class=2)
    write_synthetic_corpus(tmp_path / "new", images=2, clips_per_class=2)
    write_synthetic_corpus(tmp_path / "whole", images=2, clips_per_class=2)
    assert _hashes(tmp_path / "new") == _hashes(tmp_path / "whole")
    foreign = tmp_path / "other" / "coco" / "train2017"
    foreign.mkdir(parents=True)
    (foreign / "000000000001.jpg").write_bytes(b"somebody's")
    with pytest.raises(InputError, match=r"holds 1 file, such as coco/train2017/000000000001\.jpg"):
        write_synthetic_corpus(tmp_path / "other", images=2, clips_per_class=2)
    assert [path.name for path in (tmp_path / "other").rglob("*.*")] == ["000000000001.jpg"]


@pytest.mark.parametrize("bad", [{"images": 0}, {"clips_per_class": 1}, {"seed": -1}])
def test_impossible_numbers_are_refused(tmp_path: Path, bad: dict[str, int]) -> None:
    with pytest.raises(InputError, match="expected images >= 1"):
        write_synthetic_corpus(tmp_path, **bad)  # type: ignore[arg-type]


def test_areas_boxes_and_sizes_agree_with_pycocotools(
    corpus: SyntheticCorpus, coco: dict[str, COCO]
) -> None:
    for subset, tables in coco.items():
        for annotation in tables.anns.values():
            if not annotation["segmentation"]:
                continue
            image = tables.imgs[annotation["image_id"]]
            mask = tables.annToMask(annotation)
            assert mask.shape == (image["height"], image["width"])
            assert mask.sum() == annotation["area"]
            x, y, width, height = annotation["bbox"]
            assert x >= 0
            assert x + width <= image["width"] + 0.01
            assert y >= 0
            assert y + height <= image["height"] + 0.01
        for image in list(tables.imgs.values())[:20]:
            with Image.open(corpus.coco / subset / image["file_name"]) as picture:
                assert picture.size == (image["width"], image["height"])


def test_objects_are_painted_where_they_are_annotated() -> None:
    for figure in SOUNDING.values():
        one = set_down(figure, Wish(0.5), (120, 100), [], np.random.default_rng(3))
        scene = backdrop("room", (120, 100), np.random.default_rng(4))
        empty = paint([], scene, np.random.default_rng(5)).astype(int)
        shown = paint([one], scene, np.random.default_rng(5)).astype(int)
        x0, y0, x1, y1 = (round(side) for side in one.box)
        assert np.abs(shown - empty)[max(y0, 0) : y1, max(x0, 0) : x1].mean() > 5


def test_ids_are_unique_and_categories_are_cocos(coco: dict[str, COCO]) -> None:
    images = [i for tables in coco.values() for i in tables.imgs]
    annotations = [i for tables in coco.values() for i in tables.anns]
    assert len(set(images)) == len(images) == IMAGES
    assert len(set(annotations)) == len(annotations)
    categories = {row["name"]: row["id"] for row in coco["train2017"].cats.values()}
    assert len(categories) == 80
    assert (categories["person"], categories["mouse"], categories["toothbrush"]) == (1, 74, 90)
    assert {row["license"] for tables in coco.values() for row in tables.imgs.values()} == set(
        range(1, 9)
    )


def test_every_class_stands_in_both_subsets_of_the_default_corpus() -> None:
    seen: dict[str, Counter[str]] = {subset: Counter() for subset in SUBSETS}
    for index in range(400):
        scene = plan_scene(0, index)
        names = [item.name for item in scene.items]
        persons = [name for name in names if name in ("male", "female", "baby")]
        usable = scene.awkward is None and len(set(names)) == len(names) and len(persons) < 2
        seen[scene.subset].update(set(names) & set(LABELS) if usable else ())
    assert min(seen["train2017"][name] for name in LABELS) >= 15
    assert min(seen["val2017"][name] for name in LABELS) >= 3


def test_awkward_pictures_are_there(corpus: SyntheticCorpus, coco: dict[str, COCO]) -> None:
    kinds: Counter[str] = Counter()
    for subset, tables in coco.items():
        for annotation in tables.anns.values():
            image = tables.imgs[annotation["image_id"]]
            share = annotation["area"] / (image["width"] * image["height"])
            kinds["crowd"] += annotation["iscrowd"]
            kinds["no area"] += annotation["segmentation"] == [] and share == 0
            kinds["tiny"] += 0 < share < 0.005
        for image in tables.imgs.values():
            rows = tables.imgToAnns[image["id"]]
            counts = Counter(row["category_id"] for row in rows)
            kinds["repeated"] += max(counts.values()) > 1
            kinds["overlap"] += _overlapping(tables, rows)
            kinds[_state(corpus.coco / subset / image["file_name"])] += 1
    wanted = ("crowd", "no area", "tiny", "repeated", "overlap", "missing", "corrupt")
    assert all(kinds[kind] >= 2 for kind in wanted), kinds
    assert kinds["missing"] + kinds["corrupt"] < 0.02 * IMAGES
    assert kinds["repeated"] > 0.1 * IMAGES


def test_captions_are_five_and_some_are_ambiguous(corpus: SyntheticCorpus) -> None:
    texts: dict[int, list[str]] = {}
    for subset in SUBSETS:
        path = corpus.coco / "annotations" / f"captions_{subset}.json"
        for row in json.loads(path.read_bytes())["annotations"]:
            texts.setdefault(row["image_id"], []).append(row["caption"].lower())
    assert len(texts) == IMAGES
    assert {len(five) for five in texts.values()} == {5}
    joined = [" ".join(five) for five in texts.values()]
    for words in (("a man", "a woman"), ("baby elephant",), ("boy",), ("girl",)):
        assert any(all(word in five for word in words) for five in joined), words


def test_captions_say_which_person_was_drawn() -> None:
    resolver = PersonResolver(load_config("default", ()).person)
    right, ambiguous = [], []
    for index in range(400):
        scene = plan_scene(0, index)
        persons = [item.name for item in scene.items if item.name in PERSONS]
        if len(persons) == 1:
            verdict = resolver.resolve(scene.image_id, scene.captions).verdict
            unclear = scene.awkward in ("couple", "child")
            (ambiguous if unclear else right).append(verdict == persons[0])
    assert np.mean(right) > 0.97
    assert len(ambiguous) >= 4
    assert not any(ambiguous)


def test_without_awkwardness_nothing_is_wrong(tmp_path: Path) -> None:
    corpus = write_synthetic_corpus(tmp_path, images=40, clips_per_class=2, awkward=False)
    for subset in SUBSETS:
        tables = COCO(corpus.coco / "annotations" / f"instances_{subset}.json")
        for image in tables.imgs.values():
            rows = tables.imgToAnns[image["id"]]
            assert _state(corpus.coco / subset / image["file_name"]) == "sound"
            assert len({row["category_id"] for row in rows}) == len(rows)
            assert all(row["area"] > 0 and not row["iscrowd"] for row in rows)
    assert len(_rows(corpus)) == len(_clips(corpus)) == 2 * len(LABELS)


def test_clips_have_labels_splits_lengths_and_forms(corpus: SyntheticCorpus) -> None:
    rows, clips = _rows(corpus), _clips(corpus)
    assert all(len(row) == 4 and len(row[0]) == 11 for row in rows)
    assert any(row[0].startswith("-") for row in rows)
    assert any("," in row[2] for row in rows)
    for labels in LABELS.values():
        assert {row[3] for row in rows if row[2] in labels} == {"train", "test"}
    usable = [row[0] for row in rows[: 2 * len(LABELS)]]
    infos = [soundfile.info(clips[youtube_id]) for youtube_id in usable]
    assert all(info.duration == pytest.approx(10.0) for info in infos)
    assert len({info.samplerate for info in infos}) >= 4
    assert {info.channels for info in infos} == {1, 2}
    assert {path.suffix for path in clips.values()} == {".wav", ".flac", ".ogg"}
    assert any(path.stem.count("_") >= 2 and path.stem.endswith("000") for path in clips.values())


def test_more_clips_leave_the_others_as_they_are() -> None:
    few, many = (plan_recordings(clips, 0, awkward=True) for clips in (2, 10))
    assert set(few) <= set(many)
    for name in LABELS:
        splits = Counter(row.split for row in many if row.sound == name and row.fault is None)
        assert splits == {"train": 7, "test": 3}


def test_awkward_clips_are_there(corpus: SyntheticCorpus) -> None:
    clips, kinds = _clips(corpus), Counter[str]()
    for row in plan_recordings(2, 0, awkward=True):
        path = clips.get(row.youtube_id)
        kinds[_fault(path)] += 1
        assert (path is None) == (row.fault == "vanished")
    for kind in ("vanished", "silent", "short", "cut wav", "cut flac", "long"):
        assert kinds[kind] >= 2, kinds


def test_recordings_of_a_class_differ() -> None:
    rows = [row for row in plan_recordings(4, 0, awkward=False) if row.sound == "cow"]
    waves = [render(row, 0) for row in rows]
    assert len(set(waves)) == len(waves)


def test_classes_can_be_told_apart_by_ear() -> None:
    names = sorted(VOICES)
    heard = np.array(
        [[_spectral_summary(record(_take(number), name)) for number in range(9)] for name in names]
    )
    heard = (heard - heard.mean((0, 1))) / heard.std((0, 1))
    centroids = heard[:, :6].mean(1)
    distances = ((heard[:, 6:, None] - centroids) ** 2).sum(-1)
    right = distances.argmin(-1) == np.arange(len(names))[:, None]
    assert right.mean() > 0.85


def test_a_new_serial_leaves_an_ogg_readable() -> None:
    row = next(r for r in plan_recordings(4, 0, awkward=False) if r.form.suffix == "ogg")
    data = render(row, 0)
    assert with_serial(data, 1) == data != with_serial(data, 7)
    assert with_serial(with_serial(data, 7), 1) == data


def test_clipping_keeps_the_region_inside() -> None:
    diamond = np.array([(-1.0, 1.0), (1.0, -1.0), (3.0, 1.0), (1.0, 3.0)])
    x, y = clipped(diamond, 2.0, 2.0).T
    assert x.min() == y.min() == 0.0
    assert x.max() == y.max() == 2.0
    assert abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2 == pytest.approx(4.0)
    assert len(clipped(diamond + 10, 2.0, 2.0)) == 0


def _take(number: int) -> Take:
    rng = np.random.default_rng(number)
    return Take(rng, 16_000, 3.0, *(float(x) for x in np.exp(rng.normal(0.0, 0.07, size=2))))


def _spectral_summary(wave: Wave) -> npt.NDArray[np.float64]:
    """Return what a listener without memory has: levels by pitch, and how they beat."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, 512)[::160] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames)) ** 2
    bands = np.geomspace(4, 122, 25).astype(int)  # 125 to 3800 Hz
    levels = np.log10(np.add.reduceat(power, bands, axis=1)[:, :-1] + 1e-3)
    beat = np.abs(np.fft.rfft(levels.mean(1) - levels.mean()))[1:50]
    spread = np.quantile(levels, (0.1, 0.5, 0.9), axis=0).ravel()
    flux = np.abs(np.diff(levels, axis=0)).mean(0)
    return np.concatenate([levels.mean(0), spread, flux, 0.3 * np.log10(beat + 0.1)])


def _overlapping(tables: COCO, rows: list[dict[str, object]]) -> bool:
    masks = [tables.annToMask(row) for row in rows if row["segmentation"]]
    return any(
        (a & b).sum() > 0.3 * min(a.sum(), b.sum()) for i, a in enumerate(masks) for b in masks[:i]
    )


def _state(path: Path) -> str:
    if not path.exists():
        return "missing"
    try:
        with Image.open(path) as picture:
            picture.load()
    except OSError:
        return "corrupt"
    return "sound"


def _fault(path: Path | None) -> str:
    if path is None:
        return "vanished"
    try:
        wave, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError:
        return f"cut {path.suffix[1:]}"
    promised = 10.0 if path.suffix == ".flac" else _promised_seconds(path)
    if len(wave) / rate < promised - 0.01:
        return f"cut {path.suffix[1:]}"
    if np.sqrt(np.mean(wave**2)) < 1e-3:
        return "silent"
    if len(wave) > 11 * rate:
        return "long"
    return "short" if len(wave) < rate else "usable"


def _promised_seconds(path: Path) -> float:
    """Return the length that a wav's data chunk announces."""
    if path.suffix != ".wav":
        return 0.0
    head = path.read_bytes()[:64]
    at = head.index(b"data")
    rate_of_bytes = int.from_bytes(head[28:32], "little")
    return int.from_bytes(head[at + 4 : at + 8], "little") / rate_of_bytes
