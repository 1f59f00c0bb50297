"""The settings of a build; `presets/*.toml` holds every value and says where it comes from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from vpo_builder.dataset.schema import Split
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import Later, Range, load_settings

PRESETS = Path(__file__).parent / "presets"
SINGLE_PLUS_PRESETS = PRESETS / "single-plus"


@dataclass(frozen=True)
class SubsetSettings:
    """How train2017 and VGGSound's train clips are divided, and where test comes from."""

    val_fraction: Annotated[float, Range(0, 0.9)]
    test: Annotated[Literal["val2017", "share"], Later("val2017")]
    test_fraction: Annotated[float, Range(0, 0.9), Later(0.1)]


@dataclass(frozen=True)
class FilterSettings:
    """Which objects are large enough to sound, and which repeats keep a picture out."""

    min_area_fraction: Annotated[float, Range(0, 1)]
    repeats: Annotated[Literal["any", "sounding"], Later("any")]


@dataclass(frozen=True)
class PersonSettings:
    """How COCO's one category "person" becomes male, female and baby."""

    policy: Literal["captions", "merge", "drop"]
    child: Literal["drop", "adult"]
    ambiguous: Annotated[Literal["drop", "silent"], Later("drop")]
    min_captions: Annotated[int, Range(1, 100)]
    baby: tuple[str, ...]
    female: tuple[str, ...]
    male: tuple[str, ...]
    boy: tuple[str, ...]
    girl: tuple[str, ...]
    child_words: tuple[str, ...]
    can_describe: tuple[str, ...]
    connectives: tuple[str, ...]
    qualified_by: tuple[str, ...]
    toy_words: tuple[str, ...]
    not_before_of: tuple[str, ...]


@dataclass(frozen=True)
class ClipSettings:
    """Which clips can be used; lengths in seconds, loudness in dB of full scale."""

    min_seconds: Annotated[float, Range(0.01, 100_000)]
    max_seconds: Annotated[float, Range(0.01, 100_000)]
    truncation_seconds: Annotated[float, Range(0, 100_000)]
    window_seconds: Annotated[float, Range(0.01, 100_000)]
    silence_dbfs: Annotated[float, Range(-1000, 0)]
    max_clipped_fraction: Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class AudioSettings:
    """How clips are written: samples a second, seconds, and whether mixes are written too."""

    sample_rate: Annotated[int, Range(1000, 192_000)]
    seconds: Annotated[float, Range(0.1, 100_000)]
    render: Literal["mono", "stereo"]


@dataclass(frozen=True)
class SelectionSettings:
    """Which of an image's objects sound."""

    inverse_class_frequency: bool
    counterfactual_test: bool
    min_sources: Annotated[int, Range(1, 100), Later(2)]
    max_sources: Annotated[int, Range(2, 100)]


@dataclass(frozen=True)
class LimitSettings:
    """How many samples a class may have, and how many images may be missing."""

    per_class: Annotated[int | dict[str, int], Range(0, 1_000_000_000)]
    per_class_in: Annotated[dict[Split, dict[str, int]], Range(0, 1_000_000_000), Later({})]
    max_missing_fraction: Annotated[float, Range(0, 1)]

    def of(self, category: str, split: Split) -> int | None:
        """Return the limit of a class in a split, None for no limit."""
        if category in self.per_class_in.get(split, {}):
            return self.per_class_in[split][category]
        if isinstance(self.per_class, int):
            return self.per_class or None
        return self.per_class.get(category)


@dataclass(frozen=True)
class AuditSettings:
    """What is done about photographs that look alike across subsets."""

    near_duplicates: Literal["warn", "drop", "fail"]
    near_duplicate_bits: Annotated[int, Range(0, 128)]


@dataclass(frozen=True)
class SyntheticSettings:
    """The embedded corpus that is built when no source is given."""

    images: Annotated[int, Range(60, 1_000_000)]
    clips_per_class: Annotated[int, Range(10, 100_000)]
    seed: Annotated[int, Range(0, 2**63 - 1)]


@dataclass(frozen=True)
class BuildConfig:
    """Everything that decides which dataset comes out, the seed and the sources apart."""

    subsets: SubsetSettings
    filters: FilterSettings
    person: PersonSettings
    clips: ClipSettings
    audio: AudioSettings
    selection: SelectionSettings
    limits: LimitSettings
    audit: AuditSettings
    synthetic: SyntheticSettings

    def __post_init__(self) -> None:
        """Refuse lengths that no clip could have, and a smallest number above the largest."""
        shortest, longest = self.clips.min_seconds, self.clips.max_seconds
        if shortest > longest:
            raise InputError(
                f"setting clips.max_seconds: {longest} is below clips.min_seconds, {shortest}: "
                "give at least that"
            )
        fewest, most = self.selection.min_sources, self.selection.max_sources
        if fewest > most:
            raise InputError(
                f"setting selection.max_sources: {most} is below selection.min_sources, {fewest}: "
                "give at least that"
            )


@dataclass(frozen=True)
class ImportConfig:
    """Everything that decides which dataset is made of a published copy: its rules are its own."""

    subsets: SubsetSettings
    audit: AuditSettings


@dataclass(frozen=True)
class WindowSettings:
    """The window of sound that goes with a frame of AVSBench-Single+.

    It is `seconds` long and begins `start_seconds` after the second whose frame it is; where the
    recording does not reach, it moves by up to `max_shift_seconds`.
    """

    sample_rate: Annotated[int, Range(1000, 192_000)]
    seconds: Annotated[float, Range(0.1, 5)]
    start_seconds: Annotated[float, Range(-5, 5)]
    max_shift_seconds: Annotated[float, Range(0, 5)]


@dataclass(frozen=True)
class MissingSettings:
    """How much of the source may be missing."""

    max_missing_fraction: Annotated[float, Range(0, 1)]


@dataclass(frozen=True)
class SinglePlusAuditSettings:
    """What is done about leaks between S4's own subsets, and how alike is alike."""

    leaks: Literal["warn", "fail"]
    near_duplicate_bits: Annotated[int, Range(0, 128)]


@dataclass(frozen=True)
class SyntheticS4Settings:
    """The embedded tree that is built from when no source is given."""

    videos_per_category: Annotated[int, Range(1, 10_000)]
    seed: Annotated[int, Range(0, 2**63 - 1)]


@dataclass(frozen=True)
class SinglePlusConfig:
    """Everything that decides what AVSBench-Single+ is made of S4."""

    audio: WindowSettings
    limits: MissingSettings
    audit: SinglePlusAuditSettings
    synthetic: SyntheticS4Settings


def load_config(preset: str, overrides: Iterable[str] = ()) -> BuildConfig:
    """Return the preset's settings with `key.path=value` overrides applied."""
    return load_settings(BuildConfig, PRESETS, preset, overrides)


def import_config(val_fraction: float) -> ImportConfig:
    """Return the settings of an import, of whose train so much becomes val; 0 invents no val."""
    default = load_config("default")
    return ImportConfig(
        replace(default.subsets, val_fraction=val_fraction),
        replace(default.audit, near_duplicates="warn"),
    )


def load_single_plus_config(preset: str, overrides: Iterable[str] = ()) -> SinglePlusConfig:
    """Return the settings of AVSBench-Single+, read as `load_config` reads VPO's."""
    return load_settings(SinglePlusConfig, SINGLE_PLUS_PRESETS, preset, overrides)
