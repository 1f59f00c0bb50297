"""Says what a build would fetch, how much that is and how long it takes: `--plan`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from vpo_builder.build.request import VpoRequest
from vpo_builder.build.supply import FolderSupply
from vpo_builder.build.vpo import plan_split, read_material
from vpo_builder.dataset.places import AUDIO_FOLDER
from vpo_builder.dataset.schema import Split
from vpo_builder.fetching.coco import has_annotations, photo_records
from vpo_builder.fetching.downloads import SOURCES_FOLDER, downloading
from vpo_builder.fetching.fetch_request import FetchOptions
from vpo_builder.fetching.ledger import LEDGER, STATE_FOLDER, Ledger
from vpo_builder.records import Reason
from vpo_builder.sources.vggsound import find_table

SECONDS_AN_HOUR = 3600


@dataclass(frozen=True)
class Need:
    """Files of one kind: how many are needed and here, and what each of the others costs.

    `gone` is the share of requests that will find nothing, so that another has to be made.
    """

    what: str
    needed: int
    here: int
    bytes_each: int
    per_hour: float
    gone: float
    bytes_per_second: int

    @property
    def requests(self) -> int:
        """How many requests the missing ones take."""
        return round((self.needed - self.here) / (1 - self.gone))

    @property
    def size_bytes(self) -> int:
        """How much the missing ones weigh."""
        return (self.needed - self.here) * self.bytes_each

    @property
    def hours(self) -> float:
        """How long they take, at the rate or at the connection's speed, whichever is slower."""
        paced = self.requests / self.per_hour if self.per_hour else 0.0
        return max(paced, self.size_bytes / self.bytes_per_second / SECONDS_AN_HOUR)


def plan_lines(request: VpoRequest, options: FetchOptions, *, download: bool) -> Iterator[str]:
    """Yield what a build would fetch.

    Which clips and photographs that is can be said once the sources' lists are here; only those
    are fetched, and only with `download`.
    """
    given, fetched = request.sources, request.out / SOURCES_FOLDER
    lists = next((f for f in (given.coco, fetched / "coco") if has_annotations(f)), None)
    folders = (folder for folder in (given.vggsound, fetched / "vggsound") if folder)
    table = given.vggsound_csv or next(filter(None, map(find_table, folders)), None)
    if not download and (lists is None or (table is None and given.wants_vggsound)):
        size = _megabytes(options.settings.coco.archive_bytes)
        yield (
            f"to fetch first: COCO's annotations ({size}) and VGGSound's csv: run it with --plan "
            "--download, which fetches these two alone, to see what else is needed"
        )
        return
    here = replace(given, coco=lists)
    if given.wants_vggsound:
        vggsound = given.vggsound or fetched / "vggsound"
        here = replace(here, vggsound=vggsound, vggsound_csv=table)
    with (
        downloading(request, options)
        if download
        else nullcontext(replace(request, sources=here)) as completed
    ):
        needs = _needs(completed, options, given.coco)
    yield from (_line(need) for need in needs)
    total = sum(need.size_bytes for need in needs)
    yield f"in all {_megabytes(total)}, about {sum(need.hours for need in needs):.1f} hours"


class _AssumedSupply(FolderSupply):
    """Counts every clip as one that can be fetched, and fetches none."""

    fetches = True


class _AssumedClips:
    """Takes every clip as usable but those that are known not to be."""

    def __init__(self, given_up: Mapping[str, str]) -> None:
        self._given_up = given_up

    def check(self, clip_ids: Sequence[str]) -> Mapping[str, Reason]:
        """See ClipCheck."""
        return {clip: Reason.CLIP_VANISHED for clip in clip_ids if clip in self._given_up}

    def crossing(self, clip_ids: Collection[str]) -> Mapping[str, Reason]:
        """See ClipCheck."""
        return {}


def _needs(request: VpoRequest, options: FetchOptions, coco: Path | None) -> list[Need]:
    request = replace(request, supply=_AssumedSupply())
    material = read_material(request)
    check = _AssumedClips(_given_up(request.out, options))
    splits: tuple[Split, ...] = ("ms", "msmi") if request.split == "msmi" else (request.split,)
    planned = [
        sample
        for split in splits
        for sample in plan_split(replace(request, split=split), material, check).samples
    ]
    wanted = {source.clip_id for item in planned for source in item.sample.sources}
    local = {clip.clip_id for clip in material.clips if clip.path is not None}
    audio = request.out / AUDIO_FOLDER
    clips_here = sum(clip in local or (audio / f"{clip}.wav").exists() for clip in wanted)
    folders = (coco, request.out / SOURCES_FOLDER / "coco")
    photos = {item.scene.photo.id: item.scene.photo for item in planned}
    names = photo_records(list(photos.values()), material.corpus.folders)
    photos_here = sum(any(f is not None and (f / n).exists() for f in folders) for n in names)
    return _priced(len(wanted), clips_here, len(names), photos_here, options)


def _priced(
    clips: int, clips_here: int, photos: int, photos_here: int, options: FetchOptions
) -> list[Need]:
    estimate, rate = options.settings.estimate, options.settings.rate
    per_hour = rate.youtube_per_hour if options.clip_url is None else rate.mirror_per_hour
    speed = estimate.bytes_per_second
    return [
        Need("clips", clips, clips_here, estimate.clip_bytes, per_hour, estimate.clips_gone, speed),
        Need(
            "photographs", photos, photos_here, estimate.image_bytes, rate.coco_per_hour, 0, speed
        ),
    ]


def _given_up(out: Path, options: FetchOptions) -> dict[str, str]:
    """Return what an earlier run has found out about the source of the clips."""
    path = out / STATE_FOLDER / LEDGER
    if not path.exists():
        return {}
    source = "youtube" if options.clip_url is None else options.clip_url.template
    with Ledger(path, {}) as ledger:
        return ledger.given_up("clip", source)


def _line(need: Need) -> str:
    extra = f" ({need.requests} requests, as {need.gone:.0%} are gone)" if need.gone else ""
    rate = f" at {need.per_hour:g} an hour" if need.per_hour else ""
    return (
        f"{need.what}: {need.needed} needed, {need.here} here, {need.needed - need.here} to "
        f"fetch{extra}: {_megabytes(need.size_bytes)}, {need.hours:.1f} hours{rate}"
    )


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB" if size_bytes < 1e10 else f"{size_bytes / 1e9:,.0f} GB"
