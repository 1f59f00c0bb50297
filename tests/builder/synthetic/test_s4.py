"""The embedded S4 tree: seeded, in the published layout, and enough to build Single+ from."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.builder.building_single_plus import FOLDER, contents, rejections, run_single_plus
from tests.builder.single_plus_loader import CLASSES, load
from vpo_builder.dataset.avsbench_trees import Tree, find_trees
from vpo_builder.dataset.manifest import read_manifest
from vpo_builder.runtime.errors import InputError
from vpo_builder.statistics.avsbench import count_tree
from vpo_builder.synthetic import write_synthetic_s4
from vpo_builder.verify.verify import verify

ONE_EACH = ("--set", "synthetic.videos_per_category=1", "--set", "limits.max_missing_fraction=0.2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic_s4(tmp_path_factory.mktemp("s4"), videos_per_category=1)


@pytest.fixture(scope="module")
def tree(folder: Path) -> Tree:
    (tree,) = find_trees(folder)
    return tree


def test_it_is_an_s4_tree_that_lacks_one_video(tree: Tree) -> None:
    statistics = count_tree(tree)
    assert (tree.part, statistics.total.videos) == ("S4", 10)
    assert len(statistics.lacking) == 1


def test_files_are_as_published(tree: Tree) -> None:
    present = [video for video in tree.videos if video.audio.is_file()]
    for video in present:
        sound = soundfile.info(video.audio)
        assert (sound.samplerate, sound.channels, sound.subtype) == (16_000, 2, "PCM_16")
        assert 4.9 < sound.duration <= 5.0
        with Image.open(video.images[0]) as frame, Image.open(video.masks[0]) as mask:
            assert (frame.mode, frame.size, mask.mode) == ("RGB", (224, 224), "L")
            assert set(np.unique(mask)) == {0, 255}


def test_the_figure_moves_and_its_picture_stays(tree: Tree) -> None:
    video = next(video for video in tree.videos if video.audio.is_file())
    first, last = (np.asarray(Image.open(video.images[n]), np.float32) for n in (0, 4))
    mask = np.asarray(Image.open(video.masks[0])) > 0
    changed = np.abs(first - last).mean(axis=2) > 20
    assert changed.any()
    assert changed.mean() < 3 * mask.mean(), "the backdrop is the same"


def test_the_same_options_give_the_same_bytes_and_more_videos_begin_alike(
    folder: Path, tmp_path: Path
) -> None:
    first = contents(folder)
    assert contents(write_synthetic_s4(tmp_path / "again", videos_per_category=1)) == first
    write_synthetic_s4(folder, videos_per_category=1)
    assert contents(folder) == first
    other = contents(write_synthetic_s4(tmp_path / "other", videos_per_category=1, seed=1))
    assert not first.keys() & other.keys() - {"s4_meta_data.csv", "synthetic.json"}


def test_another_tree_is_not_written_over_this_one(folder: Path) -> None:
    with pytest.raises(InputError, match="holds a synthetic corpus of other options"):
        write_synthetic_s4(folder, videos_per_category=2)
    with pytest.raises(InputError, match="expected videos_per_category >= 1"):
        write_synthetic_s4(folder, videos_per_category=0)


def test_the_command_builds_from_it_and_says_so(tmp_path: Path) -> None:
    result = run_single_plus("--out", tmp_path, *ONE_EACH)
    assert result.exit_code == 0, result.stderr
    assert "SYNTHETIC" in result.stdout.splitlines()[0]
    assert "--avsbench DIR" in result.stdout.splitlines()[0]
    assert list(rejections(tmp_path).values()) == ["video_missing"]
    samples = load(tmp_path)
    assert len(samples) == 9
    for sample in samples:
        index = CLASSES.index(sample.classes[0])
        assert set(np.unique(sample.label)) == {0, index}
        assert np.abs(sample.sound.astype(np.int32)).max() > 100
    assert verify(tmp_path / FOLDER, decode=True).faults == ()
    assert read_manifest(tmp_path / FOLDER).meta.synthetic
