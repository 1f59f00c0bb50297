"""Writes a small finished dataset through the schema alone, to test what reads datasets."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from vpo_builder.dataset.manifest import CHECKSUMS, MANIFEST, META, encode_samples, write_manifest
from vpo_builder.dataset.places import MS_HOME, vpo_files
from vpo_builder.dataset.schema import ClassRow, ManifestMeta, Sample, Source, Split, Subset

AUDIO = "../../vggsound_bench/VGGSound/audios"
CLASSES = (
    ClassRow(0, "background", 0, "background"),
    ClassRow(1, "bus", 6, "vehicle"),
    ClassRow(2, "cat", 17, "animal"),
    ClassRow(3, "dog", 18, "animal"),
    ClassRow(4, "keyboard", 76, "electronics"),
    ClassRow(5, "male", 92, "human"),
    ClassRow(6, "skateboard", 41, "sport"),
)
CSV_COLUMNS = (
    *("img_Id", "ann_Ids", "cateName", "cateId"),
    *("vgg_file", "split", "audio_pos", "multi_instance"),
)
VALUES = {row.name: row.mask_value for row in CLASSES}


@dataclass(frozen=True)
class Picture:
    """What to draw: an image with sounding objects given as (class, clip id)."""

    image_id: int
    subset: Subset
    sounding: tuple[tuple[str, str], ...]
    silent: tuple[str, ...] = ()


PICTURES = (
    Picture(1, "train", (("cat", "-aaaaaaaaaa_000010"),), ("bus",)),
    Picture(2, "train", (("dog", "bbbbbbbbbbb_000020"),)),
    Picture(3, "train", (("male", "ccccccccccc_000030"),), ("skateboard", "bus")),
    Picture(4, "train", (("dog", "ddddddddddd_000000"),)),
    Picture(5, "val", (("cat", "eeeeeeeeeee_000050"),)),
    Picture(6, "test", (("dog", "fffffffffff_000060"),), ("cat",)),
    Picture(7, "test", (("cat", "ggggggggggg_000070"),), ("dog",)),
    Picture(8, "test", (("male", "hhhhhhhhhhh_000080"),)),
)
DUETS = (
    Picture(11, "train", (("cat", "-aaaaaaaaaa_000010"), ("dog", "bbbbbbbbbbb_000020"))),
    Picture(12, "train", (("dog", "ddddddddddd_000000"), ("male", "ccccccccccc_000030")), ("bus",)),
    Picture(13, "test", (("cat", "ggggggggggg_000070"), ("dog", "fffffffffff_000060"))),
)


def photograph(seed: int, width: int = 96, height: int = 64) -> bytes:
    """Return a JPEG of smooth random colour, unlike that of any other seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def mask_png(
    boxes: Iterable[tuple[int, tuple[int, int, int, int]]], size: tuple[int, int]
) -> bytes:
    """Return a palette PNG with a filled (left, top, right, bottom) box for each value."""
    pixels = np.zeros((size[1], size[0]), np.uint8)
    for value, (left, top, right, bottom) in boxes:
        pixels[top:bottom, left:right] = value
    image = Image.fromarray(pixels, "L")
    image.putpalette([channel for value in range(256) for channel in (value, value, 255 - value)])
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def waveform(clip_id: str, seconds: float = 0.25) -> np.ndarray:
    """Return noise that the clip's id alone decides, float32 in [-0.5, 0.5]."""
    seed = int.from_bytes(hashlib.sha256(clip_id.encode()).digest()[:4], "big")
    generator = np.random.default_rng(seed)
    return generator.uniform(-0.5, 0.5, int(16_000 * seconds)).astype(np.float32)


def write_dataset(out: Path, pictures: Sequence[Picture] = PICTURES, split: Split = "ss") -> Path:
    """Write the published layout, the manifest and the checksums; return the dataset's folder."""
    folder = out / "VPO" / f"VPO-{split.upper()}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / AUDIO).resolve().mkdir(parents=True, exist_ok=True)
    samples = [_write_picture(folder, picture, split) for picture in pictures]
    _write_csv(folder, split, samples)
    for name in ("persons.jsonl", "rejections.jsonl"):
        (folder / name).write_bytes(b"")
    (folder / MANIFEST).write_bytes(encode_samples(samples))
    finish(folder, split, samples)
    return folder


def finish(folder: Path, split: Split, samples: Sequence[Sample]) -> None:
    """Write SHA256SUMS over what lies in the folder, then manifest and meta."""
    (folder / CHECKSUMS).unlink(missing_ok=True)
    (folder / META).unlink(missing_ok=True)
    (folder / MANIFEST).write_bytes(encode_samples(samples))
    own = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    clips = {f"{AUDIO}/{source.clip_id}.wav" for s in samples for source in s.sources}
    shared = {path for s in samples for path in (s.image, s.mask) if path.startswith(MS_HOME)}
    lines = [
        f"{hashlib.sha256((folder / path).read_bytes()).hexdigest()}  {path}\n"
        for path in sorted(own | clips | shared)
    ]
    listing = "".join(lines).encode()
    (folder / CHECKSUMS).write_bytes(listing)
    meta = ManifestMeta(
        schema_version=1,
        split=split,
        classes=CLASSES,
        seed=0,
        audio=AUDIO,
        synthetic=True,
        config={},
        inputs={},
        funnel={},
        decoders={},
        samples=len(samples),
        files=len(lines),
        checksums_sha256=hashlib.sha256(listing).hexdigest(),
        manifest_sha256=hashlib.sha256(encode_samples(samples)).hexdigest(),
    )
    write_manifest(folder, meta, samples)


def reseal(folder: Path, meta: ManifestMeta, samples: Sequence[Sample]) -> None:
    """Write a manifest with right hashes, as anybody can, whatever it names; no file is read."""
    lines = encode_samples(samples)
    digest = hashlib.sha256(lines).hexdigest()
    write_manifest(folder, replace(meta, samples=len(samples), manifest_sha256=digest), samples)


def counterfactual(folder: Path, sample: Sample, category: str, clip_id: str) -> Sample:
    """Write another sample of a VPO-SS picture, in which another class sounds; return it."""
    source = Source(category, sample.sources[0].ann_id + 50, clip_id, 0.75)
    files = vpo_files("ss", sample.image_id, category, source.ann_id)
    box = (VALUES[category], (60, 16, 84, 48))
    for path, data in (
        (folder / files.image, (folder / sample.image).read_bytes()),
        (folder / files.mask, mask_png([box], (sample.width, sample.height))),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return replace(
        sample,
        sample_id=files.sample_id,
        image=files.image,
        mask=files.mask,
        sources=(source,),
        silent=(),
    )


def _write_picture(folder: Path, picture: Picture, split: Split) -> Sample:
    width, height = 96, 64
    sources, boxes = [], []
    for place, (category, clip_id) in enumerate(picture.sounding):
        left = 8 + 40 * place
        boxes.append((VALUES[category], (left, 16, left + 32, 48)))
        pan = round((left + 16) / width, 6)
        sources.append(Source(category, picture.image_id * 100 + place, clip_id, pan))
        clip = folder / AUDIO / f"{clip_id}.wav"
        soundfile.write(clip, waveform(clip_id), 16_000, subtype="PCM_16")
    stem = f"{picture.image_id:012d}"
    image, mask = f"data/{stem}.jpg", f"mask/{stem}.png"
    if split == "ss":
        first = sources[0]
        image = f"data/{first.category}/{stem}.jpg"
        mask = f"mask/{first.category}/{stem}_{first.ann_id:012d}.png"
    for path, data in (
        (folder / image, photograph(picture.image_id, width, height)),
        (folder / mask, mask_png(boxes, (width, height))),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    sample_id = f"{stem}_{sources[0].ann_id:012d}" if split == "ss" else stem
    return Sample(
        sample_id,
        picture.subset,
        picture.image_id,
        image,
        mask,
        width,
        height,
        tuple(sources),
        picture.silent,
    )


def _write_csv(folder: Path, split: Split, samples: Iterable[Sample]) -> None:
    with (folder / f"vpo_{split}_data_stereo.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(CSV_COLUMNS)
        for sample in sorted(samples, key=lambda sample: sample.sample_id):
            subset = "test" if sample.subset == "test" else "train"
            for s in sample.sources:
                ids = (sample.image_id, s.ann_id, s.category, VALUES[s.category], s.clip_id)
                writer.writerow((*ids, subset, s.pan, int(split == "msmi")))
