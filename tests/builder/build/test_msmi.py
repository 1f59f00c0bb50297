import contextlib
import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from tests.builder.building import build_from, run_build, source_options
from tests.builder.small_corpus import farm
from tests.shared_material import CORPUS, needs_corpus
from vpo_builder.dataset.instances import (
    INSTANCES,
    decode_instances,
    decode_silent,
    draw_outline,
    pan_of,
)
from vpo_builder.dataset.manifest import MANIFEST, META, Manifest, read_manifest
from vpo_builder.rendering.mix import centre_tiled, mix
from vpo_builder.verify.verify import verify


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small corpus that no test changes."""
    return farm(tmp_path_factory.mktemp("farm")).folder


@pytest.fixture(scope="module")
def msmi(farm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Return a VPO-MSMI with its mixes on disk."""
    out = tmp_path_factory.mktemp("out")
    report = build_from(farm_folder, out, "msmi", ("audio.render=stereo",))
    return read_manifest(report.folder)


def test_msmi_is_ms_and_the_images_with_repeated_instances(msmi: Manifest) -> None:
    ms = read_manifest(msmi.folder.parent / "VPO-MS")
    own = [sample for sample in msmi.samples if not sample.image.startswith("../")]
    shared = [sample for sample in msmi.samples if sample.image.startswith("../VPO-MS/")]
    assert own
    assert [sample.sample_id for sample in shared] == [sample.sample_id for sample in ms.samples]
    for mine, theirs in zip(shared, ms.samples, strict=True):
        assert (mine.sources, mine.subset) == (theirs.sources, theirs.subset)
    for sample in own:
        assert len({source.category for source in sample.sources}) == 1
        assert len({source.clip_id for source in sample.sources}) == len(sample.sources)
    assert not verify(msmi.folder).faults


def test_each_source_keeps_the_outline_that_coco_draws(msmi: Manifest, farm_folder: Path) -> None:
    outlines = decode_instances((msmi.folder / INSTANCES).read_bytes())
    wanted = [(s.sample_id, source.ann_id) for s in msmi.samples for source in s.sources]
    assert list(outlines) == wanted
    seen = set()
    for path in (farm_folder / "coco" / "annotations").glob("instances_*.json"):
        coco = COCO(str(path))
        for sample in msmi.samples:
            for source in sample.sources:
                if source.ann_id in coco.anns:
                    code = {
                        "size": [sample.height, sample.width],
                        "counts": outlines[sample.sample_id, source.ann_id].encode(),
                    }
                    drawn = coco.annToMask(coco.anns[source.ann_id])
                    assert np.array_equal(coco_mask.decode(code), drawn)
                    seen.add((sample.sample_id, source.ann_id))
    assert seen == set(wanted)
    assert not (msmi.folder.parent / "VPO-MS" / INSTANCES).exists()


def outlines_as_drawn_by_coco(manifest: Manifest, coco: Path) -> tuple[int, int]:
    """Hold every outline against `annToMask`; return how many sources and twins there are."""
    data = (manifest.folder / INSTANCES).read_bytes()
    sources, silent = decode_instances(data), decode_silent(data)
    lists = [COCO(str(path)) for path in (coco / "annotations").glob("instances_*.json")]
    of_coco = {number: (one, row) for one in lists for number, row in one.anns.items()}
    for sample in manifest.samples:
        twins = silent.get(sample.sample_id, ())
        known = {
            source.ann_id: sources[sample.sample_id, source.ann_id] for source in sample.sources
        }
        for ann_id, counts in [*known.items(), *((twin.ann_id, twin.counts) for twin in twins)]:
            one, row = of_coco[ann_id]
            assert row["image_id"] == sample.image_id
            drawn = draw_outline(counts, sample.height, sample.width)
            assert np.array_equal(drawn, one.annToMask(row).astype(bool))
        for source in sample.sources:
            assert pan_of(known[source.ann_id], sample.height, sample.width) == source.pan
        heard = {source.category for source in sample.sources}
        unheard = sorted(name for name in sample.silent if name in heard)
        assert sorted(str(twin.silent) for twin in twins) == unheard
        assert not known.keys() & {twin.ann_id for twin in twins}
    return len(sources), sum(map(len, silent.values()))


def test_silent_twins_keep_their_outlines_too(msmi: Manifest, farm_folder: Path) -> None:
    _, twins = outlines_as_drawn_by_coco(msmi, farm_folder / "coco")
    assert twins >= 3


@needs_corpus
def test_on_real_pictures_the_outlines_are_those_of_coco(tmp_path: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        folder = build_from(CORPUS, tmp_path, "msmi").folder
        sources, twins = outlines_as_drawn_by_coco(read_manifest(folder), CORPUS / "coco")
    assert sources > 20
    assert twins > 5
    assert not verify(folder).faults


def test_a_build_from_the_manifest_has_the_same_outlines(
    msmi: Manifest, farm_folder: Path, tmp_path: Path
) -> None:
    for name in (MANIFEST, META):
        (tmp_path / name).write_bytes((msmi.folder / name).read_bytes())
    out = tmp_path / "again"
    given = ("--from-manifest", tmp_path / MANIFEST, "--out", out, *source_options(farm_folder))
    result = run_build(*given)
    assert result.exit_code == 0, result.output
    again = out / "VPO" / "VPO-MSMI" / INSTANCES
    assert again.read_bytes() == (msmi.folder / INSTANCES).read_bytes()


def test_the_published_loader_finds_the_files_of_both_folders(msmi: Manifest) -> None:
    with (msmi.folder / "vpo_msmi_data_stereo.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    counts = Counter(row["multi_instance"] for row in rows)
    assert set(counts) == {"0", "1"}
    for row in rows:
        home = "VPO-MSMI" if row["multi_instance"] == "1" else "VPO-MS"
        name = f"{int(row['img_Id']):012d}"
        with Image.open(msmi.folder.parent / home / "mask" / f"{name}.png") as mask:
            assert int(row["cateId"]) in np.unique(np.asarray(mask))
        assert (msmi.folder.parent / home / "data" / f"{name}.jpg").exists()


def test_the_energies_of_the_two_channels_follow_the_pan(msmi: Manifest) -> None:
    alone = [sample for sample in msmi.samples if len(sample.sources) == 1]
    assert alone
    for sample in alone:
        stereo, _ = soundfile.read(msmi.folder / "mix" / f"{sample.sample_id}.wav")
        left, right = np.square(stereo).sum(axis=0)
        pan = sample.sources[0].pan
        assert right / (left + right) == pytest.approx(pan**2 / (pan**2 + (1 - pan) ** 2), rel=0.01)


def test_swapping_the_channels_is_flipping_the_image(msmi: Manifest) -> None:
    for sample in msmi.samples:
        stereo, _ = soundfile.read(msmi.folder / "mix" / f"{sample.sample_id}.wav", dtype="float32")
        clips = [
            soundfile.read(msmi.clip_path(s.clip_id), dtype="float32")[0] for s in sample.sources
        ]
        flipped = mix([centre_tiled(x, 48_000) for x in clips], [1 - s.pan for s in sample.sources])
        assert stereo.shape == (48_000, 2)
        assert np.allclose(stereo[:, ::-1], flipped, atol=1e-6)


def test_a_mix_is_the_centre_and_a_short_clip_is_tiled() -> None:
    long = np.arange(100, dtype=np.float32)
    assert centre_tiled(long, 10).tolist() == list(range(45, 55))
    assert centre_tiled(long[:4], 10).tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]


def test_the_pans_of_repeated_instances_tell_them_apart(msmi: Manifest) -> None:
    for sample in msmi.samples:
        pans = [source.pan for source in sample.sources]
        assert len(set(pans)) == len(pans)
