"""COCO 2017 and VGGSound's csv from their servers, or from mirrors of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vpo_builder.fetching import content
from vpo_builder.fetching.connections import Network, checked_host
from vpo_builder.fetching.dispatch import Dispatcher
from vpo_builder.fetching.fetch_errors import FetchError
from vpo_builder.fetching.ledger import Ledger
from vpo_builder.fetching.plain_files import Files
from vpo_builder.fetching.settings import FetchSettings
from vpo_builder.fetching.zip_files import refuse_path, unpack
from vpo_builder.records import Photo
from vpo_builder.runtime.errors import InputError
from vpo_builder.sources.image_sources import COCO_PARTS
from vpo_builder.sources.recordings import CSV_NAME

ANNOTATIONS = tuple(
    f"annotations/{kind}_{part}.json" for kind in ("instances", "captions") for part in COCO_PARTS
)


def has_annotations(coco: Path | None) -> bool:
    """Tell whether a folder holds everything that a build reads of COCO but its images."""
    return coco is not None and all((coco / name).is_file() for name in ANNOTATIONS)


def fetch_annotations(
    folder: Path, settings: FetchSettings, network: Network, ledger: Ledger
) -> None:
    """Fetch COCO's archive of annotations, check it, and unpack what a build reads to `folder`.

    An archive that somebody else has put there is used, and left.
    """
    coco = settings.coco
    base = coco_url(settings)
    refuse_path(coco.archive, "setting fetch.coco.archive")
    archive = folder / PurePosixPath(coco.archive).name
    url = f"{base}/{coco.archive}"
    if not archive.exists():
        source = Files(
            "archive",
            url,
            archive,
            replace(network, total_seconds=settings.network.archive_seconds),
            content.zip_archive,
            settings.network.max_archive_bytes,
            coco.archive_bytes or None,
            coco.archive_sha256,
        )
        _fetch_one(source, settings, ledger, "fetch.coco.url")
    unpack(archive, folder, ANNOTATIONS, coco.max_unpacked_bytes)
    if ledger.has_come("archive", url):
        archive.unlink()


def fetch_table(folder: Path, settings: FetchSettings, network: Network, ledger: Ledger) -> None:
    """Fetch VGGSound's csv to `folder`."""
    source = Files(
        "table",
        settings.vggsound.url,
        folder / CSV_NAME,
        network,
        content.table,
        settings.network.max_table_bytes,
    )
    _fetch_one(source, settings, ledger, "fetch.vggsound.url")


def photo_source(folder: Path, settings: FetchSettings, network: Network) -> Files:
    """Return where COCO's photographs come from; a record is "train2017/000000000009.jpg"."""
    return Files(
        "image",
        coco_url(settings),
        folder,
        replace(network, total_seconds=settings.network.image_seconds),
        content.image,
        settings.network.max_image_bytes,
    )


def photo_records(photos: Sequence[Photo], folders: Mapping[int, Path]) -> dict[str, Photo]:
    """Return photos by the name under which the server has them."""
    return {
        f"{folders[photo.id].name}/{PurePosixPath(photo.file_name).name}": photo for photo in photos
    }


def coco_url(settings: FetchSettings) -> str:
    """Return the checked address below which COCO lies."""
    url = settings.coco.url.rstrip("/")
    _checked(url, "fetch.coco.url")
    return url


def _fetch_one(source: Files, settings: FetchSettings, ledger: Ledger, setting: str) -> None:
    _checked(source.url, setting)
    dispatcher = Dispatcher(source, ledger, settings.retry, 1, 0.0)
    for outcome in dispatcher.outcomes({"": ""}):
        if outcome.error is not None:
            raise InputError(
                f"{source.url}: could not be fetched: {outcome.error}; run the same command again "
                f"later, or give another server by --set {setting}=URL"
            )


def _checked(url: str, setting: str) -> None:
    try:
        checked_host(url)
    except FetchError as error:
        raise InputError(f"setting {setting}: {error.detail}") from None
