"""A share of a build's work, for the jobs of an array that see the same output folder.

Each job plans the whole dataset, which is quick, and readies the clips and photographs of its
share; merging is the build itself, which then finds them there.
"""

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from vpo_builder.build import BuildRequest, open_corpus, plan_build, usable_clips
from vpo_builder.errors import InputError
from vpo_builder.executors import open_executor
from vpo_builder.hashing import text_key
from vpo_builder.planning import ClipCheck
from vpo_builder.records import Reason
from vpo_builder.rendering.clips import claim_clip_folder
from vpo_builder.rendering.layout import AUDIO_FOLDER
from vpo_builder.schema import Split

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


def prepare_shard(request: BuildRequest, shard: Shard) -> list[str]:
    """Ready the clips and photographs of a share; return lines for a person."""
    lines = []
    corpus = open_corpus(request)
    clips, _ = usable_clips(request, corpus)
    audio = request.out / AUDIO_FOLDER
    claim_clip_folder(audio, request.config)
    splits: tuple[Split, ...] = ("ms", "msmi") if request.split == "msmi" else (request.split,)
    with open_executor(request.executor, request.workers) as executor:
        clip_folder = request.supply.clips(audio, clips, request.config, executor)
        for split in splits:
            share = ShardClips(clip_folder, shard)
            plan = plan_build(replace(request, split=split), corpus, clips, share)
            photos = {item.scene.photo.id: item.scene.photo for item in plan.samples}
            own = [photo for photo in photos.values() if shard.owns(photo.file_name)]
            request.supply.photos(corpus, own)
            lines.append(
                f"shard {shard.index}/{shard.count} of {split}: {share.ready} clips and "
                f"{len(own)} photographs looked after"
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
