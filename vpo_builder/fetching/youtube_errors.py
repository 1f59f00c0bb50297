"""What yt-dlp's error texts mean: gone for good, or worth another try.

The texts are YouTube's own, as yt-dlp passes them on, and yt-dlp's; the first pattern that is found
decides. What no pattern knows is transient: nothing is given up for good because of a new wording.
"""

import re

from vpo_builder.fetching.reasons import FetchReason

_PATTERNS: tuple[tuple[FetchReason, str], ...] = (
    (FetchReason.BOT_CHECK, r"not a (?:ro)?bot|unusual traffic|IP is likely being blocked"),
    (FetchReason.RATE_LIMITED, r"HTTP Error 429|Too Many Requests|rate-limited by YouTube"),
    (FetchReason.TRY_LATER, r"try again later|is not available on this app"),
    (FetchReason.AGE_GATED, r"confirm your age|age.restricted|inappropriate for some users"),
    (FetchReason.ACCOUNT_TERMINATED, r"(?:account|channel)[^.]*terminated|account[^.]*closed"),
    (
        FetchReason.GEO_BLOCKED,
        r"(?:available|blocked)[^.]*in your country|blocked[^.]*copyright grounds"
        r"|from your location|geo.?restrict",
    ),
    (FetchReason.VIDEO_PRIVATE, r"private video|video is private"),
    (
        FetchReason.MEMBERS_ONLY,
        r"members.only|join this channel|channel's members|requires? payment|rent or buy"
        r"|requires? purchase",
    ),
    (
        FetchReason.VIDEO_REMOVED,
        r"has been removed|removed by the (?:uploader|user)|no longer available"
        r"|isn.t available any ?more|copyright claim|violat|does not exist|incomplete YouTube ID"
        r"|video unavailable\s*(?:$|[.;]\s*$)",
    ),
    (FetchReason.TOO_LARGE, r"larger than max-filesize"),
    (FetchReason.FORBIDDEN, r"HTTP Error 40[13]"),
    (FetchReason.NOT_FOUND, r"HTTP Error 404"),
    (FetchReason.GONE, r"HTTP Error 410"),
    (FetchReason.SERVER_ERROR, r"HTTP Error 5\d\d"),
    (FetchReason.REQUEST_REFUSED, r"HTTP Error 4\d\d"),
    (
        FetchReason.DNS,
        r"name resolution|name or service not known|getaddrinfo|failed to resolve|nodename nor",
    ),
    (FetchReason.CONNECTION_REFUSED, r"connection refused"),
    (FetchReason.TLS_FAILED, r"CERTIFICATE_VERIFY_FAILED|\[SSL|SSL:"),
    (FetchReason.TIMED_OUT, r"timed out|time-?out"),
    (
        FetchReason.CONNECTION_LOST,
        r"connection (?:reset|aborted)|incompleteread|remote end closed|more expected"
        r"|did not get any data|content ?too ?short|unable to download video data"
        r"|bad status line|connection broken",
    ),
    (
        FetchReason.NO_FORMAT,
        r"requested format is not available|no video formats|only images are available"
        r"|unsupported url",
    ),
    (FetchReason.TRY_LATER, r"not available|unavailable|premieres? in|live event|is live|offline"),
)
_COMPILED = tuple((reason, re.compile(text, re.I)) for reason, text in _PATTERNS)


def reason_of(text: str) -> FetchReason:
    """Return what an error's text says."""
    plain = text.replace("\u2019", "'").strip()
    found = (reason for reason, pattern in _COMPILED if pattern.search(plain))
    return next(found, FetchReason.EXTRACTION_FAILED)
