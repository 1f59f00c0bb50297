"""What stands on a board, under which name, and what is refused."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from avs_bench.board.entries import LONGEST_TEXT, MOST_GROUPS, read_methods
from avs_bench.board.methods import LONGEST_NAME
from avs_bench.commands.main import main
from avs_bench.report.about import About
from avs_bench.results.records import Cost, scored_item, scored_set
from tests.bench.board.made_submissions import seeds, write
from tests.bench.report.made_results import confusion, pictures, result
from vpo_builder.runtime.errors import InputError


def names(*paths: Path, skip: bool = False) -> list[str]:
    methods, _ = read_methods(paths, skip_refused=skip)
    return [method.name for method in methods]


def edit(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


@pytest.fixture
def one(tmp_path):
    return write(tmp_path / "one.json", result(pictures(0.8)), about=About("One"))


@pytest.fixture
def two(tmp_path):
    return write(tmp_path / "two.json", result(pictures(0.6, seed=2)), about=About("Two"))


class TestNames:
    def test_are_the_author_s_else_the_model_s(self, tmp_path, one):
        plain = write(tmp_path / "plain.json", result(pictures(0.7, seed=1)))
        assert names(one, plain) == ["One", "tiny"]

    def test_tell_apart_by_the_file_what_two_call_alike(self, tmp_path, one):
        other = write(tmp_path / "b.json", result(pictures(0.7, seed=1)), about=About("One"))
        (tmp_path / "c").mkdir()
        same = write(tmp_path / "c/b.json", result(pictures(0.5, seed=3)), about=About("One"))
        assert names(one, other) == ["One (one)", "One (b)"]
        keys = [method.key for method in read_methods([one, other, same])[0]]
        assert names(one, other, same) == [
            "One (one)",
            f"One (b) ({keys[1]})",
            f"One (b) ({keys[2]})",
        ]

    def test_of_seeds_are_one_and_of_several_models_theirs(self, tmp_path):
        several = write(tmp_path / "a.json", *seeds(0.8, 3), about=About("A"))
        (method,), _ = read_methods([several])
        assert method.name == "A"
        assert len(method.model.runs) == 3
        mixed = [*seeds(0.8, 2), result(pictures(0.3), model="other")]
        both = write(tmp_path / "b.json", *mixed, about=About("B"))
        assert names(both) == ["B: tiny", "B: other"]

    def test_say_if_the_epoch_was_chosen_on_test_whatever_the_author_says(self, tmp_path):
        chosen = result(pictures(0.8), settings={"train": {"selection": "test-as-published"}})
        path = write(tmp_path / "a.json", chosen, about=About("A"))
        assert names(path) == ["A (CHOSEN ON TEST)"]

    def test_are_one_line_that_is_not_too_long_and_turns_no_direction(self, tmp_path):
        hostile = "<script>\n\u202ealert(1)" + "x" * 400
        path = write(tmp_path / "a.json", result(pictures(0.8), model=hostile))
        (name,) = names(path)
        assert len(name) == LONGEST_NAME
        assert name.startswith("<script> \\u202ealert(1)xxx")

    def test_of_runs_that_two_files_call_alike_are_told_apart(self, one, two):
        methods, _ = read_methods([one, two])
        runs = [run.name for method in methods for run in method.model.runs]
        assert runs == ["run-s0 of One", "run-s0 of Two"]

    def test_the_page_s_key_stays_while_the_submission_does(self, one, two, tmp_path):
        first = read_methods([one, two])[0][1].key
        two.rename(tmp_path / "renamed.json")
        assert read_methods([tmp_path / "renamed.json"])[0][0].key == first


class TestCost:
    def test_is_the_measured_one_else_the_stated_one_else_unknown(self, tmp_path):
        about = About("A", parameters=5, flops=6)
        measured = result(pictures(0.8), cost=Cost(7, 8))
        stated = result(pictures(0.7, seed=1))
        paths = [
            write(tmp_path / "a.json", measured, about=about),
            write(tmp_path / "b.json", stated, about=about),
            write(tmp_path / "c.json", result(pictures(0.5, seed=2))),
        ]
        methods, _ = read_methods(paths)
        assert [(m.parameters, m.flops) for m in methods] == [(7, 8), (5, 6), (None, None)]


def test_a_folder_stands_for_its_json_files(tmp_path, one, two):
    (tmp_path / "notes.txt").write_text("no submission")
    assert names(tmp_path) == ["One", "Two"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no submission here: expected json files"):
        read_methods([tmp_path / "empty"])


class TestARefusedOne:
    def refused(self, path: Path, *others: Path) -> str:
        with pytest.raises(InputError) as error:
            read_methods([*others, path])
        said = str(error.value)
        assert said.startswith(f"{path}: ")
        assert said.endswith("; --skip-refused leaves it out")
        kept, left = read_methods([*others, path], skip_refused=True) if others else ((), ())
        if others:
            assert [method.file for method in kept] == [other.name for other in others]
            assert [one.file for one in left] == [path.name]
            assert left[0].reason in said
        return said

    def test_states_another_figure_than_its_counts_give(self, one, two):
        stated = json.loads(two.read_text())["runs"][0]["results"][0]["figures"][0]["value"]
        edit(two, f'"value":{stated!r}', '"value":0.99')
        assert "states miou_dataset = 0.99, its counts give 0." in self.refused(two, one)

    def test_is_no_submission(self, one, tmp_path):
        (tmp_path / "x.json").write_text("{}")
        assert "no submission: avs-bench report RUN --submit" in self.refused(
            tmp_path / "x.json", one
        )
        assert "no submission: No such file" in self.refused(tmp_path / "none.json", one)
        (tmp_path / "zero.json").symlink_to("/dev/zero")
        assert "no submission: is no regular file" in self.refused(tmp_path / "zero.json", one)

    def test_was_sent_already(self, one, tmp_path):
        again = tmp_path / "again.json"
        again.write_bytes(one.read_bytes() + b"\n")
        assert "holds what one.json holds: give each once" in self.refused(again, one)

    @pytest.mark.parametrize(
        "changed",
        [
            {"dataset": "VPO-MS"},
            {"synthetic": True},
            {"classes": ("background", "dog", "cat")},
        ],
    )
    def test_names_a_manifest_that_is_another_s_data(self, tmp_path, one, two, changed):
        odd = write(tmp_path / "odd.json", result(pictures(0.7, seed=1), **changed))
        said = self.refused(odd, one, two)
        assert "on manifest bbbbbbbbbbbb, test, its dataset's name, classes, items or" in said
        assert "are not those of 2 other submissions" in said

    def test_has_fewer_items_than_the_others_even_if_it_comes_first(self, tmp_path, one, two):
        few = write(tmp_path / "few.json", result(pictures(0.7, number=9, seed=1)))
        methods, (refused,) = read_methods([few, one, two], skip_refused=True)
        assert [method.name for method in methods] == ["One", "Two"]
        assert refused.file == "few.json"

    def test_of_two_that_differ_is_the_later(self, tmp_path, one):
        few = write(tmp_path / "few.json", result(pictures(0.7, number=9, seed=1)))
        assert "are not those of 1 other submission:" in self.refused(few, one)

    def test_has_many_runs_and_still_one_voice(self, tmp_path, one, two):
        many = [result(pictures(0.7, number=9, seed=s), seed=s) for s in range(5)]
        odd = write(tmp_path / "odd.json", *many)
        assert "are not those of 2 other submissions" in self.refused(odd, one, two)

    def test_another_build_of_the_dataset_is_none(self, tmp_path, one):
        other = result(pictures(0.7, number=9, seed=1), dataset_sha256="d" * 64)
        assert names(one, write(tmp_path / "other.json", other)) == ["One", "tiny"]

    def test_holds_a_text_without_end(self, tmp_path, one):
        right = result(pictures(0.7, seed=1), command="x" * LONGEST_TEXT)
        assert names(one, write(tmp_path / "right.json", right)) == ["One", "tiny"]
        long = result(pictures(0.7, seed=1), versions={"x" * (LONGEST_TEXT + 1): ""})
        path = write(tmp_path / "long.json", long)
        assert "holds a text of 1001 characters, expected at most 1000" in self.refused(path, one)

    def test_sorts_its_items_into_groups_without_end(self, tmp_path, one):
        def grouped(number: int) -> Path:
            groups = {"sort": tuple(map(str, range(number)))}
            items = [scored_item("p", "p", groups, confusion(50, 1))]
            scored = result(scored_set("dataset", 3, items), dataset_sha256="d" * 64)
            return write(tmp_path / "grouped.json", scored)

        assert names(one, grouped(MOST_GROUPS)) == ["One", "tiny"]
        assert "into 301 groups, expected at most 300" in self.refused(grouped(301), one)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('"link":""', '"link":"javascript:alert(1)"', "link 'javascript:alert(1)', expected"),
            ('"link":""', '"link":"https:///etc"', "expected an address that begins with https://"),
            ('"name":"Two"', f'"name":"{"x" * 101}"', "a name of 101 characters, expected at most"),
            ('"year":null', '"year":20266', "year 20266, expected 1990 to 2100"),
            ('"year":null', '"year":"2026"', "no submission: Expected `int | null`"),
            ('"parameters":null', '"parameters":-1', "parameters -1, expected 0 to"),
            ('"flops":null', f'"flops":{10**18}', "flops 1000000000000000000, expected 0 to"),
            ('"cost":null', '"cost":{"parameters":-1,"flops":1}', "a model of -1 parameters"),
        ],
    )
    def test_says_of_itself_what_cannot_be(self, one, two, old, new, said):
        assert said in self.refused(edit(two, old, new), one)


class TestTheCommand:
    def run(self, *arguments: object):
        return CliRunner().invoke(main, ["board", *map(str, arguments)])

    def test_refuses_in_one_line_with_exit_code_2_and_writes_nothing(self, one, tmp_path):
        edit(one, '"name":"miou_dataset"', '"name":"miou"')
        outcome = self.run(one, "--out", tmp_path / "board")
        assert outcome.exit_code == 2
        assert outcome.stdout == ""
        assert outcome.stderr.startswith(f"error: {one}: states 6 figures, the protocol of")
        assert outcome.stderr.count("\n") == 1
        assert not (tmp_path / "board").exists()
        alone = self.run(one, "--out", tmp_path / "board", "--skip-refused")
        assert alone.exit_code == 2
        assert "nothing is left" in alone.stderr

    def test_replaces_no_other_folder(self, one, tmp_path):
        outcome = self.run(one, "--out", tmp_path)
        assert outcome.exit_code == 2
        assert "holds something that is no board" in outcome.stderr
        assert one.exists()
