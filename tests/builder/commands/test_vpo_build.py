"""What `vpo-build` makes of its options: groups in its help, one record, no contradiction."""

from dataclasses import fields
from pathlib import Path

import click
import pytest

from tests.builder.building import run_build
from vpo_builder.commands.options import FETCH_AVSBENCH_GROUPS, GROUPS
from vpo_builder.dataset.schema import SPLITS

MANIFEST = Path(__file__).parents[3] / "manifests" / "synthetic-vpo-ss" / "manifest.jsonl"


@pytest.mark.parametrize("groups", [GROUPS, FETCH_AVSBENCH_GROUPS])
def test_the_options_of_a_group_are_the_fields_of_its_record(groups: dict) -> None:  # type: ignore[type-arg]
    for group in groups.values():
        names = {option.name for option in group.options}
        assert names == {field.name for field in fields(group.record)}, group.title


def test_help_shows_every_option_in_its_group_with_an_example() -> None:
    said = run_build("--help").stdout
    titles = [line.removesuffix(":") for line in said.splitlines() if line[:1].strip()]
    assert titles == [titles[0], *(group.title for group in GROUPS.values()), "Help"]
    for group in GROUPS.values():
        section = said.partition(f"\n{group.title}:\n")[2].partition("\n\n")[0]
        shown = [line.split()[0] for line in section.splitlines() if line.startswith("  --")]
        assert shown == [option.opts[0] for option in group.options]
        assert section.splitlines()[-1] == f"  For example: {group.example}"


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
def test_the_examples_are_commands(group: object) -> None:
    words = group.example.split()  # type: ignore[attr-defined]
    assert words[0] == "vpo-build"
    context = click.Context(click.Command("vpo-build"))
    parser = click.Command(
        "vpo-build", params=[option for each in GROUPS.values() for option in each.options]
    ).make_parser(context)
    _, rest, _ = parser.parse_args(words[1:])
    assert rest == []


AGAIN = ("--from-manifest", MANIFEST)
SINGLE = ("--split", "avsbench-single-plus")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), f"--split is missing: choose one of {', '.join(SPLITS)}"),
        ((*AGAIN, "--split", "ms"), "--split ms: the manifest is of ss: leave --split out"),
        ((*AGAIN, "--seed", "0"), "--seed: --from-manifest takes it from the manifest"),
        ((*AGAIN, "--preset", "default"), "--preset: --from-manifest takes it from the manifest"),
        ((*AGAIN, "--set", "audio.seconds=5"), "--set: --from-manifest takes it from the manifest"),
        ((*AGAIN, "--plan"), "--plan: a manifest is built again in one go: leave it out"),
        ((*AGAIN, "--shard", "1/2"), "--shard: a manifest is built again in one go"),
        ((*AGAIN, "--merge"), "--merge: a manifest is built again in one go"),
        ((*AGAIN, "--avsbench", "."), "--avsbench: --split ss is made of COCO and VGGSound"),
        (("--split", "ss", "--avsbench", "."), "--avsbench: --split ss is made of COCO and VGG"),
        (("--split", "ss", "--allow-substitutes"), "--allow-substitutes: a manifest's clips are"),
        ((*SINGLE, "--vggsounder", "x.csv"), "--vggsounder: avsbench-single-plus is made of S4"),
        ((*SINGLE, "--download"), "--download: avsbench-single-plus is made of S4 alone"),
        ((*SINGLE, "--set", "fetch.retry.attempts=1"), "--set fetch.…: avsbench-single-plus is"),
        (("--split", "ss", "--rate", "0"), "--rate: nothing is fetched without --download"),
        (("--split", "ss", "--proxy", "x"), "--proxy: nothing is fetched without --download"),
        (
            ("--split", "ss", "--set", " fetch.retry.attempts=1"),
            "--set fetch.…: nothing is fetched",
        ),
        (("--split", "ss", "--plan", "--shard", "1/2"), "--shard: --plan builds nothing"),
        (("--split", "ss", "--plan", "--merge"), "--merge: --plan builds nothing"),
        (("--split", "ss", "--shard", "1/2"), "--shard: no sources: give --coco and --vggsound"),
        (("--split", "ss", "--merge"), "--merge: no sources: give --coco and --vggsound"),
        (("--split", "ss", "--download", "--shard", "1/2", "--merge"), "--merge: --shard does a"),
        (("--split", "ss", "--vggsound", "x"), "--vggsound without --coco: give both folders"),
        (("--split", "ss", "--shard", "1/2", "--coco", "x"), "--coco without --vggsound: give"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    tmp_path: Path, options: tuple[object, ...], said: str
) -> None:
    result = run_build("--out", tmp_path / "out", *options)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1), result.output
    assert result.stderr.startswith(f"error: {said}")
    assert not (tmp_path / "out").exists()


def test_what_a_manifest_decides_may_be_said_of_fetching(tmp_path: Path) -> None:
    """`--set fetch.…` changes no byte of a dataset, so a manifest has nothing to say of it."""
    options = ("--download", "--set", "fetch.retry.attempts=none", "--out", tmp_path / "out")
    result = run_build(*AGAIN, *options)
    assert result.exit_code == 2
    assert "setting fetch.retry.attempts: Expected `int`" in result.stderr
