"""Where the class tables of a model and of a dataset meet."""

from pathlib import Path

import numpy as np
import pytest
import torch

from avs_bench.data.class_map import ClassMap, read_class_map
from avs_bench.data.images import PictureReader
from avs_bench.data.vpo import read_vpo
from avs_bench.scoring.renaming import renamed_logits
from tests.builder.dataset_by_hand import Picture, write_dataset
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.runtime.errors import InputError

MODEL = ("background", "violin", "Cell_Phone", "dog", "wolf", "person")
DATA = ("background", "bird", "cat", "cell phone", "dog", "female", "male")


def write_map(folder: Path, *lines: str) -> str:
    path = folder / "map.csv"
    path.write_text("".join(f"{line}\n" for line in ("model,data", *lines)))
    return str(path)


def test_names_are_shared_whatever_their_case_and_what_joins_their_words() -> None:
    found = read_class_map("names", MODEL, DATA)
    assert found == ClassMap(
        "names",
        ("background", "cell phone", "dog"),
        MODEL,
        DATA,
        of_model=(0, 0, 1, 2, 0, 0),
        of_data=(0, IGNORE, IGNORE, 1, 2, IGNORE, IGNORE),
    )
    assert found.label.startswith("2 of 6 classes, mapping ")


def test_two_names_alike_in_one_table_are_shared_only_letter_by_letter() -> None:
    found = read_class_map("names", ("background", "a b", "a_b"), ("background", "a_b", "cat"))
    assert found is not None
    assert found.of_model == (0, 0, 1)


def test_a_file_adds_to_names_and_what_means_the_same_is_one_class(tmp_path: Path) -> None:
    lines = ("wolf,dog", "dog,dog", "person,male", "person,female", "Cell_Phone,")
    found = read_class_map(write_map(tmp_path, *lines), MODEL, DATA)
    assert found is not None
    assert found.classes == ("background", "dog", "person")
    assert found.of_model == (0, 0, 0, 1, 1, 2)  # the phone is told to mean nothing
    assert found.of_data == (0, IGNORE, IGNORE, IGNORE, 1, 2, 2)
    assert found.rule == "map.csv"
    assert "dog (the model's dog + wolf), person" in found.sentence
    names = read_class_map("names", MODEL, DATA)
    assert names is not None
    assert names.label != found.label


def test_labels_are_of_the_scored_side_alone(tmp_path: Path) -> None:
    """Two models of different tables compare where the same pixels are scored under the same."""
    one = read_class_map("names", ("background", "dog", "horn"), DATA)
    other = read_class_map(write_map(tmp_path, "hound,dog"), ("background", "hound"), DATA)
    assert one is not None
    assert other is not None
    assert one.label == other.label


def test_foreground_fits_any_two_tables() -> None:
    found = read_class_map("foreground", ("background", "object"), DATA)
    assert found is not None
    assert (found.of_model, found.of_data) == ((0, 1), (0, *[1] * 6))
    assert found.label == "foreground against background"


@pytest.mark.parametrize("given", ["names", "foreground"])
def test_one_table_is_not_mapped(given: str) -> None:
    table = ("background", "object")
    assert read_class_map(given, table, table) is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("hound,dog",), r"line 2: 'hound' is no class of the model: expected one of violin, "),
        (("dog,cow",), r"line 2: 'cow' is no class of the dataset: expected one of bird, "),
        (("dog,dog", ",dog"), r"line 3: '' is no class of the model"),
        (("background,dog",), r"line 2: 'background' is no class of the model"),
        (("dog,dog,dog",), r"line 2: 3 columns, expected model,data"),
        (("dog",), r"line 2: 1 columns"),
        (("dog,", "Cell_Phone,"), r"share no class: give a csv of model,data"),
        (('dog,"dog',), r"line 2: not csv: "),
    ],
)
def test_wrong_lines_of_a_file_are_one_line(
    tmp_path: Path, lines: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_class_map(write_map(tmp_path, *lines), MODEL, DATA)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory; give names, foreground or a csv"),
        (b"", "line 1: expected model,data"),
        (b"data,model\ndog,dog\n", "line 1: expected model,data, got 'data,model'"),
        (b"model,data\n\xff,dog\n", "not UTF-8 text"),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "map.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        read_class_map(str(path), MODEL, DATA)
    assert "\n" not in str(caught.value)


def test_a_dataset_keeps_what_is_scored_and_ignores_the_rest(tmp_path: Path) -> None:
    cat, dog = ("cat", "-aaaaaaaaaa_000010"), ("dog", "ddddddddddd_000000")
    pictures = [Picture(1, "test", (cat,)), Picture(2, "test", (cat, dog))]
    pictures += [Picture(3, "test", (dog,)), Picture(4, "train", (dog,))]
    whole = read_vpo(write_dataset(tmp_path, pictures))
    mapped = read_class_map("names", ("background", "dog"), whole.classes)
    assert mapped is not None
    dataset = mapped.applied(whole)
    assert dataset.classes == ("background", "dog")
    kept = dataset.subsets["test"]
    assert [example.picture_id for example in kept] == ["2", "3"]
    assert [sorted(example.heard) for example in kept] == [[1], [1]]
    assert len(kept[0].sources) == 2  # the cat is heard, though it is not scored

    before = np.asarray(PictureReader(whole.mask_lookup, 0).read(kept[0]).target)
    after = np.asarray(PictureReader(dataset.mask_lookup, 0).read(kept[0]).target)
    cats, dogs = (before == whole.classes.index(name) for name in ("cat", "dog"))
    assert (after[cats] == IGNORE).all()
    assert (after[dogs] == 1).all()
    assert (after[~cats & ~dogs] == 0).all()


def test_probabilities_of_what_means_one_class_add_up(tmp_path: Path) -> None:
    lines = ("wolf,dog", "dog,dog", "person,male")
    found = read_class_map(write_map(tmp_path, *lines), MODEL, DATA)
    assert found is not None
    logits = torch.randn(2, len(MODEL), 3, 4, generator=torch.Generator().manual_seed(0))
    each, got = logits.softmax(dim=1), renamed_logits(logits, found).softmax(dim=1)
    expected = [each[:, [0, 1]].sum(1), each[:, 2], each[:, [3, 4]].sum(1), each[:, 5]]
    assert found.classes == ("background", "cell phone", "dog", "male")
    torch.testing.assert_close(got, torch.stack(expected, dim=1))


def test_a_binary_logit_is_the_object_s() -> None:
    found = read_class_map("foreground", ("background", "object"), DATA)
    assert found is not None
    logits = torch.tensor([[[[-1.0, 2.0]]]])
    got = renamed_logits(logits, found).softmax(dim=1)[:, 1]
    torch.testing.assert_close(got, logits.sigmoid()[:, 0])
