"""`vpo-data`: what each command prints and the code it exits with."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.builder.audit.test_audit import same_bytes
from tests.builder.dataset_by_hand import finish, write_dataset
from tests.builder.documents.test_documents import write_documents
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.manifest import META, encode_lines, read_manifest
from vpo_builder.records import PersonDecision
from vpo_builder.runtime import progress, threads

COMMANDS = ("verify", "stats", "audit", "gallery")


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(data_command, [str(argument) for argument in arguments])


def test_verify_exits_with_1_and_a_line_for_each_fault(small_dataset: Path) -> None:
    assert run("verify", small_dataset).exit_code == 0
    for mask in sorted(small_dataset.rglob("*.png"))[:2]:
        mask.unlink()
    result = run("verify", small_dataset)
    assert result.exit_code == 1
    assert len(result.output.splitlines()) == 3
    assert result.output.splitlines()[-1].endswith("2 faults")


def test_stats_writes_the_chart_where_it_is_told(small_dataset: Path, tmp_path: Path) -> None:
    result = run("stats", small_dataset, "--png", tmp_path / "chart.png")
    assert result.exit_code == 0
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")
    assert "VPO-SS: 8 samples" in result.output


def test_stats_compares_the_resolver_with_labels(small_dataset: Path, tmp_path: Path) -> None:
    decisions = [PersonDecision(3, "male", ()), PersonDecision(8, "female", ())]
    (small_dataset / "persons.jsonl").write_bytes(encode_lines(decisions))
    (tmp_path / "labels.csv").write_text("image_id,label\n3,male\n8,male\n")
    result = run("stats", small_dataset, "--person-labels", tmp_path / "labels.csv")
    assert result.exit_code == 0
    assert "50.0 %" in result.output
    bad = run("stats", small_dataset, "--person-labels", tmp_path / "none.csv")
    assert (bad.exit_code, bad.stdout) == (2, "")


def test_audit_exits_with_1_for_a_leak(small_dataset: Path) -> None:
    write_documents(small_dataset)
    assert run("audit", small_dataset).exit_code == 0
    same_bytes(small_dataset)
    result = run("audit", small_dataset)
    assert result.exit_code == 1
    assert "leak: identical image" in result.output


def test_gallery_names_the_page_to_open(small_dataset: Path, small_duets: Path) -> None:
    result = run("gallery", small_dataset, "--compare", small_duets, "--per-class", 1)
    assert result.exit_code == 0
    page = Path("VPO-SS-gallery", "index.html")
    assert str(page) in result.output
    assert "VPO-MS" in page.read_text()


@pytest.mark.parametrize(
    "words", [("verify",), ("audit",), ("gallery",), ("export", "--format", "hf")]
)
def test_workers_reach_the_work(
    words: tuple[str, ...], small_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    real = threads.ThreadPoolExecutor
    monkeypatch.setattr(threads, "ThreadPoolExecutor", lambda n: given.append(n) or real(n))
    write_documents(small_dataset)
    command, *rest = words
    assert run(command, small_dataset, *rest, "--workers", 5).exit_code == 0
    assert set(given) == {5}
    assert run(command, small_dataset, *rest, "--workers", 0).exit_code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("verify",), ["files"]),
        (("audit",), ["audit: photographs", "audit: clips"]),
        (("gallery",), ["gallery: photographs", "gallery: masks", "gallery: clips"]),
        (("export", "--format", "coco"), ["export: clips", "export: photographs of train"]),
        (("export", "--format", "hf"), ["export: samples of train", "export: samples of val"]),
        (("export", "--format", "webdataset"), ["export: samples of train"]),
    ],
)
def test_long_work_says_how_far_it_is_beside_its_output(
    words: tuple[str, ...], told: list[str], small_dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_documents(small_dataset)
    command, *rest = words
    rest += ["--out", "here"] if rest else []
    short = run(command, small_dataset, *rest)
    assert short.stderr == ""
    shutil.rmtree("here", ignore_errors=True)
    monkeypatch.setattr(progress, "LINE_AFTER_SECONDS", 0.0)
    slow = run(command, small_dataset, *rest)
    labels = [line.rpartition(": ")[0] for line in slow.stderr.splitlines()]
    assert list(dict.fromkeys(labels))[: len(told)] == told
    assert slow.stdout == short.stdout


def test_export_says_where_it_went(small_dataset: Path) -> None:
    result = run("export", small_dataset, "--format", "coco")
    assert result.exit_code == 0
    assert result.output.startswith("VPO-SS-coco: 8 samples in ")
    assert run("export", small_dataset, "--format", "coco").exit_code == 2
    refused = run("export", small_dataset, "--format", "zip")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: data export: Invalid value for '--format': 'zip'")
    assert refused.stderr.count("\n") == 1


def test_diff_exits_like_diff(small_dataset: Path, tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "other")
    assert run("diff", small_dataset, other).exit_code == 0
    finish(other, "ss", read_manifest(other).samples[1:])
    result = run("diff", small_dataset, other)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "1 removed; 7 samples are the same"
    assert run("diff", small_dataset, tmp_path / "nowhere").exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_no_dataset_and_an_unfinished_one_are_one_line_on_stderr(
    command: str, small_dataset: Path, tmp_path: Path
) -> None:
    (small_dataset / META).unlink()
    for folder, reason in ((tmp_path / "nowhere", "no such folder"), (small_dataset, "finished")):
        result = run(command, folder)
        assert result.exit_code == 2
        assert result.stdout == ""
        assert len(result.stderr.splitlines()) == 1
        assert reason in result.stderr


def test_a_command_leaves_nothing_in_the_dataset(small_dataset: Path) -> None:
    write_documents(small_dataset)
    for command in COMMANDS:
        run(command, small_dataset)
    assert run("verify", small_dataset).exit_code == 0
