"""Fetches AVSBench's videos by its lists: frames and sound in the published layout.

Its masks are not on YouTube: the authors give them on request, and they go beside what this makes.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.fetch_request import FetchOptions, open_fetching, tool_versions
from vpo_builder.fetching.ledger import LEDGER, STATE_FOLDER, Ledger
from vpo_builder.fetching.worklist import Job, Worklist
from vpo_builder.rendering.video import VideoPart, VideoTask, publish_video
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.executors import ExecutorKind, open_executor
from vpo_builder.runtime.output_lock import output_lock
from vpo_builder.runtime.regular_files import read_regular
from vpo_builder.runtime.whole_files import remove_leftovers, write_atomically
from vpo_builder.sources.avsbench_lists import ListedVideo, VideoList, list_path, read_video_list
from vpo_builder.verify.headers import wav_header

SIDES = {"224": 224, "native": 0}
"""How large the published frames are: S4 and MS3 are 224×224, AVSS is as it was."""


@dataclass(frozen=True)
class AvsBenchRequest:
    """What a user asks for: a list, where its videos go, how large their frames are."""

    table: Path
    out: Path
    options: FetchOptions
    side: int
    workers: int = 1
    executor: ExecutorKind = "local"


def fetch_avsbench(request: AvsBenchRequest) -> Iterator[str]:
    """Fetch the videos of a list and yield lines for a person.

    What an interrupted run has published is kept. The csv beside the media lists the videos that
    are there, so that the published loaders run; the ledger tells of the others.
    """
    listed = read_video_list(request.table, request.out)
    table = list_path(listed.part, request.out)
    _refuse_other_list(table, listed, request.table)
    with output_lock(request.out):
        remove_leftovers(table.parent)
        _fetch(request, [video for video in listed.videos if not _is_here(video)])
        here = [video for video in listed.videos if _is_here(video)]
        text = "\n".join([listed.head, *(video.line for video in here)]) + "\n"
        write_atomically(table, text.encode(), durable=True)
    yield f"{listed.part}: {len(here)} of {len(listed.videos)} videos: {_folder(listed, request)}"
    if len(here) < len(listed.videos):
        yield f"the others, with reasons and dates: vpo-data rot {request.out}"
    yield "the masks come from the authors alone: https://opennlplab.github.io/AVSBench"
    if listed.part != "AVSS":
        yield (
            f"with them every reader of wavs takes it, avs-bench too; AVSBench's own {listed.part} "
            f"reader wants pickled log-mels: avs-bench embed-sounds {request.out} --log-mel"
        )


def _fetch(request: AvsBenchRequest, missing: list[ListedVideo]) -> None:
    by_record: dict[str, list[ListedVideo]] = defaultdict(list)
    for listed in missing:
        by_record[listed.record].append(listed)
    categories = {r: ",".join(videos[0].video.categories) for r, videos in by_record.items()}
    state = request.out / STATE_FOLDER
    with (
        Ledger(state / LEDGER, tool_versions()) as ledger,
        open_executor(request.executor, request.workers) as executor,
    ):
        if request.options.retry:
            ledger.reopen(request.options.retry)
        fetching = open_fetching("video", state, request.options, ledger, Cancellation())
        whole = fetching.source.whole_videos

        def task(record: str, recording: Path) -> VideoTask:
            parts = (_part(listed, whole=whole) for listed in by_record[record])
            return VideoTask(recording, tuple(parts), request.side)

        worklist = Worklist(fetching, executor, categories)
        worklist.work_off(sorted(by_record), Job(publish_video, task, "videos"))


def _part(listed: ListedVideo, *, whole: bool) -> VideoPart:
    video = listed.video
    return VideoPart(listed.start if whole else 0, listed.seconds, video.images, video.audio)


def _refuse_other_list(path: Path, listed: VideoList, given: Path) -> None:
    """Raise InputError if rows would be lost: what is written lists the videos that are here."""
    if not path.exists():
        return
    if path.samefile(given):
        raise InputError(
            f"{given}: would be overwritten by the list of those of its videos that could be "
            "fetched: give a copy of it that lies elsewhere, or another --out"
        )
    held = read_regular(path).decode("utf-8-sig", errors="replace").splitlines()
    others = sorted(set(filter(None, held)) - {listed.head, *(row.line for row in listed.videos)})
    if others:
        raise InputError(
            f"{path}: lists {len(others)} videos that {given} does not, such as "
            f"{others[0][:80]!r}: give another --out, or a list that has them too"
        )


def _is_here(listed: ListedVideo) -> bool:
    """Tell whether a video is published whole: its sound is written last, on the disk like all."""
    try:
        header = wav_header(read_regular(listed.video.audio))
    except (OSError, ValueError):
        return False
    return 0 < header.announced == header.frames


def _folder(listed: VideoList, request: AvsBenchRequest) -> Path:
    return list_path(listed.part, request.out).parent
