"""What is said of a method when it is submitted."""

import pytest
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.report.about import LONGEST_LINK, About, about_faults, read_about
from avs_bench.report.submission import read_submission
from avs_bench.results.files import write_result
from tests.bench.report.made_results import pictures, result
from vpo_builder.runtime.errors import InputError


def test_pairs_are_read_with_their_units():
    said = ["name=My = method", "year=2026", "link=https://a.org/x?y=z", "parameters=25.6M"]
    about = read_about([*said, "flops= 1.5G "])
    assert about == About("My = method", 2026, "https://a.org/x?y=z", 25_600_000, 1_500_000_000)
    assert read_about(["parameters=12k", "flops=2T"]) == About(parameters=12_000, flops=2 * 10**12)
    assert read_about([]) == About()


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (["colour=red"], "--about colour=red: expected KEY=VALUE, each once, of name, year, link"),
        (["name"], "expected KEY=VALUE"),
        (["year=2025", "year=2026"], "--about year=2026: expected KEY=VALUE, each once"),
        (["parameters=many"], "expected a number such as 25600000 or 25.6M"),
        (["year=soon"], "--about year=soon: expected a number such as 2026"),
        (["flops=-1"], "expected a number"),
        (["flops=1" + "0" * 18], "expected a number"),
        (["year=1989"], "--about: year 1989, expected 1990 to 2100"),
        (["link=ftp://a.org"], "--about: link 'ftp://a.org', expected an address that begins"),
        (["link=https://a.org/ b"], "expected an address"),
    ],
)
def test_what_cannot_be_is_one_line(pairs, said):
    with pytest.raises(InputError) as error:
        read_about(pairs)
    assert said in str(error.value)


def test_a_link_may_be_so_long_and_no_longer():
    link = "https://a.org/".ljust(LONGEST_LINK, "x")
    assert list(about_faults(About(link=link))) == []
    assert list(about_faults(About(link=link + "x"))) == [
        "a link of 301 characters, expected at most 300"
    ]


def test_it_is_stored_with_the_submission_and_nowhere_else(tmp_path):
    write_result(tmp_path / "run", result(pictures(0.8)))
    command = ["report", str(tmp_path / "run"), "--about", "name=Mine"]
    alone = CliRunner().invoke(main, command)
    assert alone.exit_code == 2
    assert alone.stderr == "error: --about goes into a submission: add --submit FILE\n"
    both = CliRunner().invoke(main, [*command, "--submit", str(tmp_path / "mine.json")])
    assert both.exit_code == 0, both.output
    assert read_submission(tmp_path / "mine.json").about == About("Mine")
