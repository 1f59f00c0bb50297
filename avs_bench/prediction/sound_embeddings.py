"""VGGish's embeddings of an export's sounds, as EASE reads them: `vggish_emb.pt` [3, 128].

EASE embeds every wav of a sample's folder under one name, so that the last one found stays; here
it is the mono mix. The embeddings are VGGish's own, without its PCA, as EASE's are.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from avs_bench.checkpoints.loading import LoadedWeights, load_weights
from avs_bench.data.audio import SAMPLE_RATE, read_centre
from avs_bench.data.spectrograms import vggish_examples
from avs_bench.models.vgg import VGGISH_EMBEDDING, VGGish
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.progress import progress
from vpo_builder.runtime.tasks import batched
from vpo_builder.runtime.whole_files import write_atomically

SOUND, EMBEDDING = "mono_audio.wav", "vggish_emb.pt"
SECONDS = 3  # what VPO's samples last: three examples of VGGish
SOUNDS_AT_ONCE = 16


def find_sounds(folder: Path) -> list[Path]:
    """Return the mono mixes of the samples in an export, `<type>/<uid>/mono_audio.wav`, sorted.

    Raises InputError if there is none, or one whose folder is a link that leads out.
    """
    sounds = sorted(folder.glob(f"*/*/{SOUND}"))
    if not sounds:
        raise InputError(
            f"{folder}: no <type>/<uid>/{SOUND} in it: "
            "make it by vpo-data export --format vpo-clean"
        )
    home = folder.resolve()
    for sound in sounds:
        if not sound.parent.resolve().is_relative_to(home):
            raise InputError(f"{sound.parent}: a link leads out of {folder}: put the folder there")
    return sounds


def embed_sounds(sounds: Sequence[Path], weights: Path, device: torch.device) -> LoadedWeights:
    """Write the embedding [3, 128] of each sound beside it, float32; return what was loaded.

    A file holds a tensor and nothing else. Raises InputError for weights that are not VGGish's and
    for a sound that cannot be read.
    """
    model = VGGish()
    loaded = load_weights(model, weights)
    model.eval().to(device)
    for batch in batched(progress(sounds, len(sounds), "sounds"), SOUNDS_AT_ONCE):
        heard = [read_centre(path, SECONDS * SAMPLE_RATE) for path in batch]
        waveforms = torch.from_numpy(np.stack(heard))
        with torch.no_grad():
            embeddings = model(vggish_examples(waveforms).flatten(0, 1).to(device)).cpu()
        of_sounds = embeddings.view(len(batch), -1, VGGISH_EMBEDDING)
        for path, embedding in zip(batch, of_sounds, strict=True):
            buffer = io.BytesIO()
            torch.save(embedding.clone(), buffer)  # a view would carry its whole batch
            write_atomically(path.with_name(EMBEDDING), buffer.getvalue())
    return loaded
