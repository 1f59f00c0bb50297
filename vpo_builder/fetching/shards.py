"""A share of a build's work, for the jobs of an array that see the same output folder.

Each job plans the whole dataset, which is quick, and prepares the clips and photographs of its
share; merging is the build itself, which then finds them there.
"""

import contextlib
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vpo_builder.build.request import VpoRequest
from vpo_builder.build.vpo import (
    open_clip_folder,
    plan_split,
    read_material,
    refuse_without_clips,
)
from vpo_builder.dataset.schema import Split
from vpo_builder.fetching.ledger import LEDGER, STATE_FOLDER, Ledger
from vpo_builder.planning.plan import ClipCheck
from vpo_builder.publishing.build_identity import refuse_foreign
from vpo_builder.records import Reason
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.executors import open_executor
from vpo_builder.runtime.output_lock import output_lock
from vpo_builder.runtime.outside_text import say
from vpo_builder.runtime.stateless_hash import text_key
from vpo_builder.runtime.whole_files import remove_leftovers

_SHARD = re.compile(r"([0-9]{1,6})?/([0-9]{1,6})", re.ASCII)


@dataclass(frozen=True)
class Shard:
    """Share `index` of `count`, counted from 1."""

    index: int
    count: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.index}-of-{self.count}"

    def owns(self, record: str) -> bool:
        """Tell whether a clip or photograph is this share's: a hash decides."""
        return text_key(record) % self.count == self.index - 1


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> Shard:
    """Return the shard that `--shard` names: `2/16`, or `/16` in a job array of Slurm."""
    match = _SHARD.fullmatch(text)
    if match is None:
        raise InputError(f"--shard {text}: expected i/n such as 2/16, or /16 in an array of Slurm")
    count = int(match[2])
    if match[1] is not None:
        index = int(match[1])
    elif (own := environment.get("SLURM_ARRAY_TASK_ID", "")).isdecimal():
        first = environment.get("SLURM_ARRAY_TASK_MIN", "")
        index = 1 + int(own) - (int(first) if first.isdecimal() else 0)
    else:
        raise InputError(f"--shard {text}: no SLURM_ARRAY_TASK_ID: give i/n, with i from 1 to n")
    if not 1 <= index <= count:
        raise InputError(f"--shard {text}: share {index} of {count}: expected 1 to {count}")
    return Shard(index, count)


def prepare_shard(request: VpoRequest, shard: Shard) -> list[str]:
    """Prepare the clips and photographs of a share; return lines for a person."""
    lines = []
    material = read_material(request)
    refuse_without_clips(request, material)
    splits: tuple[Split, ...] = ("ms", "msmi") if request.split == "msmi" else (request.split,)
    for folder in request.folders:
        refuse_foreign(folder)
    with open_executor(request.work.executor, request.work.workers) as executor:
        clip_folder = open_clip_folder(request, material, executor)
        for split in splits:
            share = ShardClips(clip_folder, shard)
            plan = plan_split(replace(request, split=split), material, share)
            photos = {item.scene.photo.id: item.scene.photo for item in plan.samples}
            own = [photo for photo in photos.values() if shard.owns(photo.file_name)]
            request.supply.photos(material.corpus, own)
            lines.append(
                f"shard {shard.index}/{shard.count} of {split}: {share.ready} clips and "
                f"{len(own)} photographs prepared"
            )
    return [*lines, "when every shard has ended: the same command with --merge for --shard"]


class ShardClips:
    """Looks at a share of the clips and takes the others as usable, until somebody has looked.

    Of the clips that are wanted at first, each shard looks at its own; a clip that is wanted in
    the place of a failed one is looked at by the shard that saw the failure.
    """

    def __init__(self, clips: ClipCheck, shard: Shard) -> None:
        self._clips = clips
        self._shard = shard
        self._first: frozenset[str] | None = None
        self.ready = 0

    def check(self, clip_ids: Sequence[str]) -> Mapping[str, Reason]:
        """See ClipCheck."""
        if self._first is None:
            self._first = frozenset(clip_ids)
        own = [c for c in clip_ids if c not in self._first or self._shard.owns(c)]
        failed = self._clips.check(own)
        self.ready += len(own) - len(failed)
        return failed

    def crossing(self, clip_ids: Collection[str]) -> Mapping[str, Reason]:
        """See ClipCheck: only who has every clip can tell."""
        return {}


SHARDS = "shards"
RECORDINGS = "recordings"
DONE = "done"
"""A file in the folder of a shard that has ended."""


def unite_shards(out: Path) -> None:
    """Take the ledgers and recordings of every shard into those of the output folder.

    Raises InputError if there is no shard, and while one of them is at work; a share that was
    left undone is told of on stderr: the build does it.
    """
    state = out / STATE_FOLDER
    shards = sorted(path for path in (state / SHARDS).glob("*-of-*") if path.is_dir())
    if not shards:
        raise InputError(
            f"--merge: no shard has worked in {out}: run the same command with --shard i/n first, "
            "once for each share"
        )
    with output_lock(out), contextlib.ExitStack() as locks:
        for shard in shards:
            locks.enter_context(output_lock(shard))
            remove_leftovers(shard)
        ledgers = [shard / LEDGER for shard in shards if (shard / LEDGER).is_file()]
        if ledgers:
            with Ledger(state / LEDGER, {}) as ledger:
                ledger.unite(ledgers)
        for recording in (path for shard in shards for path in (shard / RECORDINGS).glob("*.*")):
            if recording.is_file():  # not what is left of a process that was killed
                (state / RECORDINGS).mkdir(exist_ok=True)
                recording.replace(state / RECORDINGS / recording.name)
    for line in _undone(shards):
        say(line, err=True)


def _undone(shards: Iterable[Path]) -> list[str]:
    """Return a line for the shares of which no shard has come to its end."""
    done = {shard.name for shard in shards if (shard / DONE).exists()}
    counts = {int(shard.name.rpartition("-")[2]) for shard in shards}
    lines = []
    for count in sorted(counts):
        missing = [i for i in range(1, count + 1) if f"{i}-of-{count}" not in done]
        if missing:
            shown = ", ".join(map(str, missing[:10])) + (", …" if len(missing) > 10 else "")
            lines.append(f"--merge: of {count} shards, not ended: {shown}; their share is done now")
    return lines
