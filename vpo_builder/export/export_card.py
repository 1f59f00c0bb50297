"""The card of an export: the dataset's, with what is true of this copy alone."""

from pathlib import Path

from vpo_builder.documents.documents import CARD

TITLE = "## How to read this copy\n\n"
FENCE = "---\n"


def write_card(target: Path, section: str, front_matter: str = "") -> None:
    """Add a section, as the first, and lines of front matter to the card in `target`.

    A dataset without a card gets one of these alone.
    """
    path = target / CARD
    card = path.read_text(encoding="utf-8") if path.exists() else ""
    if not card.startswith(FENCE):
        card = f"{FENCE}{FENCE}\n{card}"
    _, front, body = card.split(FENCE, 2)
    before, heading, after = body.partition("\n## ")
    text = f"{FENCE}{front}{front_matter}{FENCE}{before}\n{TITLE}{section}{heading}{after}"
    path.write_text(text, encoding="utf-8")
