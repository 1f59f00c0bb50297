"""The pickled log-mels that AVSBench's own S4 and MS3 readers want beside frames and masks.

Written on request only, since whoever reads a pickle runs what is in it; none is read here.
"""

from pathlib import Path
from pickle import dumps

import torch

from avs_bench.data.audio import SAMPLE_RATE
from avs_bench.data.spectrograms import vggish_examples
from vpo_builder.dataset.avsbench_media import read_recording
from vpo_builder.dataset.avsbench_trees import FRAMES, Video, find_trees
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.whole_files import write_atomically

MASKS, LOG_MELS = "gt_masks", "audio_log_mel"
PROTOCOL = 2  # what every Python that runs their code reads


def write_log_mels(folder: Path) -> tuple[int, int]:
    """Write `audio_log_mel/…/<name>.pkl` of the S4 and MS3 trees in `folder`; return their counts.

    A file is a pickled tensor [5, 1, 96, 64], float32: VGGish's examples of the recording, the
    last one repeated for a shorter one (preprocess_s4.py). The counts are of the files written and
    of those that were there and stay. Raises InputError for a folder without such a tree and for a
    recording that cannot be read.
    """
    videos = [v for tree in find_trees(folder) if tree.part != "AVSS" for v in tree.videos]
    if not videos:
        raise InputError(
            f"{folder}: neither S4 nor MS3 of AVSBench, whose readers alone want log-mels: give "
            "the folder of s4_meta_data.csv or ms3_meta_data.csv"
        )
    missing = [video for video in videos if not _place(video).exists()]
    for video in progress(missing, len(missing), "log-mels"):
        write_atomically(_place(video), dumps(_log_mel(video), PROTOCOL))
    return len(missing), len(videos) - len(missing)


def _place(video: Video) -> Path:
    masks = next(folder for folder in video.masks[0].parents if folder.name == MASKS)
    place = video.masks[0].parent.relative_to(masks)
    return masks.with_name(LOG_MELS) / place.with_name(f"{place.name}.pkl")


def _log_mel(video: Video) -> torch.Tensor:
    try:
        waveform = torch.from_numpy(read_recording(video.audio, SAMPLE_RATE))
        examples = vggish_examples(waveform)[:FRAMES]
    except (OSError, ValueError) as error:
        raise InputError(f"{video.audio}: cannot be heard: {error}: give its sound") from None
    filled = examples[-1:].expand(FRAMES - len(examples), -1, -1, -1)
    return torch.cat([examples, filled]).clone()
