import dataclasses
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from avs_bench.config import Settings
from vpo_builder.config import PRESETS, BuildConfig, SinglePlusConfig, load_config
from vpo_builder.fetching.settings import FetchSettings
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import (
    Later,
    Range,
    from_tree,
    load_settings,
    preset_names,
    to_tree,
)


@pytest.mark.parametrize("preset", preset_names(PRESETS))
def test_every_preset_is_complete(preset: str) -> None:
    config = load_config(preset)
    assert from_tree(BuildConfig, to_tree(config), "round trip") == config


def test_a_set_value_replaces_the_presets() -> None:
    config = load_config("default", ["filters.min_area_fraction=1e-3", "person.policy=merge"])
    assert config.filters.min_area_fraction == 0.001
    assert config.person.policy == "merge"


def test_the_paper_sized_preset_limits_by_class_and_split() -> None:
    limits = load_config("paper-sized").limits
    assert (limits.of("sports ball", "ss"), limits.of("nothing", "ss")) == (171, None)
    assert [limits.of("car", split) for split in ("ss", "ms", "msmi")] == [1119, 1670, 1119]
    assert limits.of("sports ball", "ms") == 171
    assert load_config("default").limits.of("dog", "ms") is None


LATER = {
    "subsets.test": "share",
    "subsets.test_fraction": 0.25,
    "filters.repeats": "sounding",
    "person.ambiguous": "silent",
    "selection.min_sources": 1,
    "limits.per_class_in": "{ms = {dog = 3}}",
}
"""Settings that came after the first manifests were published, each with another value."""


def flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        inner = isinstance(value, dict) and not prefix
        leaves |= flat(value, f"{name}.") if inner else {prefix + name: value}
    return leaves


@pytest.mark.parametrize("preset", ["default", "paper-sized"])
def test_a_later_setting_is_stored_only_where_it_differs(preset: str) -> None:
    plain = load_config(preset)
    before = flat(to_tree(plain))
    for path, value in LATER.items():
        changed = load_config(preset, [f"{path}={value}"])
        stored = to_tree(changed)
        assert flat(stored).keys() - before.keys() <= {path}
        assert path in flat(stored)
        assert from_tree(BuildConfig, stored, "stored") == changed != plain
    differing = {"limits.per_class_in"} if preset == "paper-sized" else set()
    assert LATER.keys() & before.keys() == differing


def test_a_record_from_before_a_setting_existed_is_read_as_what_it_was() -> None:
    stored = to_tree(load_config("default"))
    assert "repeats" not in stored["filters"]
    assert from_tree(BuildConfig, stored, "stored") == load_config("default")
    del stored["filters"]["min_area_fraction"]  # one that has always been there
    with pytest.raises(InputError, match=r"setting filters.min_area_fraction is missing"):
        from_tree(BuildConfig, stored, "stored")


def test_the_default_preset_says_what_held_before_each_later_setting() -> None:
    tree = tomllib.loads((PRESETS / "default.toml").read_text())
    said = {
        f"{group}.{name}": later.value
        for group, kind in get_type_hints(BuildConfig).items()
        for name, hint in get_type_hints(kind, include_extras=True).items()
        for later in getattr(hint, "__metadata__", ())
        if isinstance(later, Later)
    }
    assert said.keys() == LATER.keys()
    assert said == {path: flat(tree)[path] for path in said}


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("filters.min_aera=1", r"unknown setting 'filters.min_aera': choose one of filters.min_ar"),
        ("filtres.min_area_fraction=1", r"unknown setting 'filtres': choose one of subsets, filt"),
        ("filters.min_area_fraction=big", r"setting filters.min_area_fraction: Expected `float`"),
        ("person.policy=guess", r"person.policy: .*choose one of captions, merge, drop"),
        ("filters.min_area_fraction=7", r"filters.min_area_fraction: 7.* is outside \[0, 1\]"),
        ("limits.max_missing_fraction=nan", r"nan is outside"),
        ("clips.max_seconds=0.5", r"clips.max_seconds: 0.5 is below clips.min_seconds, 1.0: give"),
        ("selection.min_sources=6", r"selection.max_sources: 5 is below selection.min_sources, 6"),
        ("selection.min_sources=0", r"selection.min_sources: 0 is outside \[1, 100\]"),
        ("subsets.test=train2017", r"subsets.test: .*choose one of val2017, share"),
        ("limits.per_class_in={mono={dog=1}}", r"limits.per_class_in: .*'mono'.* one of ss, ms"),
        ("limits.per_class_in={ms={dog=-1}}", r"limits.per_class_in: .* is outside"),
        ("limits.per_class={dog=1, cat=-1}", r"limits.per_class: .* is outside \[0, 1000000000\]"),
        ("filters", r"expected key.path=value"),
        ("filters.min_area_fraction.x=1", r"'min_area_fraction' is a value, not a group"),
    ],
)
def test_a_wrong_setting_is_named_with_its_choices(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_config("default", [override])


def test_an_unknown_preset_is_named_with_the_choices() -> None:
    with pytest.raises(
        InputError, match=r"no preset '\.\./x': choose one of as-published, default, p"
    ):
        load_config("../x")


def test_a_preset_extends_another_key_by_key(tmp_path: Path) -> None:
    folder = Path(load_config.__code__.co_filename).parent / "presets"
    for path in folder.glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "mine.toml").write_text('extends = "paper-sized"\n[limits.per_class]\ndog = 3\n')
    config = load_settings(BuildConfig, tmp_path, "mine")
    assert preset_names(tmp_path) == sorted([*preset_names(folder), "mine"])
    assert (config.limits.of("dog", "ss"), config.limits.of("cat", "ss")) == (3, 590)


def test_what_presets_share_is_no_preset_by_itself(tmp_path: Path) -> None:
    folder = Path(load_config.__code__.co_filename).parent / "presets"
    (tmp_path / "_shared.toml").write_bytes((folder / "default.toml").read_bytes())
    (tmp_path / "mine.toml").write_text('extends = "_shared"\n')
    assert preset_names(tmp_path) == ["mine"]
    assert load_settings(BuildConfig, tmp_path, "mine") == load_config("default")
    with pytest.raises(InputError, match="no preset '_shared': choose one of mine"):
        load_settings(BuildConfig, tmp_path, "_shared")


def ranges(kind: Any, prefix: str = "") -> Iterator[tuple[str, Range | None]]:
    """Yield every setting that is a number, or holds some, with its range."""
    for name, hint in get_type_hints(kind, include_extras=True).items():
        if dataclasses.is_dataclass(hint):
            yield from ranges(hint, f"{prefix}{name}.")
        elif re.search(r"\b(int|float)\b", str(hint)) and "Literal" not in str(hint):
            yield prefix + name, getattr(hint, "__metadata__", (None,))[0]


@pytest.mark.parametrize("kind", [BuildConfig, SinglePlusConfig, FetchSettings, Settings])
def test_every_number_has_a_range(kind: type) -> None:
    found = dict(ranges(kind))
    assert len(found) > 7
    assert [path for path, range_ in found.items() if range_ is None] == []


@pytest.mark.parametrize(
    ("range_", "inside", "outside"),
    [
        (Range(1, 3), (1, 3, 2.5), (0.999, 3.001, math.nan, math.inf, 0)),
        (Range(0, 1, below=True), (0, 0.999), (1, -1e-9)),
        (Range(16, 64, zero=True), (0, 16), (1, 15, -16, 65)),
        (Range(0, 1), ((0.5, 1), {}, {"dog": 1}), ((), (0.5, 2), {"dog": 2})),
    ],
)
def test_a_range_holds_its_ends(range_: Range, inside: Any, outside: Any) -> None:
    assert all(map(range_.holds, inside))
    assert not any(map(range_.holds, outside))


def test_a_range_is_written_as_it_is_meant() -> None:
    shown = [str(r) for r in (Range(1, 3), Range(0, 0.5, below=True), Range(16, 64, zero=True))]
    assert shown == ["[1, 3]", "[0, 0.5)", "0 or [16, 64]"]
