"""Hugging Face's image folder: `load_dataset("imagefolder", data_dir=...)` reads it.

A folder for each subset holds images, masks, recordings and `metadata.jsonl`, whose columns
`file_name` and `mask_file_name` become the columns `image` and `mask`. Recordings are paths
relative to the subset's folder, since an image folder decodes images alone.
"""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from vpo_builder.dataset.manifest import Manifest, encode_lines
from vpo_builder.dataset.media_files import OwnFiles
from vpo_builder.dataset.schema import SUBSETS, Sample
from vpo_builder.documents.attribution import read_credits
from vpo_builder.runtime.whole_files import write_atomically

IMAGES, MASKS, AUDIO = "images", "masks", "audio"


def write_hf(manifest: Manifest, files: OwnFiles, target: Path, workers: int | None) -> None:
    """Write `<subset>/metadata.jsonl` and the files it names, for subsets that have samples."""
    credit = read_credits(manifest.folder)
    for subset in SUBSETS:
        samples = [sample for sample in manifest.samples if sample.subset == subset]
        if samples:
            rows = [_row(manifest, s, credit.get(s.image_id, ("", ""))) for s in samples]
            write_atomically(target / subset / "metadata.jsonl", encode_lines(rows))
            copies = _copies(manifest, samples)
            for folder in (IMAGES, MASKS, AUDIO):
                (target / subset / folder).mkdir()
            files.copy_all(copies, target / subset, workers, f"export: files of {subset}")


def _row(manifest: Manifest, sample: Sample, credit: tuple[str, str]) -> dict[str, Any]:
    rows = {row.name: row for row in manifest.meta.classes}
    return {
        "file_name": f"{IMAGES}/{PurePosixPath(sample.image).name}",
        "mask_file_name": f"{MASKS}/{PurePosixPath(sample.mask).name}",
        "sample_id": sample.sample_id,
        "image_id": sample.image_id,
        "width": sample.width,
        "height": sample.height,
        "sources": [
            {
                "category": source.category,
                "class": rows[source.category].index,
                "mask_value": rows[source.category].mask_value,
                "ann_id": source.ann_id,
                "clip_id": source.clip_id,
                "audio": f"{AUDIO}/{source.clip_id}.wav",
                "pan": source.pan,
            }
            for source in sample.sources
        ],
        # Text, not a list: readers take the type of a column of empty lists for "nothing".
        "silent": ", ".join(sample.silent),
        "licence": credit[0],
        "author_page": credit[1],
    }


def _copies(manifest: Manifest, samples: Iterable[Sample]) -> dict[str, Path]:
    """Return the media of samples, each once, by the names that the rows give them."""
    copies: dict[str, Path] = {}
    for sample in samples:
        copies[f"{IMAGES}/{PurePosixPath(sample.image).name}"] = manifest.folder / sample.image
        copies[f"{MASKS}/{PurePosixPath(sample.mask).name}"] = manifest.folder / sample.mask
        for source in sample.sources:
            copies[f"{AUDIO}/{source.clip_id}.wav"] = manifest.clip_path(source.clip_id)
    return copies
