"""Where the shared corpus and the published code's outputs lie, when they are there."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
CORPUS = SHARED / "corpus"

needs_corpus = pytest.mark.skipif(
    not CORPUS.is_dir(), reason="the small real corpus ../shared/corpus is not here"
)
