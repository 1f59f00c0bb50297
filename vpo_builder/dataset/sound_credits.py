"""Whose the recordings are that are not VGGSound's: `sounds.jsonl` of a dataset.

VGGSound's clips name their video; any other set has to say which licence a recording is under,
where it comes from, and which recordings belong together and may not cross subsets.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vpo_builder.dataset.clip_ids import EXPECTED, YOUTUBE_CLIP, is_clip_id
from vpo_builder.dataset.manifest import Manifest, decode_lines
from vpo_builder.dataset.schema import ManifestMeta, Sample
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular

SOUNDS = "sounds.jsonl"
SOUND_INPUT = "sounds/"
"""What the names of such lists begin with among the inputs of a dataset."""
LONGEST_TEXT = 300
_PAGE = re.compile(r"https?://[^\s\"'<>\\]{1,1000}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SoundCredit:
    """What is known of a clip's recording; "" where nothing is.

    `group` names what may not cross subsets: its uploader, or the video or file it was cut from.
    `source` is the set that it belongs to; `page` its own page there, of which `licence_url` says
    nothing.
    """

    clip_id: str
    group: str
    source: str
    licence: str = ""
    licence_url: str = ""
    author: str = ""
    page: str = ""

    @property
    def has_licence(self) -> bool:
        """Whether anything is known of its licence."""
        return bool(self.licence or self.licence_url)

    @property
    def shown_licence(self) -> str:
        """Its licence in a line, with its author if that is known."""
        licence = self.licence or self.licence_url or "licence unknown"
        return f"{licence}, {self.author}" if self.author else licence


NO_CREDITS: Mapping[str, SoundCredit] = MappingProxyType({})
"""Those of a dataset whose recordings are all VGGSound's."""


def credit_faults(credit: SoundCredit) -> Iterator[str]:
    """Yield what is wrong with a record that anybody may have written."""
    if not is_clip_id(credit.clip_id):
        yield f"id {credit.clip_id[:80]!r} is not safe as a file's name: expected {EXPECTED}"
    if not credit.group:
        yield "no group"
    for name in ("group", "source", "licence", "author"):
        text = getattr(credit, name)
        if len(text) > LONGEST_TEXT or not text.isprintable():
            yield f"{name} {text[:80]!r}: expected at most {LONGEST_TEXT} characters that print"
    for name in ("page", "licence_url"):
        text = getattr(credit, name)
        if text and not _PAGE.fullmatch(text):
            yield f"{name} {text[:80]!r}: expected an address such as https://freesound.org/s/1/"


def has_sound_list(meta: ManifestMeta) -> bool:
    """Tell whether some of a dataset's recordings are not VGGSound's."""
    return any(name.startswith(SOUND_INPUT) for name in meta.inputs)


def read_sound_credits(manifest: Manifest) -> Mapping[str, SoundCredit]:
    """Return the credit of each clip that is not VGGSound's, by clip id.

    Raises InputError if the dataset should have such a list and it is missing or no such list.
    """
    if not has_sound_list(manifest.meta):
        return NO_CREDITS
    path = manifest.folder / SOUNDS
    try:
        credits = decode_lines(read_regular(path), SoundCredit, str(path))
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read: {error.strerror}: run vpo-data verify {manifest.folder}"
        ) from None
    for credit in credits:
        for fault in credit_faults(credit):
            raise InputError(f"{path}: {fault}: get the dataset again from whom you trust")
    return {credit.clip_id: credit for credit in credits}


def group_of(clip_id: str, credits: Mapping[str, SoundCredit]) -> str:
    """Return what may not cross subsets with a clip: its group, or the video of VGGSound's."""
    if clip_id in credits:
        return credits[clip_id].group
    found = YOUTUBE_CLIP.fullmatch(clip_id)
    return found.group(1) if found else clip_id


def credits_in_use(
    credits: Mapping[str, SoundCredit], samples: Iterable[Sample]
) -> dict[str, SoundCredit]:
    """Return the credits of the clips that samples sound with, in the order of ids."""
    used = {source.clip_id for sample in samples for source in sample.sources}
    return {clip_id: credits[clip_id] for clip_id in sorted(used & credits.keys())}
