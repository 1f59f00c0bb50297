"""Counts AVSBench's published trees as its papers do: videos and annotated frames."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from vpo_builder.dataset.avsbench_trees import Part, Tree, Video
from vpo_builder.dataset.schema import SUBSETS, Subset
from vpo_builder.runtime.progress import progress
from vpo_builder.statistics.counts import aligned

TITLES: Mapping[Part, str] = {
    "S4": "AVSBench S4 (one source)",
    "MS3": "AVSBench MS3 (several sources)",
    "AVSS": "AVSBench-Semantic",
}
LACKING_NAMED = 10
Key = tuple[str, Subset]


@dataclass(frozen=True, slots=True)
class VideoCount:
    """Videos that have something in common, their annotated frames, and the masks found."""

    videos: int = 0
    annotated: int = 0
    found: int = 0

    def __add__(self, other: "VideoCount") -> "VideoCount":
        """Return the counts of both."""
        return VideoCount(
            self.videos + other.videos, self.annotated + other.annotated, self.found + other.found
        )


@dataclass(frozen=True)
class TreeStatistics:
    """Counts of a tree by (folder, subset) and by (category, subset).

    The folder is AVSS's v1s, v1m or v2 and empty elsewhere. A video with several categories
    counts for each. `lacking` names the videos of which some file is missing.
    """

    part: Part
    by_folder: Mapping[Key, VideoCount]
    by_category: Mapping[Key, VideoCount]
    lacking: tuple[str, ...]

    @property
    def total(self) -> VideoCount:
        """The counts of all videos."""
        return sum(self.by_folder.values(), VideoCount())


def count_tree(tree: Tree) -> TreeStatistics:
    """Return the statistics of a tree: what its csv lists, and how much of it is there."""
    by_folder: dict[Key, VideoCount] = defaultdict(VideoCount)
    by_category: dict[Key, VideoCount] = defaultdict(VideoCount)
    lacking = []
    for video in progress(tree.videos, len(tree.videos), f"{tree.part}: videos"):
        found = sum(mask.is_file() for mask in video.masks)
        counted = VideoCount(1, len(video.masks), found)
        by_folder[video.folder, video.subset] += counted
        for category in video.categories:
            by_category[category, video.subset] += counted
        if found < len(video.masks) or _lacks_frames_or_sound(video):
            lacking.append(video.name)
    return TreeStatistics(tree.part, dict(by_folder), dict(by_category), tuple(lacking))


def format_trees(trees: Iterable[TreeStatistics]) -> Iterator[str]:
    """Yield the lines of the text report, tree by tree."""
    for place, tree in enumerate(trees):
        if place:
            yield ""
        yield from _format_tree(tree)


def _format_tree(tree: TreeStatistics) -> Iterator[str]:
    total = tree.total
    categories = _names(tree.by_category)
    named = f", {len(categories)} categories" if categories else ""
    yield f"{TITLES[tree.part]}: {total.videos} videos, {total.annotated} annotated frames{named}"
    yield ""
    yield from aligned(_subset_table(tree), left=2)
    if categories:
        yield ""
        yield from aligned(_category_table(tree, categories), left=1)
    if tree.lacking:
        more = ", …" if len(tree.lacking) > LACKING_NAMED else ""
        shown = ", ".join(tree.lacking[:LACKING_NAMED])
        yield ""
        yield f"warning: {len(tree.lacking)} videos lack files: {shown}{more}"


def _subset_table(tree: TreeStatistics) -> Iterator[tuple[str, ...]]:
    yield "part", "subset", "videos", "annotated frames", "masks found"
    for folder in _names(tree.by_folder):
        for subset in SUBSETS:
            counted = tree.by_folder.get((folder, subset), VideoCount())
            yield (
                folder or tree.part,
                subset,
                *map(str, (counted.videos, counted.annotated, counted.found)),
            )


def _category_table(tree: TreeStatistics, categories: list[str]) -> Iterator[tuple[str, ...]]:
    yield "videos of", *SUBSETS, "total", "annotated frames:", *SUBSETS, "total"
    for category in categories:
        rows = [tree.by_category.get((category, subset), VideoCount()) for subset in SUBSETS]
        videos, frames = [row.videos for row in rows], [row.annotated for row in rows]
        yield (
            category,
            *map(str, (*videos, sum(videos))),
            "",
            *map(str, (*frames, sum(frames))),
        )


def _names(counts: Mapping[Key, VideoCount]) -> list[str]:
    return sorted({name for name, _ in counts})


def _lacks_frames_or_sound(video: Video) -> bool:
    return not all(path.is_file() for path in (*video.images, video.audio))
