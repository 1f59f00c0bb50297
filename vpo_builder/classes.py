"""The class table: which COCO category shows a class and which labels sound like it."""

import functools
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from vpo_builder.dataset.schema import ClassRow
from vpo_builder.dataset.untrusted import CLASS_NAME, class_faults
from vpo_builder.runtime.errors import BAD_JSON, InputError

CLASS_TABLE = Path(__file__).with_name("classes.toml")
CLASS_TABLES = Path(__file__).parent / "presets" / "classes"
"""Class tables of ours by name; a preset of the same name is used with its own."""
PERSON = "person"
MERGED_PERSON_VALUE = 1  # COCO's id of person

LVIS_NAMES = {
    "baseball bat": "baseball_bat",
    "baseball glove": "baseball_glove",
    "bus": "bus_(vehicle)",
    "car": "car_(automobile)",
    "cell phone": "cellular_telephone",
    "couch": "sofa",
    "dining table": "dining_table",
    "donut": "doughnut",
    "fire hydrant": "fireplug",
    "hair drier": "hair_dryer",
    "keyboard": "computer_keyboard",
    "laptop": "laptop_computer",
    "microwave": "microwave_oven",
    "mouse": "mouse_(computer_equipment)",
    "orange": "orange_(fruit)",
    "parking meter": "parking_meter",
    "potted plant": "flowerpot",
    "remote": "remote_control",
    "skis": "ski",
    "sports ball": "ball",
    "stop sign": "stop_sign",
    "teddy bear": "teddy_bear",
    "tennis racket": "tennis_racket",
    "tie": "necktie",
    "traffic light": "traffic_light",
    "train": "train_(railroad_vehicle)",
    "tv": "television_set",
    "wine glass": "wineglass",
}
"""What LVIS v1 calls COCO's categories where it has another name, by the synsets that its API gives
(lvis-api, data/coco_to_synset.json); none of COCO's names means something else there."""


@dataclass(frozen=True)
class SoundingClass:
    """A row of the table; `mask_value` is what mask files hold.

    `category` is what COCO calls it, or every name that the lists of masks have for it.
    """

    name: str
    mask_value: int
    category: str | tuple[str, ...]
    group: str
    labels: tuple[str, ...]

    @property
    def categories(self) -> tuple[str, ...]:
        """The names by which lists of masks have it."""
        return (self.category,) if isinstance(self.category, str) else self.category


def class_table_of(given: Path | None, preset: str | None) -> Path:
    """Return the class table that was asked for: a file, one of ours by name, or the preset's."""
    if given is None:
        own = CLASS_TABLES / f"{preset}.toml"
        return own if own.is_file() else CLASS_TABLE
    named = {path.stem: path for path in CLASS_TABLES.glob("*.toml")}
    return given if given.exists() else named.get(str(given), given)


def read_class_table(
    path: Path, person_policy: str, known_labels: Iterable[str]
) -> tuple[SoundingClass, ...]:
    """Return the rows of a class table, sorted by name, with the person policy applied.

    Raises InputError naming the row when a label is not known, a label, a mask value or a category
    but person stands in two rows, or a mask value is not in [1, 254].
    """
    rows = _decode(path)
    _check(rows, set(known_labels), path)
    if person_policy == "drop":
        rows = [row for row in rows if PERSON not in row.categories]
    if person_policy == "merge":
        rows = _merge_persons(rows)
    table = tuple(sorted(rows, key=lambda row: row.name))
    for reason in class_faults(class_rows(table)):  # what no reader of the dataset would take
        raise InputError(f"{path}: {reason}")
    return table


def class_rows(table: Iterable[SoundingClass]) -> tuple[ClassRow, ...]:
    """Return the manifest's class list: background first, then the table in order."""
    background = ClassRow(0, "background", 0, "background")
    rows = [
        ClassRow(index, row.name, row.mask_value, row.group)
        for index, row in enumerate(table, start=1)
    ]
    return (background, *rows)


def spelt_as_wanted(name: str, wanted: Iterable[str]) -> str:
    """Return the wanted name that differs in capitals, spaces, `_` and `-` alone, else `name`."""
    return name if name in wanted else _by_plain_name(frozenset(wanted)).get(_plain(name), name)


@functools.cache
def _by_plain_name(wanted: frozenset[str]) -> dict[str, str]:
    return {_plain(name): name for name in sorted(wanted, reverse=True)}


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def _decode(path: Path) -> list[SoundingClass]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        return msgspec.convert(tree.get("class"), list[SoundingClass])
    except OSError as error:
        raise InputError(f"{path}: the class table cannot be read: {error.strerror}") from None
    except (*BAD_JSON, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: not a class table: {error}; see {CLASS_TABLE.name}") from None


def _check(rows: list[SoundingClass], known_labels: set[str], path: Path) -> None:
    seen: dict[str | int, str] = {}
    for row in rows:
        where = f"{path}: class {row.name!r}"
        if not CLASS_NAME.fullmatch(row.name):
            raise InputError(
                f"{where}: a class's name becomes a folder's: expected letters, digits, spaces, "
                "'_' and '-', a letter or digit first"
            )
        if not 1 <= row.mask_value <= 254:
            raise InputError(f"{where}: mask_value {row.mask_value} is outside [1, 254]")
        for label in row.labels:
            if label not in known_labels:
                raise InputError(
                    f"{where}: {label!r} is none of VGGSound's labels, nor of a list given by "
                    "--sounds: correct it"
                )
        for key in (row.name, row.mask_value, *row.labels):
            if key in seen:
                raise InputError(f"{where}: {key!r} also stands in class {seen[key]!r}")
        seen.update(dict.fromkeys({row.name, row.mask_value, *row.labels}, row.name))
    _check_categories(rows, path)


def _check_categories(rows: list[SoundingClass], path: Path) -> None:
    seen: dict[str, str] = {}
    for row in rows:
        where = f"{path}: class {row.name!r}"
        if not row.categories:
            raise InputError(f"{where}: no category: give the name that masks have for it")
        for category in row.categories:
            if category in seen:
                other = seen[category]
                raise InputError(f"{where}: category {category!r} also stands in class {other!r}")
        seen.update(dict.fromkeys(set(row.categories) - {PERSON}, row.name))


def _merge_persons(rows: list[SoundingClass]) -> list[SoundingClass]:
    persons = [row for row in rows if PERSON in row.categories]
    if not persons:
        return rows
    labels = tuple(sorted(label for row in persons for label in row.labels))
    merged = SoundingClass(PERSON, MERGED_PERSON_VALUE, PERSON, persons[0].group, labels)
    return [*(row for row in rows if PERSON not in row.categories), merged]


def classes_of_labels(table: Iterable[SoundingClass]) -> dict[str, str]:
    """Return the class of each label; a class's own name is one too, unless a class lists it."""
    classes = {row.name: row.name for row in table}
    return classes | {label: row.name for row in table for label in row.labels}


def values_of_categories(table: Iterable[SoundingClass]) -> dict[str, int]:
    """Return what masks of one's own hold for a category where nothing else is said."""
    return {
        row.name if PERSON in row.categories else row.categories[0]: row.mask_value for row in table
    }


def classes_by_category(table: Iterable[SoundingClass]) -> dict[str, str]:
    """Return the class that each category shows; that of person is "person" until it is resolved.

    Lists of one's own may tell male, female and baby apart already: those names show themselves.
    LVIS's name of a category of COCO shows what that shows, unless another class lists it.
    """
    rows = [(row, name) for row in table for name in row.categories]
    told = {row.name: row.name for row, name in rows if name == PERSON}
    in_lvis = {LVIS_NAMES[name]: row.name for row, name in rows if name in LVIS_NAMES}
    return told | in_lvis | {name: PERSON if name == PERSON else row.name for row, name in rows}
