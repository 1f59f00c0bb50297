from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.builder.building import build_from
from tests.builder.small_corpus import LEFT, SmallCorpus
from vpo_builder.commands.vpo_data import data_command


@pytest.fixture
def persons(tmp_path: Path) -> Path:
    """Return a dataset whose captions speak of two men, one woman, and one of both."""
    corpus = SmallCorpus(tmp_path)
    says = ["A man.", "A guy rides.", "A woman.", "A man and a woman."]
    for number, text in enumerate(says, start=1):
        corpus.image(number, ("person", LEFT), captions=(text, text))
    for number in range(20):
        corpus.clip(f"man-clip-{number:02d}", "male singing")
        corpus.clip(f"wom-clip-{number:02d}", "female singing")
    corpus.write()
    return build_from(tmp_path, tmp_path / "out", overrides=("subsets.val_fraction=0",)).folder


def stats(folder: Path, labels: str, tmp_path: Path) -> tuple[int, str]:
    table = tmp_path / "labels.csv"
    table.write_text(labels)
    options = [str(folder), "--png", str(tmp_path / "x.png"), "--person-labels", str(table)]
    result = CliRunner().invoke(data_command, ["stats", *options])
    return result.exit_code, result.output


def test_the_resolver_is_held_against_hand_given_labels(persons: Path, tmp_path: Path) -> None:
    labels = "image_id,label\n1,male\n2,female\n3,female\n4,male\n99,baby\n"
    code, said = stats(persons, labels, tmp_path)
    assert code == 0
    assert "3 of 4 labelled images decided, 2 of them as labelled (66.7 %); 1 labelled" in said
    assert "captions say male       hand says female     1" in said
    assert "captions say ambiguous  hand says male       1" in said


def test_agreeing_that_nothing_can_be_said_is_no_decision(persons: Path, tmp_path: Path) -> None:
    _, said = stats(persons, "image_id,label\n1,male\n4,ambiguous\n", tmp_path)
    assert "1 of 2 labelled images decided, 1 of them as labelled (100.0 %)" in said


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("image,label\n1,male\n", "columns are ['image', 'label'], expected image_id, label"),
        ("image_id,label\nx,male\n", "line 2: image_id 'x' is no number"),
        ("image_id,label\n1,male\n1,baby\n", "line 3: image 1 has two labels"),
    ],
)
def test_a_wrong_list_of_labels_is_refused(
    persons: Path, tmp_path: Path, labels: str, said: str
) -> None:
    code, output = stats(persons, labels, tmp_path)
    assert code == 2
    assert said in output
