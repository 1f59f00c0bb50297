"""Where pictures and their masks lie: in COCO 2017's folder, or as a `sources.toml` says."""

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, get_args

import msgspec

from vpo_builder.config import SubsetSettings
from vpo_builder.dataset.schema import IGNORE
from vpo_builder.dataset.untrusted import LARGEST_ID
from vpo_builder.records import Home
from vpo_builder.runtime.errors import BAD_JSON, InputError
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.sources.coco_folders import coco_places

COCO_PARTS: Mapping[str, Home] = {"train2017": "train", "val2017": "test"}
LARGEST_TOML = 1_000_000
EXPECTED = "expected a toml of tables [[images]], or a folder with the folders pictures and masks"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,60}", re.ASCII)

_Value = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
_Added = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID)]


@dataclass(frozen=True)
class ImageSource:
    """A list of masks with its pictures.

    `masks` is a json of COCO's shape, or a folder of PNGs; `pictures` the folder in which the
    files lie that it names, `elsewhere` folders and zips that may hold them where there is no such
    folder, `captions` the files that describe them. `inputs` is the folder by
    which a manifest names the list. `add_to_image_ids` and `add_to_annotation_ids` are added to
    the list's ids. What follows holds for pictures of which the list itself tells nothing:
    `licence`, `licence_url` and `page`, and for PNGs of classes `values`, category -> pixel value.
    """

    inputs: str
    masks: Path
    pictures: Path
    home: Home
    captions: tuple[Path, ...] = ()
    name: str = ""
    add_to_image_ids: int = 0
    add_to_annotation_ids: int = 0
    licence: str = ""
    licence_url: str = ""
    page: str = ""
    values: Mapping[str, int] = field(default_factory=dict)
    elsewhere: tuple[Path, ...] = ()

    def settings_sha256(self) -> str:
        """Return the hash of what the user says of the list, where it lies apart."""
        ids = (self.add_to_image_ids, self.add_to_annotation_ids)
        said = (self.home, *ids, self.licence, self.licence_url, self.page)
        values = sorted(self.values.items())
        return hashlib.sha256(msgspec.json.encode((*said, values))).hexdigest()


def coco_2017(coco: Path, subsets: SubsetSettings) -> list[ImageSource]:
    """Return the lists of COCO 2017; val2017 only where test comes from it."""
    sources = []
    for part, home in COCO_PARTS.items():
        if home == "train" or subsets.test == "val2017":
            found = coco_places(coco, part)
            lists = (found.instances, found.pictures, home, (found.captions,))
            folder = found.instances.parent.name if found.is_fiftyone else "annotations"
            sources.append(ImageSource(f"coco/{folder}", *lists, elsewhere=found.elsewhere))
    return sources


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table `[[images]]`, as a user writes it."""

    masks: str
    pictures: str
    subset: Home = "divided"
    name: str = ""
    captions: str | list[str] = msgspec.field(default_factory=list)
    add_to_image_ids: _Added = 0
    add_to_annotation_ids: _Added = 0
    licence: str = ""
    licence_url: str = ""
    page: str = ""
    values: dict[str, _Value] = msgspec.field(default_factory=dict)

    def source(self, folder: Path) -> ImageSource:
        """Return the source; its paths are relative to the folder of the toml."""
        captions = [self.captions] if isinstance(self.captions, str) else self.captions
        masks = folder / self.masks
        name = self.name or masks.stem
        return ImageSource(
            f"images/{name}",
            masks,
            folder / self.pictures,
            self.subset,
            tuple(folder / text for text in captions),
            name,
            self.add_to_image_ids,
            self.add_to_annotation_ids,
            self.licence,
            self.licence_url,
            self.page,
            self.values,
        )


def read_image_sources(path: Path) -> list[ImageSource]:
    """Return the sources that a toml lists, or the one that a folder of one's own is.

    A folder holds `sources.toml`, or `pictures/` and `masks/`. Raises InputError naming the table
    and the key for what cannot be.
    """
    if path.is_dir() and not (path / "sources.toml").is_file():
        _refuse_other_folder(path)
        rows = [_Row("masks", "pictures", name=path.resolve().name)]
        return [_checked(row, path, path) for row in rows]
    path = path / "sources.toml" if path.is_dir() else path
    tables = _decode(path)
    sources = [_checked(row, path.parent, path) for row in tables]
    for name, count in Counter(source.name for source in sources).items():
        if count > 1:
            raise InputError(
                f'{path}: {count} tables are called {name!r}: give each its own name = "…"'
            )
    return sources


def _refuse_other_folder(path: Path) -> None:
    missing = [name for name in ("pictures", "masks") if not (path / name).is_dir()]
    if missing:
        raise InputError(
            f"--images {path}: no {' and no '.join(missing)} in it: expected the folders pictures "
            "and masks, or a sources.toml"
        )


def _decode(path: Path) -> list[_Row]:
    try:
        tree: Any = tomllib.loads(read_regular(path, LARGEST_TOML).decode("utf-8-sig"))
        unknown = sorted(tree.keys() - {"images"})
        if unknown:
            raise InputError(f"{path}: unknown key {unknown[0]!r}: expected tables [[images]]")
        rows = msgspec.convert(tree.get("images", []), list[_Row])
    except OSError as error:
        raise InputError(f"--images {path}: cannot be read: {error.strerror}; {EXPECTED}") from None
    except (*BAD_JSON, tomllib.TOMLDecodeError) as error:
        homes = f" ({', '.join(get_args(Home))})" if "enum value" in str(error) else ""
        raise InputError(f"{path}: not a list of sources: {error}{homes}; {EXPECTED}") from None
    if not rows:
        raise InputError(f"{path}: no table [[images]]: give masks and pictures in one")
    return rows


def _checked(row: _Row, folder: Path, path: Path) -> ImageSource:
    source = row.source(folder)
    where = f"{path}: images {source.name!r}"
    if not _NAME.fullmatch(source.name):
        raise InputError(
            f"{where}: a name stands in the manifest: expected up to 61 letters, digits, spaces, "
            "'.', '_' and '-', a letter or digit first: give name = \"…\""
        )
    twice = [value for value, n in Counter(row.values.values()).items() if n > 1]
    if twice or IGNORE in row.values.values():
        value = twice[0] if twice else IGNORE
        why = "stands for two categories" if twice else "means no class"
        raise InputError(f"{where}: values: {value} {why}: give each category its own")
    if row.values and source.masks.suffix.lower() == ".json":
        raise InputError(f"{where}: values: a json names its categories: leave them out")
    return source
