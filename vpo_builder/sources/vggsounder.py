"""Reads VGGSounder's csv: what people heard in VGGSound's test clips (ICCV 2025)."""

import csv
import hashlib
import io
from collections import defaultdict
from pathlib import Path

from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.regular_files import read_regular

COLUMNS = ("video_id", "label", "modality")
AUDIBLE = {"A": True, "AV": True, "V": False}


def read_vggsounder(path: Path) -> tuple[dict[str, frozenset[str]], str]:
    """Return the labels that can be heard in each clip, by clip id, and the file's sha256.

    A clip is listed with one row a label; `modality` says whether it is audible (A), visible (V)
    or both (AV). Raises InputError for missing columns and for another modality.
    """
    try:
        data = read_regular(path)
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text: expected VGGSounder's csv") from None
    heard: dict[str, set[str]] = defaultdict(set)
    try:
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                f"{path}: no column {', '.join(missing)}: expected VGGSounder's csv with video_id, "
                "label, modality, background_music, static_image, voice_over"
            )
        for row in reader:
            if row["modality"] not in AUDIBLE:
                where = f"{path}, line {reader.line_num}"
                raise InputError(f"{where}: modality {row['modality']!r}, expected A, V or AV")
            labels = heard[row["video_id"]]
            if AUDIBLE[row["modality"]]:
                labels.add(row["label"])
    except csv.Error as error:
        raise InputError(
            f"{path}, line {reader.reader.line_num}: not a csv: {error}: get the table again"
        ) from None
    audible = {clip_id: frozenset(labels) for clip_id, labels in heard.items()}
    return audible, hashlib.sha256(data).hexdigest()
