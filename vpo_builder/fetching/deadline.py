"""Cuts a connection that outlives its time limit, however slowly it still sends."""

import socket
import threading
from typing import Protocol


class Connection(Protocol):
    """A connection whose socket is there once it has been made."""

    sock: socket.socket | None


class Deadline:
    """A time limit on one exchange; `cut` ends it from any thread.

    A socket's own time limit starts anew with every byte, so a server that sends one a minute
    would hold a worker for days. Shutting the socket down ends a read in progress.
    """

    def __init__(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._socket: socket.socket | None = None
        self._over = False
        self.expired = False

    def __enter__(self) -> "Deadline":
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()

    def watch(self, connection: Connection) -> None:
        """Remember the connection that is cut when time is up.

        To be called before it is made and again after: urllib takes the socket from it later.
        """
        with self._lock:
            self._connection = connection
            self._socket = connection.sock or self._socket
            if self._over:
                self._shut()

    def cut(self) -> None:
        """End the exchange now: the work that it was for has been cancelled."""
        with self._lock:
            self._over = True
            self._shut()

    def _expire(self) -> None:
        self.expired = True
        self.cut()

    def _shut(self) -> None:
        for sock in (self._socket, self._connection.sock if self._connection else None):
            if sock is not None:
                try:
                    # Not sock.shutdown: a TLS socket's own drops its state first, under the feet
                    # of the thread that is reading.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
                except OSError:
                    continue  # closed, or not yet connected


class Exchange(Protocol):
    """Something under way that can be ended from another thread."""

    def cut(self) -> None:
        """End it."""


class Cancellation:
    """Calls off every exchange that is under way, and all that would begin later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._exchanges: set[Exchange] = set()
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._cancelled.is_set()

    def enter(self, exchange: Exchange) -> None:
        """Let `cancel` end this exchange too."""
        with self._lock:
            self._exchanges.add(exchange)
        if self.cancelled:
            exchange.cut()

    def leave(self, exchange: Exchange) -> None:
        """Forget an exchange that is over."""
        with self._lock:
            self._exchanges.discard(exchange)

    def cancel(self) -> None:
        """End what is under way."""
        self._cancelled.set()
        with self._lock:
            exchanges = list(self._exchanges)
        for exchange in exchanges:
            exchange.cut()
