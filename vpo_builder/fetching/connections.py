"""Opens http and https URLs: within a time limit, to allowed hosts only, every failure named."""

import contextlib
import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from vpo_builder.fetching.deadline import Cancellation, Deadline
from vpo_builder.fetching.fetch_errors import FetchError, FetchReason

USER_AGENT = "vpo-build"
SCHEMES = ("http", "https")


class CancelledError(Exception):
    """The work that an exchange was for has been cancelled; nothing is known of its outcome."""


@dataclass(frozen=True)
class Network:
    """How hosts are reached.

    `idle_seconds` bounds the wait for the next byte, `total_seconds` a whole exchange, DNS apart
    (which the system's resolver bounds). `hosts` may be redirected to besides the asked one.
    """

    idle_seconds: float
    total_seconds: float
    hosts: frozenset[str] = frozenset()
    proxy: str = ""
    cancellation: Cancellation = field(default_factory=Cancellation)


@contextlib.contextmanager
def exchange(
    url: str, headers: Mapping[str, str], network: Network
) -> Iterator[tuple[http.client.HTTPResponse, Deadline]]:
    """Yield the response to a GET, and the deadline that bounds it.

    Raises FetchError for whatever goes wrong on the network within the block, and CancelledError.
    An error of the block's own, such as a full disk, must not pass through: see `network_errors`.
    """
    host = checked_host(url)
    with Deadline(network.total_seconds) as deadline:
        network.cancellation.enter(deadline)
        try:
            with network_errors(deadline, network):
                opener = _opener(deadline, network, network.hosts | {host})
                request = urllib.request.Request(url, headers={"User-Agent": USER_AGENT, **headers})
                response = opener.open(request, timeout=network.idle_seconds)
            with response:
                yield response, deadline
        finally:
            network.cancellation.leave(deadline)


@contextlib.contextmanager
def network_errors(deadline: Deadline, network: Network) -> Iterator[None]:
    """Turn every error of a network call into the FetchError that names it."""
    try:
        yield
    except FetchError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        if network.cancellation.cancelled:
            raise CancelledError from None
        if deadline.expired:
            raise time_is_up(network) from None
        raise _failure(error) from None


def time_is_up(network: Network) -> FetchError:
    """Return the error of an exchange that its deadline ended."""
    return FetchError(FetchReason.TIMED_OUT, f"not done after {network.total_seconds:g} s")


def checked_host(url: str) -> str:
    """Return the host of an http or https URL; raise FetchError for any other URL."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise FetchError(FetchReason.REQUEST_REFUSED, f"not a URL: {error}") from None
    if parts.scheme not in SCHEMES or not host:
        raise FetchError(FetchReason.REQUEST_REFUSED, f"not an http or https URL: {url[:200]!r}")
    return host


class _HTTPConnection(http.client.HTTPConnection):
    def __init__(self, *args: Any, deadline: Deadline, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline = deadline

    def connect(self) -> None:
        self._deadline.watch(self)
        super().connect()
        self._deadline.watch(self)


class _HTTPSConnection(http.client.HTTPSConnection):
    def __init__(self, *args: Any, deadline: Deadline, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline = deadline

    def connect(self) -> None:
        self._deadline.watch(self)
        super().connect()
        self._deadline.watch(self)


class _HTTPHandler(urllib.request.HTTPHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPConnection, request, deadline=self._deadline)  # type: ignore[arg-type]


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, deadline: Deadline) -> None:
        super().__init__()
        self._deadline = deadline

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(
            _HTTPSConnection,  # type: ignore[arg-type]
            request,
            deadline=self._deadline,
            context=_tls_context(),
        )


class _AllowedRedirects(urllib.request.HTTPRedirectHandler):
    def __init__(self, hosts: frozenset[str]) -> None:
        self._hosts = hosts

    def redirect_request(
        self, request: urllib.request.Request, *arguments: Any
    ) -> urllib.request.Request | None:
        new_url = arguments[-1]
        host = checked_host(new_url)
        if host not in self._hosts:
            raise FetchError(FetchReason.REDIRECT_REFUSED, f"to another host: {host}")
        if request.type == "https" and urlsplit(new_url).scheme != "https":
            raise FetchError(FetchReason.REDIRECT_REFUSED, "from https to http")
        return super().redirect_request(request, *arguments)


def _opener(
    deadline: Deadline, network: Network, hosts: frozenset[str]
) -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()  # build_opener would add file:, ftp: and data:
    proxies = dict.fromkeys(SCHEMES, network.proxy) if network.proxy else None
    for handler in (
        urllib.request.ProxyHandler(proxies),
        _HTTPHandler(deadline),
        _HTTPSHandler(deadline),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
        _AllowedRedirects(hosts),
    ):
        opener.add_handler(handler)
    return opener


@cache
def _tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    with contextlib.suppress(ImportError):  # systems whose Python finds no certificates of its own
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _failure(error: Exception) -> FetchError:
    if isinstance(error, urllib.error.HTTPError):
        with error:
            return _status_failure(error)
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, Exception):
        return _failure(error.reason)
    reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), None)
    return FetchError(
        reason or FetchReason.CONNECTION_LOST, f"{type(error).__name__}: {error}"[:200]
    )


_REASONS: tuple[tuple[type[Exception], FetchReason], ...] = (
    (socket.gaierror, FetchReason.DNS),
    (TimeoutError, FetchReason.TIMED_OUT),
    (ConnectionRefusedError, FetchReason.CONNECTION_REFUSED),
    (ssl.SSLError, FetchReason.TLS_FAILED),
    (http.client.RemoteDisconnected, FetchReason.CONNECTION_LOST),
    (http.client.IncompleteRead, FetchReason.CONNECTION_LOST),
    (http.client.HTTPException, FetchReason.BAD_RESPONSE),
    (UnicodeError, FetchReason.DNS),  # a host name that cannot be looked up
    (ValueError, FetchReason.BAD_RESPONSE),
)

_STATUSES: Mapping[int, FetchReason] = {
    HTTPStatus.NOT_FOUND: FetchReason.NOT_FOUND,
    HTTPStatus.GONE: FetchReason.GONE,
    HTTPStatus.UNAUTHORIZED: FetchReason.FORBIDDEN,
    HTTPStatus.FORBIDDEN: FetchReason.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT: FetchReason.TIMED_OUT,
    HTTPStatus.TOO_MANY_REQUESTS: FetchReason.RATE_LIMITED,
}


def _status_failure(error: urllib.error.HTTPError) -> FetchError:
    status = error.code
    reason = _STATUSES.get(status)
    if reason is None and 300 <= status < 400:
        reason = FetchReason.REDIRECT_REFUSED
    if reason is None:
        reason = FetchReason.SERVER_ERROR if status >= 500 else FetchReason.REQUEST_REFUSED
    return FetchError(reason, f"HTTP status {status}", _retry_after(error.headers))


def _retry_after(headers: Any) -> float | None:
    """Return the seconds that a Retry-After asks for, given as a number or as a date."""
    text = headers.get("Retry-After", "") if headers else ""
    if text.isdecimal() and len(text) < 10:
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError):
        return None
