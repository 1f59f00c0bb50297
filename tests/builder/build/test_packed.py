"""VGGSound in packed shards alone: each is read once, in order, and what it does is safe."""

import gzip
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builder.begun_again import begun_again
from tests.builder.building import build_from, run_build, source_options
from tests.builder.small_corpus import farm
from vpo_builder.dataset.manifest import META, read_manifest
from vpo_builder.dataset.places import AUDIO_FOLDER
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources import packed
from vpo_builder.sources.packed import packed_files

HOME = "scratch/shared/beegfs/hchen/train_data/VGGSound_final/video"


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of which one clip is gone and one is silent."""
    corpus = farm(tmp_path_factory.mktemp("farm"))
    audios = sorted((corpus.folder / "vggsound" / "audios").iterdir())
    audios[0].unlink()
    audios[1].write_bytes(b"no sound")
    return corpus.folder


@pytest.fixture(scope="module")
def whole(farm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return (build_from(farm_folder, tmp_path_factory.mktemp("whole")).folder / META).read_bytes()


@pytest.fixture
def sources(farm_folder: Path, tmp_path: Path) -> Path:
    """The corpus with its recordings in three packed shards."""
    (tmp_path / "coco").symlink_to(farm_folder / "coco")
    vggsound = tmp_path / "vggsound"
    (vggsound / "data").mkdir(parents=True)
    shutil.copy(farm_folder / "vggsound" / "vggsound.csv", vggsound / "data")
    files = sorted((farm_folder / "vggsound" / "audios").iterdir())
    for number, ending in enumerate(("tar.gz", "tgz", "tar.xz")):
        mode = "w:xz" if ending == "tar.xz" else "w:gz"
        with tarfile.open(vggsound / f"vggsound_{number:02d}.{ending}", mode) as archive:
            for path in files[number::3]:
                archive.add(path, f"{HOME}/{path.name}")
    return tmp_path


def counted_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which the name of every archive that is opened is added."""
    opened: list[str] = []
    real = tarfile.open

    def spy(name: Path, *args: str) -> tarfile.TarFile:
        opened.append(Path(name).name)
        return real(name, *args)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(packed.tarfile, "open", spy)
    return opened


@pytest.mark.parametrize("workers", [1, 2])
def test_packed_shards_give_the_dataset_of_loose_files_and_are_read_once_in_order(
    sources: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    opened = counted_reads(monkeypatch)
    folder = build_from(sources, sources / "out", workers=workers).folder
    assert (folder / META).read_bytes() == whole
    assert opened == ["vggsound_00.tar.gz", "vggsound_01.tgz", "vggsound_02.tar.xz"]
    assert not (folder.parents[1] / AUDIO_FOLDER).with_name(".packed").exists()
    build_from(sources, sources / "out", "ms")  # whose clips are made by now
    assert len(opened) == 3


def test_a_build_that_is_run_again_reads_what_it_has_not_read_to_its_end(
    sources: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = sources / "vggsound" / "vggsound_01.tgz"
    data = shard.read_bytes()
    shard.write_bytes(data[: len(data) // 2])
    first = build_from(sources, sources / "out").folder
    assert (first / META).read_bytes() != whole
    opened = counted_reads(monkeypatch)
    shard.write_bytes(data)
    begun_again(first)
    assert (build_from(sources, sources / "out").folder / META).read_bytes() == whole
    assert opened == ["vggsound_01.tgz"]


def test_wavs_that_are_gone_are_made_again(
    sources: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = build_from(sources, sources / "out").folder
    clip = read_manifest(folder).samples[0].sources[0].clip_id
    read_manifest(folder).clip_path(clip).unlink()
    opened = counted_reads(monkeypatch)
    begun_again(folder)
    assert (build_from(sources, sources / "out").folder / META).read_bytes() == whole
    assert len(opened) == 1


def hostile(archive: tarfile.TarFile) -> None:
    """Add members that a careless program follows out of its folder, or for ever."""
    for name, kind in (
        ("link_000009.wav", tarfile.SYMTYPE),
        ("hard_000009.wav", tarfile.LNKTYPE),
        ("pipe_000009.wav", tarfile.FIFOTYPE),
        ("zero_000009.wav", tarfile.CHRTYPE),
        ("folder_000009.wav", tarfile.DIRTYPE),
    ):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    for name in ("/etc/aaaaaaaaaaa_000009.wav", "../../up_000009.wav", "a/../../x_000009.wav"):
        info = tarfile.TarInfo(name)
        info.size = 4
        archive.addfile(info, io.BytesIO(b"data"))


def test_members_that_are_no_plain_files_are_left_alone_and_names_lead_nowhere(
    tmp_path: Path,
) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        hostile(archive)
    found = dict(packed_files(tmp_path / "a.tar.gz", lambda name: True))
    names = ("aaaaaaaaaaa_000009.wav", "up_000009.wav", "x_000009.wav")
    assert found == dict.fromkeys(names, b"data")
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_an_archive_that_unpacks_to_far_too_much_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("aaaaaaaaaaa_000009.wav")
    info.size = 2**33
    with gzip.open(tmp_path / "bomb.tar.gz", "wb") as file:
        file.write(info.tobuf() + bytes(10_000))
    with pytest.raises(InputError, match=r"bomb\.tar\.gz: unpacks to more than 200 times its size"):
        list(packed_files(tmp_path / "bomb.tar.gz", lambda name: True))


def no_archive(path: Path) -> None:
    path.write_bytes(b"no archive at all")


def zstd(path: Path) -> None:
    path.unlink()
    (path.parent / "vggsound_00.tar.zst").write_bytes(b"\x28\xb5\x2f\xfd")


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (no_archive, 0, "vggsound_00.tar.gz: damaged or cut short, used as far as it can be read"),
        (zstd, 2, "vggsound_00.tar.zst: packed with zstd, which is not read here: unpack it"),
    ],
)
def test_a_shard_that_cannot_be_read_is_told_in_a_line(
    sources: Path, spoil: Callable[[Path], None], code: int, said: str
) -> None:
    spoil(sources / "vggsound" / "vggsound_00.tar.gz")
    where = ("--out", sources / "out", "--workers", 1, *source_options(sources))
    result = run_build("--split", "ss", *where)
    assert result.exit_code == code
    assert any(said in line for line in result.stderr.splitlines())


def test_packed_shards_are_not_fetched_again(sources: Path) -> None:
    options = ("--out", sources / "out", "--workers", 1, "--download", *source_options(sources))
    result = run_build("--split", "ss", *options)
    assert result.exit_code == 2
    assert "vggsound_00.tar.gz: --download would fetch the clips in it: unpack" in result.stderr
