"""The names of clips: each becomes a file's, on every system that a dataset may be unpacked on."""

import hashlib
import re
from collections.abc import Iterable, Iterator

YOUTUBE_CLIP = re.compile(r"([A-Za-z0-9_-]{11})_([0-9]{6})", re.ASCII)
"""A clip of VGGSound: the id of its video, and the second at which it begins there."""
LONGEST_ID = 120
EXPECTED = (
    f"at most {LONGEST_ID} letters, digits, spaces, '.', '_' and '-' of ASCII, a letter, digit or "
    "'_' first, no '.' or space last, and no name that Windows keeps for a device"
)
_PLAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._ -]*[A-Za-z0-9_-])?", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)
# "Naming files, paths, and namespaces" of Windows: reserved with any ending, in any case.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:[. ].*)?", re.ASCII | re.IGNORECASE)


def is_clip_id(text: str) -> bool:
    """Tell whether a text is VGGSound's name of a clip, or a name that is safe for a file."""
    if YOUTUBE_CLIP.fullmatch(text):
        return True
    plain = len(text) <= LONGEST_ID and _PLAIN.fullmatch(text)
    return bool(plain) and not _DEVICE.fullmatch(text)


def safe_clip_id(name: str, tail: str = "") -> str:
    """Return a clip's id for any name: the name itself and the tail, where that is one.

    Other names lose what is unsafe and get a hash of what they were, so that two of them never
    become one.
    """
    if is_clip_id(name + tail):
        return name + tail
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=4).hexdigest()
    plain = _UNSAFE.sub("_", name)[: LONGEST_ID // 2].strip("_-") or "clip"
    return f"{plain}-{digest}{tail}"


def alike_but_for_case(clip_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the pairs that are one file where capitals do not count; YouTube's ids may be."""
    seen: dict[str, str] = {}
    for clip_id in clip_ids:
        other = seen.setdefault(clip_id.lower(), clip_id)
        both = YOUTUBE_CLIP.fullmatch(other) and YOUTUBE_CLIP.fullmatch(clip_id)
        if other != clip_id and not both:
            yield other, clip_id
