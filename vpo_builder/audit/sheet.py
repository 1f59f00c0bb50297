"""Shows near-duplicate photographs side by side, for a person to judge."""

import base64
import io
from pathlib import Path

from PIL import Image

from vpo_builder.audit.audit import AuditReport
from vpo_builder.dataset.media_files import OwnFiles
from vpo_builder.runtime.page.rendering import render
from vpo_builder.runtime.whole_files import write_atomically

THUMBNAIL = 420  # pixels of the longer side


def write_sheet(report: AuditReport, path: Path) -> None:
    """Write one self-contained HTML page with the pairs of `report`, the closest first."""
    files = OwnFiles(report.folder)
    pairs = [
        {
            "bits": pair.bits,
            "photographs": [
                {
                    "subset": photograph.subset,
                    "path": photograph.path.relative_to(report.folder).as_posix(),
                    "image": files.load(photograph.path, _data_uri),
                }
                for photograph in (pair.first, pair.second)
            ],
        }
        for pair in sorted(report.near_duplicates, key=lambda pair: pair.bits)
    ]
    page = render(
        "vpo_builder.audit", "sheet.html", {}, name=report.folder.resolve().name, pairs=pairs
    )
    write_atomically(path, page.encode())


def _data_uri(data: bytes) -> str:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.draft("RGB", (THUMBNAIL, THUMBNAIL))
        small = image.convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL))
    small.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
