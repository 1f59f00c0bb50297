"""What a user can get wrong stops the build with one line, exit code 2, and nothing written."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.builder.building import BUILD, run_build, source_options
from tests.builder.small_corpus import farm
from vpo_builder.runtime import threads


def cut_json(folder: Path) -> None:
    path = folder / "coco/annotations/instances_val2017.json"
    path.write_bytes(path.read_bytes()[:-100])


def rewrite_csv(change: Callable[[str], str]) -> Callable[[Path], None]:
    def rewrite(folder: Path) -> None:
        path = folder / "vggsound" / "vggsound.csv"
        first, *rest = path.read_text().splitlines()
        path.write_text("\n".join([change(first), *rest]))

    return rewrite


def rename_image(folder: Path) -> None:
    path = folder / "coco/annotations/instances_train2017.json"
    path.write_text(path.read_text().replace("000000000001.jpg", "../../../etc/passwd"))


def remove_clips(folder: Path) -> None:
    for path in (folder / "vggsound/audios").iterdir():
        path.unlink()


def silence_clips(folder: Path) -> None:
    for path in (folder / "vggsound/audios").iterdir():
        path.write_bytes(b"nothing")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (cut_json, "instances_val2017.json: not COCO's json: Input data was truncated"),
        (rewrite_csv(lambda row: row.rsplit(",", 1)[0]), "vggsound.csv, line 1: 3 columns, expect"),
        (rewrite_csv(lambda row: "../../../ab" + row[11:]), "line 1: '../../../ab' is no YouTube"),
        (rewrite_csv(lambda row: "..aaaaaaaaa" + row[11:]), "line 1: '..aaaaaaaaa' is no YouTube"),
        (rewrite_csv(lambda row: row.replace(",0,", ",-1,")), "start '-1' is no whole second"),
        (rewrite_csv(lambda row: row.replace("dog barking", "dog")), "unknown label 'dog'"),
        (rewrite_csv(lambda row: row.replace("test", "dev")), "split 'dev', expected train or te"),
        (rename_image, "image 1: file_name '../../../etc/passwd' is not a plain file name"),
        (remove_clips, "no class has a usable clip"),
    ],
)
def test_spoiled_sources_stop_the_build(
    tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    farm(tmp_path / "sources")
    spoil(tmp_path / "sources")
    options = ("--split", "ss", "--out", tmp_path / "out", "--workers", 1)
    result = run_build(*options, *source_options(tmp_path / "sources"))
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_corpus_whose_every_clip_is_broken_is_refused(tmp_path: Path) -> None:
    farm(tmp_path / "sources", clips_per_class=4)  # each costs a start of ffmpeg
    silence_clips(tmp_path / "sources")
    options = ("--split", "ss", "--out", tmp_path / "out", "--workers", 1)
    result = run_build(*options, *source_options(tmp_path / "sources"))
    assert result.exit_code == 2
    assert "no class has a usable clip: 16 clips are listed" in result.stderr.splitlines()[-1]
    assert not list((tmp_path / "out").rglob("manifest*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--split", "sss"), "'sss' is not one of 'ss', 'ms'"),
        (("--set", "filters.size=3"), "unknown setting 'filters.size': choose one of filters.min"),
        (
            ("--coco", "/nowhere"),
            "/nowhere: no instances_train2017.json at any depth: no such folder",
        ),
        (
            ("--vggsound", "/nowhere"),
            "/nowhere: no vggsound.csv at any depth: no such folder: give",
        ),
        (("--preset", "huge"), "no preset 'huge'"),
        (("--classes", "/nowhere.toml"), "/nowhere.toml: the class table cannot be read"),
    ],
)
def test_wrong_arguments_stop_the_build(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    farm(tmp_path / "sources")
    options = ("--split", "ss", "--out", tmp_path / "out", *source_options(tmp_path / "sources"))
    result = run_build(*options, *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_rules_that_no_image_passes_are_counted_and_can_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm(tmp_path / "sources", clips_per_class=4)
    options = ("--split", "ss", "--out", tmp_path / "out", "--workers", 1)
    sources = source_options(tmp_path / "sources")
    result = run_build(*options, *sources, "--set", "filters.min_area_fraction=1")
    assert result.exit_code == 2
    counted = "40 are listed: 32 no_eligible_object, 8 repeated_instances"
    assert f"no image passes the rules of VPO-SS: {counted}: give others" in result.stderr
    given = []
    real = threads.ThreadPoolExecutor
    monkeypatch.setattr(threads, "ThreadPoolExecutor", lambda n: given.append(n) or real(n))
    assert run_build(*options, *sources).exit_code == 0
    assert set(given) == {1}  # the audit of a build reads files in as many as work on it


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--splitt", "ss"), "build: No such option '--splitt'. (Did you mean"),
        (("--split", "x"), "build: Invalid value for '--split': 'x' is not one of 'ss', "),
        (("--seed",), "build: Option '--seed' requires an argument: see build --help"),
        (("--out", "x", "ss"), "build: Got unexpected extra argument (ss): see build --help"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_line(arguments: tuple[str, ...], said: str) -> None:
    result = run_build(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {said}")
    assert result.stderr.count("\n") == 1


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    farm(tmp_path / "sources")
    (tmp_path / "out").write_text("mine")
    options = ("--split", "ss", "--out", tmp_path / "out", *source_options(tmp_path / "sources"))
    result = run_build(*options)
    assert (result.exit_code, (tmp_path / "out").read_text()) == (2, "mine")
    assert "is a file: --out needs a folder" in result.stderr


def test_one_source_without_the_other_is_refused(tmp_path: Path) -> None:
    result = run_build("--split", "ss", "--out", tmp_path / "out", "--coco", tmp_path)
    assert result.exit_code == 2
    assert "--coco without --vggsound" in result.stderr


@pytest.mark.skipif(
    subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0,
    reason="no user namespaces: a full disk cannot be made here",
)
def test_a_full_disk_stops_the_build_and_room_lets_it_go_on(tmp_path: Path) -> None:
    farm(tmp_path / "sources")
    (tmp_path / "out").mkdir()
    command = [*BUILD, "--split", "ss", "--out", str(tmp_path / "out"), "--workers", "1"]
    command += source_options(tmp_path / "sources")
    script = 'mount -t tmpfs -o size=600k tmpfs "$0" && "$@"; code=$?; '
    script += 'mount -o remount,size=60m "$0"; "$@" >/dev/null 2>&1; echo $code $?'
    run = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, str(tmp_path / "out"), *command],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[3],
        env=os.environ,
    )
    assert run.stdout.split()[-2:] == ["2", "0"], run.stderr
    assert "no space left: make room and run the command again" in run.stderr
    assert "Traceback" not in run.stderr
