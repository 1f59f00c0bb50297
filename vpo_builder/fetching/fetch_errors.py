"""Why something could not be fetched, and whether trying again could help."""

from enum import StrEnum


class FetchReason(StrEnum):
    """What an attempt ended with; the ledger keeps it and `--retry` takes it."""

    VIDEO_REMOVED = "video_removed"
    VIDEO_PRIVATE = "video_private"
    ACCOUNT_TERMINATED = "account_terminated"
    GEO_BLOCKED = "geo_blocked"
    AGE_GATED = "age_gated"
    MEMBERS_ONLY = "members_only"
    NOT_FOUND = "not_found"
    GONE = "gone"
    TOO_LARGE = "too_large"

    RATE_LIMITED = "rate_limited"
    BOT_CHECK = "bot_check"
    TRY_LATER = "try_later"
    SERVER_ERROR = "server_error"
    FORBIDDEN = "forbidden"
    REQUEST_REFUSED = "request_refused"
    REDIRECT_REFUSED = "redirect_refused"
    TIMED_OUT = "timed_out"
    DNS = "dns"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_LOST = "connection_lost"
    BAD_RESPONSE = "bad_response"
    TLS_FAILED = "tls_failed"
    HTML_PAGE = "html_page"
    WRONG_CONTENT = "wrong_content"
    WRONG_LENGTH = "wrong_length"
    WRONG_SHA256 = "wrong_sha256"
    TRUNCATED = "truncated"
    NO_FORMAT = "no_format"
    EXTRACTION_FAILED = "extraction_failed"

    @property
    def permanent(self) -> bool:
        """Whether asking the same source again is no use."""
        return self in PERMANENT

    @property
    def blocks(self) -> bool:
        """Whether it says that the source wants no more requests, whatever is asked for."""
        return self in BLOCKING


PERMANENT = frozenset(
    {
        FetchReason.VIDEO_REMOVED,
        FetchReason.VIDEO_PRIVATE,
        FetchReason.ACCOUNT_TERMINATED,
        FetchReason.GEO_BLOCKED,
        FetchReason.AGE_GATED,
        FetchReason.MEMBERS_ONLY,
        FetchReason.NOT_FOUND,
        FetchReason.GONE,
        FetchReason.TOO_LARGE,
    }
)
"""Nothing is permanent that a broken network, a full disk or a tired server could cause."""

BLOCKING = frozenset({FetchReason.RATE_LIMITED, FetchReason.BOT_CHECK})


class FetchError(Exception):
    """An attempt that failed; `retry_after` is what the server asked for, in seconds."""

    def __init__(
        self, reason: FetchReason, detail: str = "", retry_after: float | None = None
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail
        self.retry_after = retry_after
