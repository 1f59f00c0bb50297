"""Completes a build's sources from the network: `--download`."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from vpo_builder.build.corpus import Corpus
from vpo_builder.build.request import VpoRequest
from vpo_builder.config import BuildConfig
from vpo_builder.fetching.coco import (
    fetch_annotations,
    fetch_table,
    has_annotations,
    photo_records,
    photo_source,
)
from vpo_builder.fetching.connections import Network
from vpo_builder.fetching.deadline import Cancellation
from vpo_builder.fetching.dispatch import Dispatcher
from vpo_builder.fetching.fetch_errors import FetchReason
from vpo_builder.fetching.fetch_request import FetchOptions, open_fetching, tool_versions
from vpo_builder.fetching.ledger import LEDGER, STATE_FOLDER, Ledger
from vpo_builder.fetching.mirror import clip_parts
from vpo_builder.fetching.shards import RECORDINGS, SHARDS
from vpo_builder.fetching.worklist import Fetching, Job, Worklist, clear_recordings
from vpo_builder.publishing.rejections import rejected_clips
from vpo_builder.records import CLIP_SECONDS, ArchiveMember, Clip, Photo, Reason
from vpo_builder.rendering.clip_folder import ClipFolder
from vpo_builder.rendering.clip_sound import ClipTask, prepare_clip
from vpo_builder.rendering.decoding import Excerpt
from vpo_builder.runtime.output_lock import output_lock
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.tasks import Executor
from vpo_builder.runtime.whole_files import remove_leftovers
from vpo_builder.sources.recordings import CSV_NAME
from vpo_builder.sources.vggsound import find_table

SOURCES_FOLDER = "sources"
FETCH_REASONS = {str(reason) for reason in FetchReason}


class FetchedClips(ClipFolder):
    """Writes the clips it is asked for, from files that are there and from a source."""

    fetches = True

    def __init__(
        self,
        folder: Path,
        clips: Sequence[Clip],
        config: BuildConfig,
        executor: Executor,
        fetching: Fetching,
    ) -> None:
        super().__init__(folder, clips, config, executor)
        self._whole_videos = fetching.source.whole_videos
        self._fetchable = {clip.clip_id for clip in clips if clip.fetchable}
        categories = {clip.clip_id: clip.category for clip in clips}
        self._worklist = Worklist(fetching, executor, categories)

    def seek(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        """Fetch clips that have no file here; return those that cannot be fetched or used."""
        wanted = [clip for clip in clip_ids if clip in self._fetchable]
        absent = super().seek([clip for clip in clip_ids if clip not in self._fetchable])
        return absent | self._worklist.work_off(wanted, Job(prepare_clip, self._task, self.label))

    def _task(self, clip: str, recording: Path) -> ClipTask:
        if not self._whole_videos:
            return self.task(clip, recording)
        return self.task(clip, recording, Excerpt(clip_parts(clip)[1], CLIP_SECONDS))


class Downloads:
    """Fetches what a build asks for to below its output folder; see Supply."""

    fetches = True

    def __init__(
        self, out: Path, state: Path, options: FetchOptions, ledger: Ledger, coco: Path | None
    ) -> None:
        self._state = state
        self._sources = out / SOURCES_FOLDER
        self._options = options
        self._settings = options.settings
        self._ledger = ledger
        self._coco = coco
        self._cancellation = Cancellation()

    def annotations(self) -> Path:
        """Return a folder with COCO's annotations: the one given if it has them, else fetched."""
        if self._coco is not None and has_annotations(self._coco):
            return self._coco
        folder = self._sources / "coco"
        if not has_annotations(folder):
            network = self._reach(self._settings.network.archive_seconds)
            fetch_annotations(folder, self._settings, network, self._ledger)
        return folder

    def table(self, vggsound: Path | None) -> Path:
        """Return VGGSound's csv: the one in `vggsound` if it is there, else fetched."""
        given = None if vggsound is None else find_table(vggsound)
        if given is not None:
            return given
        folder = self._sources / "vggsound"
        if not (folder / CSV_NAME).is_file():
            network = self._reach(self._settings.network.image_seconds)
            fetch_table(folder, self._settings, network, self._ledger)
        return folder / CSV_NAME

    def clips(
        self, folder: Path, clips: Sequence[Clip], config: BuildConfig, executor: Executor
    ) -> FetchedClips:
        """See Supply."""
        return FetchedClips(folder, clips, config, executor, self._clip_fetching)

    def photos(
        self, corpus: Corpus, photos: Sequence[Photo]
    ) -> Callable[[Photo], Path | ArchiveMember]:
        """See Supply."""
        folder = self._sources / "coco"

        def path(photo: Photo) -> Path | ArchiveMember:
            name = Path(corpus.folders[photo.id].name, Path(photo.file_name).name)
            given = [] if self._coco is None else [self._coco / name]
            places = (corpus.image_path(photo), *given)
            return next(filter(_is_there, places), folder / name)

        source = photo_source(folder, self._settings, self._reach(0.0))
        given_up = self._ledger.given_up(source.kind, source.name)
        absent = photo_records([p for p in photos if not _is_there(path(p))], corpus.folders)
        wanted = dict.fromkeys(sorted(absent.keys() - given_up.keys()), "")
        dispatcher = Dispatcher(
            source,
            self._ledger,
            self._settings.retry,
            self._settings.network.connections,
            self._settings.rate.coco_per_hour,
        )
        for _ in progress(dispatcher.outcomes(wanted), len(wanted), "photographs"):
            continue
        return path

    def retries(self, folder: Path) -> bool:
        """See Supply."""
        open_again = self._ledger.to_ask_again("clip", self._clip_fetching.source.name)
        return bool(self._options.retry) and bool(open_again & rejected_clips(folder))

    def notes(self) -> list[str]:
        """See Supply."""
        given_up = self._ledger.given_up("clip", self._clip_fetching.source.name)
        counts = Counter(given_up.values())
        lines = [f"clips not fetched: {n} {reason}" for reason, n in sorted(counts.items())]
        if any(not FetchReason(r).permanent for r in counts if r in FETCH_REASONS):
            lines.append("some may come another time: run it again with --retry transient")
        return lines

    @cached_property
    def _clip_fetching(self) -> Fetching:
        return open_fetching("clip", self._state, self._options, self._ledger, self._cancellation)

    def _reach(self, total_seconds: float) -> Network:
        return self._settings.reach(total_seconds, self._options.proxy, self._cancellation)


def _is_there(place: Path | ArchiveMember) -> bool:
    return place.exists() if isinstance(place, Path) else True


@contextlib.contextmanager
def downloading(
    request: VpoRequest, options: FetchOptions, shard: str = ""
) -> Iterator[VpoRequest]:
    """Yield a request whose sources are completed: what lists them at once, the rest as needed.

    A shard keeps a ledger, a lock and recordings of its own.
    """
    out, sources = request.out, request.sources
    state = out / STATE_FOLDER / SHARDS / shard if shard else out / STATE_FOLDER
    with (
        output_lock(state if shard else out),
        Ledger(state / LEDGER, tool_versions()) as ledger,
    ):
        if options.retry:
            ledger.reopen(options.retry)
        for place in [state / RECORDINGS] if shard else [state / RECORDINGS, out / SOURCES_FOLDER]:
            remove_leftovers(place)
        downloads = Downloads(out, state, options, ledger, sources.coco)
        with output_lock(out / SOURCES_FOLDER, wait=True):
            completed = replace(sources, coco=downloads.annotations())
            if sources.wants_vggsound:
                table = sources.vggsound_csv or downloads.table(sources.vggsound)
                vggsound = sources.vggsound or out / SOURCES_FOLDER / "vggsound"
                completed = replace(completed, vggsound=vggsound, vggsound_csv=table)
        yield replace(request, sources=completed, supply=downloads)
        clear_recordings(state / RECORDINGS)
