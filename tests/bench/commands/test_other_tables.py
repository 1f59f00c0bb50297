"""`avs-bench eval` on a dataset with another class table, and on pictures that training saw."""

import json
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from avs_bench.commands.main import main
from avs_bench.report.runs import by_place, read_runs
from avs_bench.report.score_tables import title_of
from avs_bench.results.files import read_results
from tests.avsbench_trees import S4_VIDEOS, write_s4
from tests.bench.conftest import SMALL
from tests.builder import dataset_by_hand
from tests.builder.dataset_by_hand import PICTURES, Picture, write_dataset
from tests.markdown_pages import blocks_of
from vpo_builder.classes import CLASS_TABLE, class_rows, read_class_table
from vpo_builder.dataset.schema import ClassRow
from vpo_builder.sources.vggsound import known_labels

SETS = [part for text in (*SMALL, "train.epochs=1") for part in ("--set", text)]
VPO = "vpo/VPO/VPO-SS"
S4 = ("dog_barking", "male_speech", "female_singing", "helicopter")
BARE = ("--examples", 0)
MAPPED = "Classes mapped: the model was trained for another class table"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def passed(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def one_line(*arguments: object) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.output
    return result.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A VPO, a run on it that held a class out, and S4 with a table and sounds of its own."""
    home = tmp_path_factory.mktemp("tables")
    vpo, s4 = write_dataset(home / "vpo"), write_s4(home / "s4")
    held = ("--holdout-classes", "dog")
    passed("train", "--preset", "tiny", "--data", vpo, "--out", home / "run", *SETS, *held)
    passed("train", "--preset", "tiny", "--data", s4, "--out", home / "binary", *SETS)
    return home


def test_another_table_is_refused_with_the_option_that_scores_it(home):
    said = one_line("eval", "--run", home / "run", "--data", home / "s4")
    assert "2 classes, but" in said
    assert "--class-map names, or any object with --class-map foreground" in said
    said = one_line("eval", "--run", home / "run", "--data", home / "s4", "--class-map", "names")
    assert "share no class" in said
    nowhere = ("--class-map", home / "nowhere.csv")
    assert "nowhere.csv: cannot be read" in one_line(
        "eval", "--run", home / "run", "--data", home / "s4", *nowhere
    )


def test_any_model_is_scored_on_foreground_in_tables_of_its_own(home):
    more = ("--class-map", "foreground", *BARE)
    printed = passed("eval", "--run", home / "run", "--data", home / "s4", *more)
    assert "AVSBench-S4, test, foreground against background, per video" in printed
    assert MAPPED in " ".join(printed.split())
    assert "published [" not in printed
    passed("eval", "--run", home / "binary", "--data", home / VPO, *more, "--unseen", "dog")
    (stored,) = [r for r in read_results(home / "binary") if r.class_map]
    assert stored.classes == ("background", "object")
    assert stored.command.endswith("--unseen dog --class-map foreground")
    assert {i.groups["classes"] for i in stored.sets[0].items} == {("seen",), ("unseen",)}

    passed("eval", "--run", home / "run", "--data", home / VPO, "--examples", 1)
    passed("eval", "--run", home / "run", "--data", home / VPO, *more)
    files = {path.name for path in (home / "run").glob("scores-*.json")}
    assert files == {
        "scores-best-avsbench-s4-test-classes-foreground.json",
        "scores-best-vpo-ss-test-classes-foreground.json",
        "scores-best-vpo-ss-test.json",
    }
    # both models on VPO as foreground: one table; the run on all its classes: another
    places = by_place(read_runs([home / "run", home / "binary"]))
    runs = {title_of(place): [entry.run for entry in entries] for place, entries in places.items()}
    assert runs["VPO-SS, test, dataset level"] == ["run"]
    mapped = "VPO-SS, test, foreground against background, dataset level"
    assert runs[mapped] == ["run", "binary"]
    (home / "run" / "scores-best-vpo-ss-test-classes-foreground.json").unlink()
    refused = one_line("report", home / "run", home / "binary", "--compare")
    assert "shares no dataset, subset, family and class table" in refused


def test_shared_classes_are_scored_and_the_rest_counted(home):
    other = write_dataset(
        home / "other",
        [
            Picture(21, "test", (("cat", "-aaaaaaaaaa_000010"),)),
            Picture(22, "test", (("dog", "fffffffffff_000060"),)),
        ],
    )
    names = home / "names.csv"
    names.write_text("model,data\nobject,cat\n")
    printed = passed("eval", "--run", home / "binary", "--data", other, "--class-map", names, *BARE)
    assert "Mapped by names.csv: cat (the model's object); 1 examples left out." in printed
    (stored,) = [r for r in read_results(home / "binary") if r.class_map.rule == "names.csv"]
    assert stored.classes == ("background", "cat")
    assert [item.unit for item in stored.sets[0].items] == ["21"]


def test_the_mapping_of_a_stored_result_is_checked(home):
    passed("eval", "--run", home / "run", "--data", home / "s4", "--class-map", "foreground", *BARE)
    (path,) = (home / "run").glob("scores-*s4*.json")
    content = json.loads(path.read_text())
    content["class_map"]["of_data"] = [0, 5]
    edited = home / "edited.json"
    edited.write_text(json.dumps(content))
    said = one_line("report", edited)
    assert "its class map 'foreground' does not fit its classes: the file was edited" in said


def test_pictures_that_training_saw_are_counted_in_the_result_and_marked(home):
    archive = write_dataset(
        home / "theirs",
        [
            Picture(1, "test", (("cat", "-aaaaaaaaaa_000010"),)),
            Picture(5, "test", (("cat", "eeeeeeeeeee_000050"),)),
            Picture(90, "test", (("male", "hhhhhhhhhhh_000080"),)),
        ],
    )
    printed = passed("eval", "--run", home / "run", "--data", archive, *BARE)
    assert "tiny (HAS SEEN 2 OF 3)" in printed
    assert "HAS SEEN n OF m: training saw n of the m pictures" in " ".join(printed.split())
    assert "warning: training has seen pictures of this test: 1 in train and 1 in val" in printed
    path = home / "run" / "scores-best-vpo-ss-test.json"
    (stored,) = [r for r in read_results(home / "run") if r.seen]
    assert (stored.seen.train, stored.seen.val, stored.seen.of) == (1, 1, 3)
    content = json.loads(path.read_text())
    del content["seen"], content["class_map"]  # as older ones are
    path.write_text(json.dumps(content))
    assert "HAS SEEN" not in passed("report", path)
    (home / "run" / "pictures.json").write_text("{}")  # of another run: it says nothing
    again = passed("eval", "--run", home / "run", "--data", archive, *BARE)
    assert "HAS SEEN" not in again
    content["seen"] = {"train": 4, "val": 0, "of": 3}
    path.write_text(json.dumps(content))
    assert "training has seen 4 in train, of 3" in one_line("report", path)


def write_table(
    patch: pytest.MonkeyPatch, out: Path, rows: tuple[ClassRow, ...], *pictures: Picture
) -> Path:
    """Write a dataset with a class table of its own."""
    patch.setattr(dataset_by_hand, "CLASSES", rows)
    patch.setattr(dataset_by_hand, "VALUES", {row.name: row.mask_value for row in rows})
    return write_dataset(out, pictures)


def test_the_guide_s_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[3] / "docs" / "other-classes.md"
    commands, table = [], []
    for block in blocks_of(page.read_text()):
        (commands if block.language == "sh" else table).extend(block.text.strip().splitlines())
    monkeypatch.chdir(tmp_path)
    ours = class_rows(read_class_table(CLASS_TABLE, "captions", known_labels()))
    cow = Picture(9, "test", (("cow", "iiiiiiiiiii_000090"),))
    others = (Picture(10, "train", (("cow", "jjjjjjjjjjj_000090"),)), cow)
    write_table(monkeypatch, Path("data"), ours, *PICTURES[:6], *others)
    theirs = tuple(ClassRow(n, name, n, "x") for n, name in enumerate(("background", *S4)))
    pictures = [Picture(30 + n, "test", ((s, f"{s[:1] * 11}_000000"),)) for n, s in enumerate(S4)]
    write_table(monkeypatch, Path("plus"), theirs, *pictures).rename(
        "data/avsbench_data_single_plus"
    )
    Path("vggsound_bench").symlink_to("plus/vggsound_bench")
    write_s4(Path("avsbench"), S4_VIDEOS[4:5])
    Path("classes.csv").write_text("\n".join(table) + "\n")
    said = []
    for command in commands:
        program, *words = shlex.split(command, comments=True)
        assert program == "avs-bench"
        said.append(passed(*words, *(SETS if words[0] == "train" else BARE)))
    assert "held out ease-ood: left out 1 of 5 train" in said[0]
    assert "dog_barking (the model's dog)" in said[-1]
    whole = next(r for r in read_results(Path("held")) if r.class_map is None)
    heard = {item.unit: item.groups["classes"] for item in whole.sets[0].items}
    assert heard["9"] == ("unseen",)
    assert set(heard.values()) == {("seen",), ("unseen",)}
