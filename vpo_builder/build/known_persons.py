"""Keeps what captions were found to say of persons, so that the next plan need not read them."""

from collections.abc import Mapping, Sequence
from typing import get_args

import msgspec

from vpo_builder.build.corpus import Corpus
from vpo_builder.config import PersonSettings
from vpo_builder.dataset.manifest import encode_lines
from vpo_builder.planning.persons import Verdict
from vpo_builder.records import PersonDecision
from vpo_builder.sources.side_files import NO_SIDE_FILES, Blob, Kept, SideFiles

_DECISIONS = "decisions"
_VERDICTS = frozenset(get_args(Verdict))


class KnownPersons:
    """What an earlier plan decided by the same lists, captions and settings; `decisions` by image.

    They are kept beside the first file of captions, under the hashes of all, whichever split is
    planned: of what another one asked before, none is asked again.
    """

    def __init__(self, corpus: Corpus, side_files: SideFiles, settings: PersonSettings) -> None:
        told = [
            [corpus.inputs.get(f"{source.inputs}/{path.name}", "") for path in source.captions]
            for source in corpus.sources
        ]
        lists = [
            (part.sha256, source.add_to_image_ids, hashes)
            for part, source, hashes in zip(corpus.parts, corpus.sources, told, strict=True)
        ]
        files = [path for source in corpus.sources for path in source.captions]
        self._sha256 = next((sha256 for hashes in told for sha256 in hashes), "")
        decided_by = msgspec.json.encode((settings, lists)).decode()
        kept_in = side_files if self._sha256 else NO_SIDE_FILES
        path = files[0] if files else corpus.parts[0].path
        self._side = kept_in.of(path, "persons", decided_by)
        self.decisions = self._load()

    def _load(self) -> Mapping[int, PersonDecision]:
        kept = self._side.load()
        try:
            return {} if kept is None else _of_kept(kept)
        except (ValueError, msgspec.MsgspecError) as error:
            self._side.refuse(error)
            return {}

    def keep(self, decisions: Sequence[PersonDecision], encoded: bytes) -> None:
        """Keep decisions, as lines of json too, if some of them are new."""
        fresh = {row.image_id: row for row in decisions}
        if fresh.keys() <= self.decisions.keys():
            return
        others = [row for number, row in self.decisions.items() if number not in fresh]
        lines = encoded + encode_lines(others)
        self._side.keep(self._sha256, {_DECISIONS: Blob(len(lines), [lines])})


def _of_kept(kept: Kept) -> dict[int, PersonDecision]:
    """Return the decisions that were kept; raise ValueError for what no plan decides."""
    (lines,) = kept.checked({_DECISIONS: "|u1"})
    rows = msgspec.json.Decoder(PersonDecision).decode_lines(lines.data)
    if not _VERDICTS.issuperset(row.verdict for row in rows):
        raise ValueError("a verdict that no captions give")
    return {row.image_id: row for row in rows}
