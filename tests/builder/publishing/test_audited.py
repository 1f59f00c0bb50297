"""The audit that a build makes decodes nothing that the build has just decoded."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builder import building, building_single_plus
from tests.builder.small_corpus import farm
from vpo_builder.audit import audit, near_duplicates


@pytest.fixture
def never_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an audit decode nothing."""

    def refused(what: object) -> None:
        raise AssertionError(f"decoded again: {str(what)[:80]}")

    monkeypatch.setattr(near_duplicates, "hash_file", refused)
    monkeypatch.setattr(audit, "decode_clip", refused)


@pytest.mark.usefixtures("never_again")
def test_pictures_and_sounds_of_vpo(tmp_path: Path) -> None:
    farm(tmp_path)
    report = building.build_from(tmp_path, tmp_path / "out", "msmi")
    assert report.funnel["samples"]["entered"]


@pytest.mark.usefixtures("never_again")
def test_frames_and_sounds_of_single_plus(s4_tree: Path, tmp_path: Path) -> None:
    report = building_single_plus.build_from(s4_tree, tmp_path)
    assert report.funnel["samples"]["entered"]


def test_what_is_known_is_what_the_files_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hash_file: Callable[[Path], near_duplicates.Hashes] = near_duplicates.hash_file
    known: dict[Path, near_duplicates.Hashes] = {}
    likenesses = near_duplicates.likenesses

    def told(photographs, workers, max_bits, hashes):  # type: ignore[no-untyped-def]
        known.update(hashes)
        assert {photograph.path for photograph in photographs} <= known.keys()
        return likenesses(photographs, workers, max_bits, hashes)

    monkeypatch.setattr(audit, "likenesses", told)
    farm(tmp_path)
    building.build_from(tmp_path, tmp_path / "out")
    assert known
    for path, found in known.items():
        assert found.tolist() == hash_file(path).tolist()
