"""Clips that have to be fetched: each when the ranking asks for it, and no other."""

from collections.abc import Sequence
from pathlib import Path

from vpo_builder.config import BuildConfig
from vpo_builder.executors import Executor
from vpo_builder.fetching.mirror import clip_parts
from vpo_builder.fetching.worklist import Fetching, Job, Worklist
from vpo_builder.records import Clip, Reason
from vpo_builder.rendering.audio import ClipTask, prepare_clip
from vpo_builder.rendering.clips import ClipFolder
from vpo_builder.rendering.decoding import Excerpt
from vpo_builder.sources.vggsound import CLIP_MILLISECONDS

CLIP_SECONDS = CLIP_MILLISECONDS / 1000


class FetchedClips(ClipFolder):
    """Writes the clips it is asked for, from files that are there and from a source."""

    def __init__(
        self,
        folder: Path,
        clips: Sequence[Clip],
        config: BuildConfig,
        executor: Executor,
        fetching: Fetching,
    ) -> None:
        super().__init__(folder, clips, config, executor)
        self._audio = folder
        self._whole_videos = fetching.source.whole_videos
        categories = {clip.clip_id: clip.category for clip in clips}
        self._worklist = Worklist(fetching, executor, categories)

    def seek(self, clip_ids: Sequence[str]) -> dict[str, Reason]:
        """Fetch clips that have no file here; return those that cannot be had or used."""
        absent = [clip for clip in clip_ids if not (self._audio / f"{clip}.wav").exists()]
        return self._worklist.work_off(absent, Job(prepare_clip, self._task, "clips"))

    def _task(self, clip: str, recording: Path) -> ClipTask:
        if not self._whole_videos:
            return self.task(clip, recording)
        return self.task(clip, recording, Excerpt(clip_parts(clip)[1], CLIP_SECONDS))
