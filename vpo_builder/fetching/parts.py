"""What has arrived of a file so far, with what is needed to ask for the rest of it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from vpo_builder.atomic import flush, state_change, write_atomically


@dataclass(frozen=True)
class Origin:
    """Where a part comes from; `validator` is the ETag or date by which the server knows it."""

    url: str
    validator: str
    total_bytes: int


class Part:
    """The file `.NAME.part` beside a target, and `.NAME.part.json` that says what it is of."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(f".{target.name}.part")
        self._note = target.with_name(f".{target.name}.part.json")

    def resumable(self, url: str) -> tuple[int, Origin] | None:
        """Return the bytes held and their origin, None if they cannot be continued."""
        try:
            origin = Origin(**json.loads(self._note.read_bytes()))
            held = self.path.stat().st_size
        except (OSError, ValueError, TypeError):
            return None
        usable = origin.url == url and 0 < held < origin.total_bytes
        return (held, origin) if usable else None

    def begin(self, origin: Origin | None) -> None:
        """Forget what is held; `origin` is given if the server lets a download be resumed."""
        self.drop()
        if origin is not None:
            write_atomically(self._note, json.dumps(asdict(origin)).encode())

    def settle(self, target: Path) -> None:
        """Flush what has arrived to the disk and give it its name."""
        flush(self.path)
        state_change("download whole")
        self.path.replace(target)
        flush(target.parent)
        state_change("download named")
        self._note.unlink(missing_ok=True)

    def drop(self) -> None:
        """Remove what is held."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
