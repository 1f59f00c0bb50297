"""The settings of a build; `presets/*.toml` holds every value and says where it comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.settings import load_settings

PRESETS = Path(__file__).parent / "presets"
SINGLE_PLUS_PRESETS = PRESETS / "single-plus"


@dataclass(frozen=True)
class SubsetSettings:
    """How train2017 and VGGSound's train clips are divided into train and val."""

    val_fraction: float


@dataclass(frozen=True)
class FilterSettings:
    """Which objects are large enough to sound."""

    min_area_fraction: float


@dataclass(frozen=True)
class PersonSettings:
    """How COCO's one category "person" becomes male, female and baby."""

    policy: Literal["captions", "merge", "drop"]
    child: Literal["drop", "adult"]
    min_captions: int
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

    min_seconds: float
    max_seconds: float
    truncation_seconds: float
    window_seconds: float
    silence_dbfs: float
    max_clipped_fraction: float


@dataclass(frozen=True)
class AudioSettings:
    """How clips are written: samples a second, seconds, and whether mixes are written too."""

    sample_rate: int
    seconds: float
    render: Literal["mono", "stereo"]


@dataclass(frozen=True)
class SelectionSettings:
    """Which of an image's objects sound."""

    inverse_class_frequency: bool
    counterfactual_test: bool
    max_sources: int


@dataclass(frozen=True)
class LimitSettings:
    """How many samples a class may have, and how many images may be missing."""

    per_class: int | dict[str, int]
    max_missing_fraction: float

    def of(self, category: str) -> int | None:
        """Return the limit of a class, None for no limit."""
        if isinstance(self.per_class, int):
            return self.per_class or None
        return self.per_class.get(category)


@dataclass(frozen=True)
class AuditSettings:
    """What is done about photographs that look alike across subsets."""

    near_duplicates: Literal["warn", "drop", "fail"]
    near_duplicate_bits: int


@dataclass(frozen=True)
class SyntheticSettings:
    """The embedded corpus that is built when no source is given."""

    images: int
    clips_per_class: int
    seed: int


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
        """Refuse values of the right type that no build could use."""
        _refuse_outside(
            ("subsets.val_fraction", self.subsets.val_fraction, 0.0, 0.9),
            ("filters.min_area_fraction", self.filters.min_area_fraction, 0.0, 1.0),
            ("person.min_captions", self.person.min_captions, 1, 100),
            ("clips.min_seconds", self.clips.min_seconds, 0.01, 1e5),
            ("clips.max_seconds", self.clips.max_seconds, self.clips.min_seconds, 1e5),
            ("clips.window_seconds", self.clips.window_seconds, 0.01, 1e5),
            ("clips.max_clipped_fraction", self.clips.max_clipped_fraction, 0.0, 1.0),
            ("audit.near_duplicate_bits", self.audit.near_duplicate_bits, 0, 128),
            ("audio.sample_rate", self.audio.sample_rate, 1000, 192_000),
            ("audio.seconds", self.audio.seconds, 0.1, 1e5),
            ("selection.max_sources", self.selection.max_sources, 2, 100),
            ("synthetic.images", self.synthetic.images, 60, 1_000_000),
            ("synthetic.clips_per_class", self.synthetic.clips_per_class, 10, 100_000),
            ("limits.max_missing_fraction", self.limits.max_missing_fraction, 0.0, 1.0),
        )


@dataclass(frozen=True)
class WindowSettings:
    """The window of sound that goes with a frame of AVSBench-Single+.

    It is `seconds` long and begins `start_seconds` after the second whose frame it is; where the
    recording does not reach, it moves by up to `max_shift_seconds`.
    """

    sample_rate: int
    seconds: float
    start_seconds: float
    max_shift_seconds: float


@dataclass(frozen=True)
class MissingSettings:
    """How much of the source may be missing."""

    max_missing_fraction: float


@dataclass(frozen=True)
class SinglePlusAuditSettings:
    """What is done about leaks between S4's own subsets, and how alike is alike."""

    leaks: Literal["warn", "fail"]
    near_duplicate_bits: int


@dataclass(frozen=True)
class SyntheticS4Settings:
    """The embedded tree that is built from when no source is given."""

    videos_per_category: int
    seed: int


@dataclass(frozen=True)
class SinglePlusConfig:
    """Everything that decides what AVSBench-Single+ is made of S4."""

    audio: WindowSettings
    limits: MissingSettings
    audit: SinglePlusAuditSettings
    synthetic: SyntheticS4Settings

    def __post_init__(self) -> None:
        """Refuse values of the right type that no build could use."""
        _refuse_outside(
            ("audio.sample_rate", self.audio.sample_rate, 1000, 192_000),
            ("audio.seconds", self.audio.seconds, 0.1, 5.0),
            ("audio.start_seconds", self.audio.start_seconds, -5.0, 5.0),
            ("audio.max_shift_seconds", self.audio.max_shift_seconds, 0.0, 5.0),
            ("audit.near_duplicate_bits", self.audit.near_duplicate_bits, 0, 128),
            ("synthetic.videos_per_category", self.synthetic.videos_per_category, 1, 10_000),
            ("limits.max_missing_fraction", self.limits.max_missing_fraction, 0.0, 1.0),
        )


def load_config(preset: str, overrides: Iterable[str] = ()) -> BuildConfig:
    """Return the preset's settings with `key.path=value` overrides applied."""
    return load_settings(BuildConfig, PRESETS, preset, overrides)


def load_single_plus_config(preset: str, overrides: Iterable[str] = ()) -> SinglePlusConfig:
    """Return the settings of AVSBench-Single+, read as `load_config` reads VPO's."""
    return load_settings(SinglePlusConfig, SINGLE_PLUS_PRESETS, preset, overrides)


def _refuse_outside(*ranges: tuple[str, float, float, float]) -> None:
    for path, value, lowest, highest in ranges:
        if not lowest <= value <= highest:
            raise InputError(
                f"setting {path}: {value} is outside [{lowest:g}, {highest:g}]: "
                "give a value in that range"
            )
