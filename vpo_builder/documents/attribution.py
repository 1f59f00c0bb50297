"""Writes and reads `ATTRIBUTION.csv`: whose photograph and whose recording each file is."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vpo_builder.dataset.clip_ids import YOUTUBE_CLIP
from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.sound_credits import NO_CREDITS, SoundCredit
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.outside_text import csv_cell
from vpo_builder.runtime.regular_files import read_regular

ATTRIBUTION = "ATTRIBUTION.csv"
COLUMNS = (
    "kind",
    "id",
    "license",
    "license_url",
    "author_page",
    "media_url",
    "original_url",
)
# farm7.staticflickr.com/<server>/<photo id>_<secret>_<size>.jpg; flickr.com/photo.gne leads from
# the photo's id to its page, which names the author.
FLICKR_STATIC = re.compile(r"https?://[a-z0-9.]*staticflickr\.com/\d+/(\d+)_")
VGGSOUND_LICENCE = "list: CC BY 4.0; recording: rights with its uploader"
VGGSOUND_URL = "https://www.robots.ox.ac.uk/~vgg/data/vggsound/"
AVSBENCH_LICENCE = "dataset: CC BY-NC 4.0; recording: rights with its uploader"
AVSBENCH_URL = "https://github.com/OpenNLPLab/AVSBench"
# What an import of DDESeg's layout calls its clips: YouTube's ids never end so.
MIXED_CLIP = re.compile(r"mix[0-9]{7}-_[0-9]{6}")
# A frame of S4 is named by its video, which YouTube's id names, and its number.
S4_FRAME = re.compile(r"([A-Za-z0-9_-]{11})_[1-5]")


@dataclass(frozen=True, slots=True)
class Attribution:
    """Whose an image is; addresses as COCO's json gives them, "" where it gives none.

    `page` is its author's if the user names it; `flickr_url` the name of the file of one's own.
    """

    image_id: int
    license_name: str
    license_url: str
    flickr_url: str
    coco_url: str
    page: str = ""

    @property
    def author_page(self) -> str:
        """The page that names its author, by default the photograph's on Flickr; "" if none."""
        if self.page:
            return self.page
        found = FLICKR_STATIC.match(self.flickr_url)
        return f"https://www.flickr.com/photo.gne?id={found.group(1)}" if found else ""


class Credit(NamedTuple):
    """What `ATTRIBUTION.csv` says of an image; "" where it says nothing."""

    licence: str = ""
    author_page: str = ""
    licence_url: str = ""


def encode_attributions(
    attributions: Iterable[Attribution],
    manifest: Manifest,
    credits: Mapping[str, SoundCredit] = NO_CREDITS,
) -> bytes:
    """Return the csv: a row for each image in use, then one for each clip, sorted by id.

    What COCO's json and lists of recordings say is text from outside; a clip's id is one by its
    pattern, and is found again by it, so that it stays as it is.
    """
    samples, synthetic = manifest.samples, manifest.meta.synthetic
    used = {sample.image_id for sample in samples}
    clips = sorted({source.clip_id for sample in samples for source in sample.sources})
    recordings = (VGGSOUND_LICENCE, VGGSOUND_URL)
    if manifest.meta.split == "avsbench-single-plus":
        recordings = (AVSBENCH_LICENCE, AVSBENCH_URL)
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in sorted(attributions, key=lambda row: row.image_id):
        if row.image_id in used:
            licence = (row.license_name, row.license_url)
            told = (*licence, row.author_page, row.coco_url, row.flickr_url)
            writer.writerow(("image", f"{row.image_id:012d}", *map(csv_cell, told)))
    for clip_id in clips:
        licence, page = recordings, clip_page(clip_id, credits)
        if synthetic:
            licence, page = ("synthesised", ""), ""
        elif clip_id in credits:
            licence = (credits[clip_id].licence, credits[clip_id].licence_url)
        writer.writerow(("clip", clip_id, *map(csv_cell, (*licence, page)), "", ""))
    return buffer.getvalue().encode()


def read_licences(folder: Path) -> dict[int, str]:
    """Return image id -> licence name from a dataset's `ATTRIBUTION.csv`; {} if it has none."""
    return {image_id: credit.licence for image_id, credit in read_credits(folder).items()}


def read_credits(folder: Path) -> dict[int, Credit]:
    """Return image id -> credit from a dataset's `ATTRIBUTION.csv`.

    {} if it has none; InputError if it is not one.
    """
    path = folder / ATTRIBUTION
    if not path.exists():
        return {}
    try:
        rows = csv.reader(io.StringIO(read_regular(path).decode(), newline=""))
        columns = next(rows, [])
        if tuple(columns) != COLUMNS:
            raise ValueError(f"columns are {columns}, expected {list(COLUMNS)}")
        return {
            int(number): Credit(licence, page, url)
            for kind, number, licence, url, page, _, _ in rows
            if kind == "image" and number.isdecimal()
        }
    except (OSError, ValueError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(
            f"{path}: {reason}: the file was edited: run vpo-data verify {folder}"
        ) from None


def clip_page(clip_id: str, credits: Mapping[str, SoundCredit] = NO_CREDITS) -> str:
    """Return the address of a clip: its own page if it has a credit, else that of its video.

    "" if that is not known. A video starts where a clip of VGGSound does; S4 does not say where
    its clips begin.
    """
    if clip_id in credits:
        return credits[clip_id].page
    frame = S4_FRAME.fullmatch(clip_id)
    if frame:
        return f"https://www.youtube.com/watch?v={frame.group(1)}"
    found = YOUTUBE_CLIP.fullmatch(clip_id)
    if not found or MIXED_CLIP.fullmatch(clip_id):
        return ""
    return f"https://www.youtube.com/watch?v={found.group(1)}&t={int(found.group(2))}s"
