"""Clips from a mirror: any server that keeps VGGSound's clips, or whole videos, under their ids."""

import re
import string
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.dataset.clip_ids import YOUTUBE_CLIP
from vpo_builder.fetching.connections import Network, checked_host
from vpo_builder.fetching.content import recording_suffix
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.fetch_errors import FetchError
from vpo_builder.fetching.http import Download, Receipt, download
from vpo_builder.fetching.ledger import Kind
from vpo_builder.runtime.errors import InputError

_START_FORMAT = re.compile(r"(?:0?[1-9])?d?", re.ASCII)


def clip_parts(clip_id: str) -> tuple[str, int]:
    """Return a clip's YouTube id and start second; anything else than a clip's id is an error."""
    match = YOUTUBE_CLIP.fullmatch(clip_id)
    if match is None:
        raise ValueError(f"not a clip's id: {clip_id!r}")
    return match[1], int(match[2])


@dataclass(frozen=True)
class ClipUrl:
    """A URL with `{id}`, and `{start}` or `{start:06d}` if it names clips and not whole videos."""

    template: str

    def __post_init__(self) -> None:
        """Refuse what is no such URL."""
        where = f"--clip-url {self.template}"
        try:
            fields = list(string.Formatter().parse(self.template))
        except ValueError as error:
            raise InputError(f"{where}: {error}: expected a URL with {{id}}") from None
        names = {name for _, name, _, _ in fields if name is not None}
        if "id" not in names or not names <= {"id", "start"}:
            raise InputError(
                f"{where}: expected a URL with {{id}} in it, and {{start}} or {{start:06d}} if it "
                "names clips instead of whole videos"
            )
        for _, name, spec, conversion in fields:
            known = not spec or (name == "start" and _START_FORMAT.fullmatch(spec))
            if name is not None and (conversion is not None or not known):
                raise InputError(f"{where}: expected {{{name}}} without {conversion or spec!r}")
        try:
            checked_host(self.of("a" * 11, 0))
        except FetchError as error:
            raise InputError(f"{where}: {error.detail}") from None

    @property
    def names_clips(self) -> bool:
        """Whether what it names begins at the clip's start."""
        return "{start" in self.template

    def of(self, youtube_id: str, start: int) -> str:
        """Return the URL of a clip."""
        return self.template.format(id=youtube_id, start=start)


@dataclass(frozen=True)
class Mirror:
    """Fetches recordings from a mirror into `folder`."""

    url: ClipUrl
    folder: Path
    network: Network
    max_bytes: int
    kind: Kind = "clip"

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        return self.url.template

    @property
    def cancellation(self) -> Cancellation:
        """What cancels its exchanges."""
        return self.network.cancellation

    @property
    def whole_videos(self) -> bool:
        """Whether the clip has yet to be cut out."""
        return not self.url.names_clips

    def fetch(self, record: str) -> Receipt:
        """See Source."""
        url = self.url.of(*clip_parts(record))
        task = Download(url, self.folder / record, recording_suffix, self.max_bytes)
        return download(task, self.network)
