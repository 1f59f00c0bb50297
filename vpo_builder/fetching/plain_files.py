"""Plain files that a build needs, such as photographs and tables, each under one name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.fetching.connections import Network
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.http import Download, Receipt, download
from vpo_builder.fetching.ledger import Kind


@dataclass(frozen=True)
class Files:
    """Files below a URL, fetched to the same names below `folder`.

    The record "" is the URL itself, fetched to `folder` as a file.
    """

    kind: Kind
    url: str
    folder: Path
    network: Network
    identify: Callable[[bytes], str]
    max_bytes: int
    expected_bytes: int | None = None
    sha256: str = ""

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        return self.url

    @property
    def cancellation(self) -> Cancellation:
        """What cancels its exchanges."""
        return self.network.cancellation

    def fetch(self, record: str) -> Receipt:
        """See Source."""
        target = self.folder / record if record else self.folder
        target.parent.mkdir(parents=True, exist_ok=True)
        task = Download(
            f"{self.url}/{record}" if record else self.url,
            target,
            self.identify,
            self.max_bytes,
            self.expected_bytes,
            self.sha256,
        )
        return download(task, self.network)
