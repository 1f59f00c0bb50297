"""Tells by its first bytes whether what came is what was asked for."""

import re

from vpo_builder.fetching.fetch_errors import FetchError, FetchReason

_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I
)


def recording_suffix(head: bytes) -> str:
    """Return the ending by which a recording is decoded, ".wav" for one."""
    refuse_html(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return ".wav"
    if head[4:8] == b"ftyp":
        return ".m4a"
    for magic, suffix in _MAGIC:
        if head.startswith(magic):
            return suffix
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # an MPEG frame
        return ".mp3"
    raise _wrong("a recording", head)


_MAGIC = (
    (b"fLaC", ".flac"),
    (b"OggS", ".ogg"),
    (b"ID3", ".mp3"),
    (b"\x1aE\xdf\xa3", ".webm"),
)


def image(head: bytes) -> str:
    """Accept a JPEG or a PNG."""
    refuse_html(head)
    if not head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise _wrong("an image", head)
    return ""


def zip_archive(head: bytes) -> str:
    """Accept a zip."""
    refuse_html(head)
    if not head.startswith(b"PK\x03\x04"):
        raise _wrong("a zip", head)
    return ""


def table(head: bytes) -> str:
    """Accept what could be a csv."""
    refuse_html(head)
    if b"\0" in head:
        raise _wrong("a csv", head)
    return ""


def refuse_html(head: bytes) -> None:
    """Raise FetchError for a page: what a portal or a login wall sends for everything."""
    if _HTML.match(head):
        raise FetchError(FetchReason.HTML_PAGE, "a page came instead of the file")


def _wrong(expected: str, head: bytes) -> FetchError:
    return FetchError(FetchReason.WRONG_CONTENT, f"not {expected}: it begins {head[:12]!r}")
