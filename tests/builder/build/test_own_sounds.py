"""A dataset from a folder of one's own recordings: built, verified, audited and shown."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import soundfile
from click.testing import CliRunner, Result

from tests.builder.building import run_build
from tests.builder.small_corpus import farm, tone
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.manifest import read_manifest
from vpo_builder.dataset.sound_credits import SOUNDS, group_of, read_sound_credits
from vpo_builder.documents.attribution import ATTRIBUTION

KINDS = ("dog", "cat", "cow", "car")
HEADER = ("file", "label", "licence", "page", "group", "start")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO's pictures, and a folder `mine` with recordings of twelve people and their list."""
    folder = tmp_path_factory.mktemp("sources")
    shutil.rmtree(farm(folder).folder / "vggsound")
    write_recordings(folder / "mine")
    return folder


def write_recordings(mine: Path) -> None:
    """Write a list of recordings: each of twelve people recorded every kind, twice in one file."""
    rows = []
    for person in range(12):
        for number, kind in enumerate(KINDS):
            file = f"{kind}/walk {person}.wav"
            (mine / kind).mkdir(parents=True, exist_ok=True)
            sound = tone(22.0, 200.0 + 10 * (12 * number + person), rate=8000)
            sound *= 0.5 + 0.4 * tone(22.0, 0.05, rate=8000, level=1.0)  # no two parts are alike
            soundfile.write(mine / file, sound, 8000)
            page = f"https://sounds.example/{person}" if person else ""
            rows += [(file, kind, "CC BY 4.0", page, f"person {person}", s) for s in (0, 10)]
    with (mine / "mine.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([HEADER, *rows])


@pytest.fixture(scope="module")
def built(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    result = build_of(sources, out)
    assert result.exit_code == 0, result.stderr
    return out / "VPO" / "VPO-SS"


def build_of(sources: Path, out: Path, *options: object) -> Result:
    coco, mine = sources / "coco", sources / "mine" / "mine.csv"
    where = ("--coco", coco, "--sounds", mine, "--workers", 1)
    return run_build("--split", "ss", "--out", out, *where, *options)


def data(*arguments: object) -> Result:
    return CliRunner().invoke(data_command, [str(argument) for argument in arguments])


def test_it_is_built_verified_audited_and_shown(built: Path, tmp_path: Path) -> None:
    verified = data("verify", built, "--decode")
    assert (verified.exit_code, verified.stdout.splitlines()[-1][-8:]) == (0, "no fault")
    audited = data("audit", built)
    assert audited.exit_code == 0, audited.stdout
    shown = data("gallery", built, "--out", tmp_path / "gallery")
    assert shown.exit_code == 0, shown.stderr
    page = (tmp_path / "gallery" / "index.html").read_text(encoding="utf-8")
    assert "youtube" not in page
    assert "https://sounds.example/" in page
    assert '"licence":"CC BY 4.0"' in page


def test_each_recording_has_its_own_licence_and_page_and_no_link_to_youtube(built: Path) -> None:
    with (built / ATTRIBUTION).open(newline="", encoding="utf-8") as file:
        clips = [row for row in csv.DictReader(file) if row["kind"] == "clip"]
    used = {source.clip_id for s in read_manifest(built).samples for source in s.sources}
    assert {row["id"] for row in clips} == used
    for row in clips:
        person = row["id"].split(" ")[1].split("_")[0]
        assert row["license"] == "CC BY 4.0"
        assert row["author_page"] == (f"https://sounds.example/{person}" if int(person) else "")
    card = (built / "README.md").read_text(encoding="utf-8")
    assert f"| CC BY 4.0 | https://creativecommons.org/licenses/by/4.0/ | {len(used)} |" in card
    for path in (built / "README.md", built / ATTRIBUTION, built / "croissant.json"):
        text = path.read_text(encoding="utf-8").lower()
        assert "youtube" not in text
        assert "vggsound" not in text.replace("vggsound_bench/vggsound", "")


def test_no_group_crosses_the_subsets(built: Path) -> None:
    manifest = read_manifest(built)
    assert {sample.subset for sample in manifest.samples} == {"train", "val", "test"}
    credits = read_sound_credits(manifest)
    subsets: dict[str, set[str]] = {}
    for sample in manifest.samples:
        for source in sample.sources:
            subsets.setdefault(group_of(source.clip_id, credits), set()).add(sample.subset)
    assert len(subsets) > 9
    assert all(len(found) == 1 for found in subsets.values())


def test_a_group_in_two_subsets_is_a_leak_that_the_audit_names(built: Path, tmp_path: Path) -> None:
    folder = copied(built, tmp_path)
    samples = read_manifest(folder).samples
    one, other = (
        next(s.sources[0].clip_id for s in samples if s.subset == subset)
        for subset in ("train", "test")
    )
    rows = [json.loads(line) for line in (folder / SOUNDS).read_text().splitlines()]
    group = next(row["group"] for row in rows if row["clip_id"] == one)
    rows = [row | {"group": group} if row["clip_id"] == other else row for row in rows]
    rows[0] |= {"licence": "", "licence_url": ""}
    (folder / SOUNDS).write_text("".join(json.dumps(row) + "\n" for row in rows))
    report = data("audit", folder)
    assert report.exit_code == 1
    assert f"leak: group of recordings {group}" in report.stdout
    assert f"licence unknown: 1 recordings: {rows[0]['clip_id']}" in report.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"page": "javascript:alert(1)"}, "page 'javascript:alert(1)': expected an address"),
        ({"clip_id": "../../x"}, "is not safe as a file's name"),
        ({"group": ""}, "no group"),
        ({"group": "a\x1b[2J"}, "expected at most 300 characters that print"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_list_that_a_stranger_wrote_is_refused_by_all_that_read_it(
    built: Path, tmp_path: Path, changes: dict[str, str] | None, said: str
) -> None:
    folder = copied(built, tmp_path)
    first, *others = (folder / SOUNDS).read_text().splitlines(keepends=True)
    (folder / SOUNDS).unlink()
    if changes is not None:
        (folder / SOUNDS).write_text(
            json.dumps(json.loads(first) | changes) + "\n" + "".join(others)
        )
    for command, code in (("audit", 2), ("gallery", 2), ("verify", 1)):
        options = ("--out", tmp_path / "gallery") if command == "gallery" else ()
        result = data(command, folder, *options)
        assert result.exit_code == code
        assert said in result.output


def copied(built: Path, tmp_path: Path) -> Path:
    shutil.copytree(built.parents[1], tmp_path / "copy")
    return tmp_path / "copy" / "VPO" / "VPO-SS"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sounds", "x.csv"), "--sounds without --coco: give both folders"),
        (("--coco", "x"), "--coco without --vggsound: give both folders, or recordings by --so"),
        (("--coco", "x", "--sounds", "x.csv", "--vggsounder", "y"), "add --vggsound, or leave"),
        (("--coco", "x", "--sounds", "x.csv"), "x.csv: no such file or folder: expected a csv"),
    ],
)
def test_options_that_say_half_are_refused(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    result = run_build("--split", "ss", "--out", tmp_path / "out", *options)
    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[-1]


def test_labels_that_no_class_has_are_told_with_the_remedy(sources: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "mine.csv").write_text("file,label,licence,page,group\nx.wav,wolf howl,CC0,,\n")
    (tmp_path / "coco").symlink_to(sources / "coco")
    result = build_of(tmp_path, tmp_path / "out")
    assert result.exit_code == 2
    assert "its labels are 'wolf howl'…: name them in a table for --classes" in result.stderr


def test_a_class_table_may_name_the_labels_of_ones_own_list(sources: Path, tmp_path: Path) -> None:
    table = tmp_path / "classes.toml"
    row = '[[class]]\nname = "pet"\nmask_value = 18\ncategory = "dog"\ngroup = "animal"\n'
    table.write_text(f'{row}labels = ["dog", "wolf"]\n')
    result = build_of(sources, tmp_path / "out", "--classes", table)
    assert result.exit_code == 2
    assert "class 'pet': 'wolf' is none of VGGSound's labels, nor of a list given by --sounds" in (
        result.stderr
    )
    table.write_text(f'{row}labels = ["dog", "cat"]\n')
    result = build_of(sources, tmp_path / "out", "--classes", table)
    assert result.exit_code == 0, result.stderr
    manifest = read_manifest(tmp_path / "out" / "VPO" / "VPO-SS")
    heard = {source.clip_id[:3] for s in manifest.samples for source in s.sources}
    assert heard == {"dog", "cat"}
