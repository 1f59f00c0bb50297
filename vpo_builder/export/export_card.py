"""The card of an export: the dataset's, with what is true of this copy alone."""

from pathlib import Path

from vpo_builder.documents.documents import CARD
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import write_named

TITLE = "## How to read this copy\n\n"
FENCE = "---\n"


def write_card(target: Path, section: str, front_matter: str = "") -> None:
    """Add a section, as the first, and lines of front matter to the card in `target`.

    A dataset without a card gets one of these alone. Raises InputError for a card that is no text.
    """
    path = target / CARD
    try:
        card = path.read_text(encoding="utf-8") if path.exists() else ""
    except UnicodeDecodeError:
        raise InputError(
            f"{CARD}: no UTF-8 text, as a build's card is: get the dataset from a source that you "
            "trust"
        ) from None
    if not card.startswith(FENCE) or card.count(FENCE) < 2:
        card = f"{FENCE}{FENCE}\n{card}"
    _, front, body = card.split(FENCE, 2)
    before, heading, after = body.partition("\n## ")
    text = f"{FENCE}{front}{front_matter}{FENCE}{before}\n{TITLE}{section}{heading}{after}"
    write_named(path, text.encode())
