"""The layout of DDESeg's re-host of VPO (`vpo_data_clean.csv`), which EASE reads too.

`<type>/<uid>/` holds `frames/`, `labels_semantic/` and the sound of the sample: what the published
reader makes of its clips, mono and stereo. A mask is a grey PNG of class indices. In the csv a
uid begins with its type: DDESeg joins it to its folder of data, EASE takes what follows the
last slash and puts the type before it. Val stays val, which neither of them reads.
"""

import csv
import io
from collections.abc import Iterable
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt
from PIL import Image

from vpo_builder.dataset.manifest import Manifest
from vpo_builder.dataset.media_files import OwnFiles, decode_mask
from vpo_builder.dataset.schema import IGNORE, SPLIT_NAMES, ClassRow, Sample
from vpo_builder.export.export_card import write_card
from vpo_builder.rendering.clip_sound import HEARD_SECONDS
from vpo_builder.rendering.mix import centre_tiled, mix
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.threads import in_threads
from vpo_builder.runtime.wav import encode_float_wav
from vpo_builder.runtime.whole_files import write_named
from vpo_builder.verify.media import decode_clip

LIST = "vpo_data_clean.csv"
COLUMNS = ("uid", "frame_path", "mask_path", "category", "split", "type")
SECTION = """\
This is the layout that DDESeg and EASE read: `vpo_data_clean.csv`, and a folder for each sample
with `frames/`, `labels_semantic/` (class indices), `mono_audio.wav` and `stereo_audio.wav`. Its
split `val` is ours: their trainers read train and test alone. EASE also wants an embedding of each
sound, which needs torch and the weights of VGGish:

```
avs-bench embed-sounds . --weights vggish-10086976.pth
```

The paths under "Files" are those of the dataset that this copy was made from.
"""


def write_vpo_clean(manifest: Manifest, files: OwnFiles, target: Path, workers: int | None) -> None:
    """Write the csv and a folder for each sample."""
    kind = SPLIT_NAMES[manifest.meta.split]
    write = partial(_write_sample, manifest, files, target / kind)
    for _ in in_threads(write, manifest.samples, workers, "export: samples"):
        continue
    write_named(target / LIST, _encode_list(manifest, kind))
    write_card(target, SECTION)


def _encode_list(manifest: Manifest, kind: str) -> bytes:
    indices = {row.name: row.index for row in manifest.meta.classes}
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for sample in manifest.samples:
        present = sorted({indices[source.category] for source in sample.sources})
        uid = f"{kind}/{sample.sample_id}"
        names = _picture(sample), f"{sample.sample_id}.png"
        writer.writerow((uid, *names, present, sample.subset, kind))
    return buffer.getvalue().encode()


def _picture(sample: Sample) -> str:
    return PurePosixPath(sample.image).name


def _write_sample(manifest: Manifest, files: OwnFiles, target: Path, sample: Sample) -> None:
    home = target / sample.sample_id
    for folder in ("frames", "labels_semantic"):
        (home / folder).mkdir(parents=True)
    files.copy(manifest.folder / sample.image, home / "frames" / _picture(sample))
    encode = partial(_index_png, sample, manifest.meta.classes)
    mask = files.load(manifest.folder / sample.mask, encode)
    write_named(home / "labels_semantic" / f"{sample.sample_id}.png", mask)
    paths = [manifest.clip_path(source.clip_id) for source in sample.sources]
    heard = [files.load(path, _centre) for path in paths]
    rates = {rate for _, rate in heard}
    if len(rates) > 1:
        raise InputError(
            f"{paths[0]}: clips of several rates, {sorted(rates)} Hz, sound in sample "
            f"{sample.sample_id}: build the dataset again"
        )
    waveforms = [waveform for waveform, _ in heard]
    mono = np.stack(waveforms).sum(axis=0)
    stereo = mix(waveforms, [source.pan for source in sample.sources])
    for name, waveform in (("mono_audio.wav", mono), ("stereo_audio.wav", stereo)):
        write_named(home / name, encode_float_wav(waveform, *rates))


def _index_png(sample: Sample, classes: Iterable[ClassRow], data: bytes) -> bytes:
    """Return a mask file as a grey PNG of class indices; raise ValueError for another value."""
    index = np.zeros(256, np.uint8)
    index[IGNORE] = IGNORE
    known = {row.mask_value: row.index for row in classes}
    index[list(known)] = list(known.values())
    mask = decode_mask(data, sample.width, sample.height)
    if strange := set(np.unique(mask).tolist()) - known.keys() - {IGNORE}:
        raise ValueError(f"mask values {sorted(strange)} are no class's")
    buffer = io.BytesIO()
    Image.fromarray(index[mask], "L").save(buffer, "PNG")
    return buffer.getvalue()


def _centre(data: bytes) -> tuple[npt.NDArray[np.float32], int]:
    """Return the 3 s that the published reader takes of a clip, and its rate in Hz."""
    waveform, rate = decode_clip(data)
    if waveform.ndim != 1:
        raise ValueError(f"{waveform.shape[1]} channels, expected one")
    return centre_tiled(waveform, round(HEARD_SECONDS * rate)), rate
