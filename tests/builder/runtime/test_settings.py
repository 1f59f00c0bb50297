from pathlib import Path

import pytest

from vpo_builder.config import BuildConfig, load_config
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import from_tree, load_settings, preset_names, to_tree


@pytest.mark.parametrize("preset", ["default", "paper-sized"])
def test_every_preset_is_complete(preset: str) -> None:
    config = load_config(preset)
    assert from_tree(BuildConfig, to_tree(config), "round trip") == config


def test_a_set_value_replaces_the_presets() -> None:
    config = load_config("default", ["filters.min_area_fraction=1e-3", "person.policy=merge"])
    assert config.filters.min_area_fraction == 0.001
    assert config.person.policy == "merge"


def test_the_paper_sized_preset_limits_by_class() -> None:
    limits = load_config("paper-sized").limits
    assert (limits.of("sports ball"), limits.of("nothing")) == (171, None)
    assert load_config("default").limits.of("dog") is None


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("filters.min_aera=1", r"unknown setting 'filters.min_aera': choose one of filters.min_ar"),
        ("filtres.min_area_fraction=1", r"unknown setting 'filtres': choose one of subsets, filt"),
        ("filters.min_area_fraction=big", r"setting filters.min_area_fraction: Expected `float`"),
        ("person.policy=guess", r"person.policy: .*choose one of captions, merge, drop"),
        ("filters.min_area_fraction=7", r"filters.min_area_fraction: 7.* is outside \[0, 1\]"),
        ("limits.max_missing_fraction=nan", r"nan is outside"),
        ("filters", r"expected key.path=value"),
        ("filters.min_area_fraction.x=1", r"'min_area_fraction' is a value, not a group"),
    ],
)
def test_a_wrong_setting_is_named_with_its_choices(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load_config("default", [override])


def test_an_unknown_preset_is_named_with_the_choices() -> None:
    with pytest.raises(InputError, match=r"no preset '\.\./x': choose one of default, paper-sized"):
        load_config("../x")


def test_a_preset_extends_another_key_by_key(tmp_path: Path) -> None:
    folder = Path(load_config.__code__.co_filename).parent / "presets"
    for path in folder.glob("*.toml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "mine.toml").write_text('extends = "paper-sized"\n[limits.per_class]\ndog = 3\n')
    config = load_settings(BuildConfig, tmp_path, "mine")
    assert preset_names(tmp_path) == ["default", "mine", "paper-sized"]
    assert (config.limits.of("dog"), config.limits.of("cat")) == (3, 590)


def test_what_presets_share_is_no_preset_by_itself(tmp_path: Path) -> None:
    folder = Path(load_config.__code__.co_filename).parent / "presets"
    (tmp_path / "_shared.toml").write_bytes((folder / "default.toml").read_bytes())
    (tmp_path / "mine.toml").write_text('extends = "_shared"\n')
    assert preset_names(tmp_path) == ["mine"]
    assert load_settings(BuildConfig, tmp_path, "mine") == load_config("default")
    with pytest.raises(InputError, match="no preset '_shared': choose one of mine"):
        load_settings(BuildConfig, tmp_path, "_shared")
