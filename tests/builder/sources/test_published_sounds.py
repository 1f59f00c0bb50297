"""FSD50K and ESC-50 as published: one folder, one flag, and each clip's author and licence."""

import json
from pathlib import Path

import pytest

from vpo_builder.classes import CLASS_TABLE, classes_of_labels, read_class_table
from vpo_builder.dataset.clip_ids import is_clip_id
from vpo_builder.records import Sounds
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.label_equivalents import equivalents
from vpo_builder.sources.sounds import open_sounds, united
from vpo_builder.sources.vggsound import known_labels

BY = "http://creativecommons.org/licenses/by/3.0/"
ZERO = "http://creativecommons.org/publicdomain/zero/1.0/"
WANTED = frozenset(classes_of_labels(read_class_table(CLASS_TABLE, "captions", known_labels())))


def write_fsd50k(folder: Path, *, rehosted: bool = False) -> Path:
    """Write three dev clips and one of eval, by its documentation or as a re-host keeps it."""
    lists = folder / ("labels" if rehosted else "FSD50K.ground_truth")
    about = folder / ("metadata" if rehosted else "FSD50K.metadata")
    for place in (lists, about):
        place.mkdir(parents=True)
    rows = {
        "dev": [
            '64760,"Bark,Dog,Domestic_animals_and_pets,Animal","/m/05tny_,/m/0bt9lr",train',
            '16399,"Meow,Bark,Cat,Dog,Animal","/m/07qrkrw",val',
            '52,"Chirp_and_tweet,Bird,Animal","/m/07pggtn",train',
        ],
        "eval": ['37199,"Race_car_and_auto_racing,Car,Vehicle","/m/0ltv"'],
    }
    for name, lines in rows.items():
        header = "fname,labels,mids" + ",split" * (name == "dev")
        (lists / f"{name}.csv").write_text("\n".join([header, *lines, ""]))
        told = {
            line.partition(",")[0]: {
                "title": "x",
                "description": "<b>y</b>",
                "tags": ["dog"],
                "license": ZERO if line.startswith("52") else BY,
                "uploader": "rex" if name == "dev" else "anna",
            }
            for line in lines
        }
        (about / f"{name}_clips_info_FSD50K.json").write_text(json.dumps(told))
        audio = folder / (f"clips/{name}" if rehosted else f"FSD50K.{name}_audio")
        audio.mkdir(parents=True)
        for number in told:
            (audio / f"{number}.wav").touch()
    return folder


def write_esc50(folder: Path) -> Path:
    """Write three clips, two of them cut from recordings of one person."""
    (folder / "meta").mkdir(parents=True)
    (folder / "audio").mkdir()
    (folder / "meta" / "esc50.csv").write_text(
        "filename,fold,target,category,esc10,src_file,take\n"
        "1-100032-A-0.wav,1,0,dog,True,100032,A\n"
        "2-100099-B-3.wav,2,3,cow,False,100099,B\n"
        "3-5-A-32.wav,3,32,keyboard_typing,False,5,A\n"
    )
    (folder / "LICENSE").write_text(
        "## Licensing/attribution details for individual clips:\n\n101 - Dog:\n"
        "- [1-100032-A.ogg]: clip derived from rose (bark).wav "
        "(http://www.freesound.org/people/nfrae/sounds/100032/) by nfrae [CC0]\n"
        "- [2-100099-B.ogg]:  clip derived from cow "
        "(http://www.freesound.org/people/nfrae/sounds/100099/) by nfrae [CC-Sampling+]\n"
    )
    for name in ("1-100032-A-0.wav", "2-100099-B-3.wav", "3-5-A-32.wav"):
        (folder / "audio" / name).touch()
    return folder


def selected(folder: Path) -> Sounds:
    return united([open_sounds(folder).select(WANTED)])


@pytest.mark.parametrize("rehosted", [False, True])
def test_fsd50k_is_read_from_its_folder(tmp_path: Path, rehosted: bool) -> None:
    sounds = selected(write_fsd50k(tmp_path, rehosted=rehosted))
    rows = {row.clip_id: (row.group, row.labels, row.split) for row in sounds.rows}
    assert rows == {
        "fsd50k-52": ("freesound.org/people/rex", ("bird chirping, tweeting",), "train"),
        "fsd50k-16399": (
            "freesound.org/people/rex",
            ("cat meowing", "dog barking"),
            "train",
        ),
        "fsd50k-64760": ("freesound.org/people/rex", ("dog barking",), "train"),
        "fsd50k-37199": (
            "freesound.org/people/anna",
            ("race car, auto racing", "car passing by"),
            "test",
        ),
    }
    assert {path.name for path in sounds.paths.values() if isinstance(path, Path)} == {
        *("52.wav", "16399.wav", "64760.wav", "37199.wav")
    }
    credit = sounds.credits["fsd50k-52"]
    assert (credit.licence, credit.licence_url, credit.author) == ("CC0 1.0", ZERO, "rex")
    assert credit.page == "https://freesound.org/s/52/"
    assert sounds.credits["fsd50k-37199"].licence == "CC BY 3.0"
    assert set(sounds.inputs) == {
        *("sounds/FSD50K/dev.csv", "sounds/FSD50K/dev_clips_info_FSD50K.json"),
        *("sounds/FSD50K/eval.csv", "sounds/FSD50K/eval_clips_info_FSD50K.json"),
    }


def test_a_table_that_names_a_label_of_the_set_goes_by_that_alone(tmp_path: Path) -> None:
    opened = open_sounds(write_fsd50k(tmp_path))
    assert "Chirp_and_tweet" in opened.labels
    rows = opened.select(frozenset({"Meow", "dog barking"})).rows
    assert {row.clip_id: row.labels for row in rows} == {
        "fsd50k-16399": ("Meow",),
        "fsd50k-64760": ("dog barking",),
    }


def test_esc50_is_read_from_its_folder_with_the_authors_that_its_licence_names(
    tmp_path: Path,
) -> None:
    sounds = selected(write_esc50(tmp_path))
    rows = {row.clip_id: (row.group, row.labels, row.split) for row in sounds.rows}
    assert rows == {
        "esc50-1-100032-A-0": ("freesound.org/people/nfrae", ("dog",), ""),
        "esc50-2-100099-B-3": ("freesound.org/people/nfrae", ("cow",), ""),
        "esc50-3-5-A-32": ("https://freesound.org/s/5/", ("typing on computer keyboard",), ""),
    }
    told = {clip: (c.licence, c.author, c.page) for clip, c in sounds.credits.items()}
    assert told == {
        "esc50-1-100032-A-0": (
            "CC BY 3.0 (its original: CC0)",
            "nfrae",
            "http://www.freesound.org/people/nfrae/sounds/100032/",
        ),
        "esc50-2-100099-B-3": (
            "CC BY-NC 3.0 (its original: CC-Sampling+)",
            "nfrae",
            "http://www.freesound.org/people/nfrae/sounds/100099/",
        ),
        "esc50-3-5-A-32": ("CC BY-NC 3.0", "", "https://freesound.org/s/5/"),
    }
    assert sounds.credits["esc50-1-100032-A-0"].licence_url.endswith("/by/3.0/")


def test_several_sets_serve_together_and_one_author_is_one_group(tmp_path: Path) -> None:
    fsd50k, esc50 = write_fsd50k(tmp_path / "fsd"), write_esc50(tmp_path / "esc")
    both = united([open_sounds(fsd50k).select(WANTED), open_sounds(esc50).select(WANTED)])
    assert len(both.rows) == 7
    assert [row.clip_id for row in both.rows] == sorted(row.clip_id for row in both.rows)
    with pytest.raises(InputError, match="clip ids fsd50k-16399 and fsd50k-16399 would be one"):
        united([open_sounds(fsd50k).select(WANTED)] * 2)


def spoil(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("ground_truth/dev.csv", "64760,", "../64760,", "line 2: fname '../64760' is no clip of"),
        ("ground_truth/dev.csv", "64760,", "1,", "line 2: fname '1' is no clip of the metadata"),
        ("ground_truth/dev.csv", '"Bark,', '"Bark\x1b,', r"label 'Bark\x1b': expected a short"),
        ("ground_truth/dev.csv", ",mids", "", "fsd50k-52"),
        ("ground_truth/dev.csv", "fname,labels", "fname,label", "no column labels"),
        ("metadata/dev_clips_info_FSD50K.json", '"rex"', '"\\u001b"', r"group 'freesound.org/peop"),
        ("metadata/dev_clips_info_FSD50K.json", '"uploader"', '"up"', "not FSD50K's metadata"),
        ("metadata/dev_clips_info_FSD50K.json", "{", "[", "not FSD50K's metadata"),
    ],
)
def test_what_is_not_as_published_is_refused_in_one_line(
    tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    folder = write_fsd50k(tmp_path)
    spoil(folder / f"FSD50K.{file}", old, new)
    if said == "fsd50k-52":
        assert said in selected(folder).credits  # a column that nobody needs
        return
    with pytest.raises(InputError) as refused:
        selected(folder)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_without_the_metadata_the_line_says_what_to_unpack(tmp_path: Path) -> None:
    folder = write_fsd50k(tmp_path)
    (folder / "FSD50K.metadata" / "eval_clips_info_FSD50K.json").unlink()
    with pytest.raises(InputError, match=r"no eval_clips_info_FSD50K\.json.*FSD50K\.metadata\.zip"):
        selected(folder)
    (folder / "FSD50K.ground_truth" / "eval.csv").unlink()
    assert len(selected(folder).rows) == 3  # dev alone serves too


def test_a_row_of_esc50_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = write_esc50(tmp_path)
    spoil(folder / "meta" / "esc50.csv", "1-100032-A-0.wav", "../1-100032-A-0.wav")
    with pytest.raises(InputError, match=r"line 2: not a row of ESC-50: '\.\./1-100032"):
        selected(folder)


def test_every_equivalent_is_a_label_of_vggsound() -> None:
    for vocabulary in ("audioset", "esc50"):
        table = equivalents(vocabulary)  # type: ignore[arg-type]
        assert set(table.values()) <= known_labels()
        assert all(name == name.lower() for name in table)


def test_ids_are_safe(tmp_path: Path) -> None:
    for folder in (write_fsd50k(tmp_path / "a"), write_esc50(tmp_path / "b")):
        assert all(is_clip_id(row.clip_id) for row in selected(folder).rows)
