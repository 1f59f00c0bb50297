"""Which file answers which sample: by the sample's id, or as the published programs name it. Pure.

A rule gives each sample the paths, without ending, that a file of its answer may end with. The
rule that leaves the fewest files and samples over holds for all, the first of RULES at a tie.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from avs_bench.data.example import Example

ENDINGS = (".png", ".npz")
_NUMBERS = re.compile(r"\d+(_\d+)*", re.ASCII)
_FRAME = re.compile(r"(.*?)0*(\d+)", re.ASCII | re.DOTALL)

Aliases = Callable[[Example], Iterator[str]]


@dataclass(frozen=True)
class Rule:
    """A way to name answers: `aliases` yields the names of a sample, `told` says it in words."""

    name: str
    told: str
    aliases: Aliases


@dataclass(frozen=True)
class Matched:
    """The file of each sample, and what does not fit: ids without a file, ids with several, files.

    `rule` is the one that holds. Samples answered twice are not among `files`; the files `unasked`
    answer frames that nobody labelled.
    """

    rule: Rule
    files: Mapping[str, str]
    missing: tuple[str, ...]
    doubled: tuple[str, ...]
    surplus: tuple[str, ...]
    unasked: tuple[str, ...]

    @property
    def left_over(self) -> int:
        """Samples without a file and files without a sample."""
        return len(self.missing) + len(self.surplus)


def match(
    names: Sequence[str], examples: Sequence[Example], unasked: Sequence[Example] = ()
) -> Matched:
    """Match the files of a folder, `/` between folders, to samples.

    `unasked` are frames of the same videos whose answers may be there and are not scored.
    """
    found: list[Matched] = []
    for rule in RULES:
        found.append(_matched(rule, names, examples, unasked))
        if not found[-1].left_over:
            break
    return min(found, key=lambda one: one.left_over)  # the first at a tie


def _matched(
    rule: Rule, names: Iterable[str], examples: Sequence[Example], unasked: Sequence[Example]
) -> Matched:
    owners = _owners(rule, [*examples, *unasked])
    files: dict[str, list[str]] = {}
    surplus = []
    for name in names:
        owner = _owner(name, owners)
        if owner is None:
            surplus.append(name)
        else:
            files.setdefault(owner, []).append(name)
    ids = [example.example_id for example in examples]
    others = [name for one in unasked for name in files.pop(one.example_id, ())]
    return Matched(
        rule,
        {owner: given[0] for owner, given in files.items() if len(given) == 1},
        tuple(name for name in ids if name not in files),
        tuple(name for name in ids if len(files.get(name, ())) > 1),
        tuple(surplus),
        tuple(others),
    )


def _owners(rule: Rule, examples: Sequence[Example]) -> dict[str, str]:
    """Return the id of the sample that each name means; names of several mean none."""
    named = {(_canonical(alias), one.example_id) for one in examples for alias in rule.aliases(one)}
    times = Counter(alias for alias, _ in named)
    return {alias: owner for alias, owner in named if times[alias] == 1}


def _owner(name: str, owners: Mapping[str, str]) -> str | None:
    """Return the sample that the longest end of a path names."""
    path = PurePosixPath(name)
    if path.suffix.lower() not in ENDINGS:
        return None
    parts = path.with_suffix("").parts
    ends = ("/".join(parts[first:]) for first in range(len(parts)))
    known = (owners.get(_canonical(end)) for end in ends)
    return next((owner for owner in known if owner is not None), None)


def _canonical(name: str) -> str:
    """Return a name with its numbers as they count: "7_012" as "7_12", "video/00003" as "video/3".

    Of names that are no numbers alone only the last one, the frame's.
    """
    head, _, last = name.rpartition("/")
    if _NUMBERS.fullmatch(last):
        last = "_".join(str(int(number)) for number in last.split("_"))
    elif frame := _FRAME.fullmatch(last):
        last = "".join(frame.groups())
    return f"{head}/{last}" if head else last


def _ids(example: Example) -> Iterator[str]:
    yield example.example_id


def _frames(example: Example, shift: int = 0) -> Iterator[str]:
    """Yield the names that programs for AVSBench give to a frame of a video."""
    video, _, number = example.example_id.rpartition("_")
    if video != example.unit or not number.isdecimal():
        return
    frame, part = str(int(number) + shift), example.groups.get("part", "")
    uid = video.removeprefix(f"{part}_") if part else video
    homes = [uid, *([f"{part}/{uid}", video] if part else [])]
    for home in homes:
        yield f"{home}/{frame}"
        yield f"{home}/labels_semantic/{frame}"
        yield f"{home}/{uid}_{frame}"
        yield f"{home}/{uid}.mp4_{frame}"
    yield from (f"{name}_{frame}" for name in dict.fromkeys([uid, video]))
    yield f"{uid}.mp4_{frame}"


RULES: tuple[Rule, ...] = (
    Rule(
        "id",
        "the sample's id, in any folder; leading zeros of its numbers may be left out",
        _ids,
    ),
    Rule(
        "frames",
        "video/frame, video_frame or video/video_frame, frames numbered as in the dataset",
        _frames,
    ),
    Rule(
        "frames-from-0",
        "as frames, counted from 0 where the dataset counts from 1",
        lambda example: _frames(example, -1),
    ),
    Rule(
        "frames-from-1",
        "as frames, counted from 1 where the dataset counts from 0",
        lambda example: _frames(example, 1),
    ),
)
"""Every rule, the one that is asked first before the others."""
