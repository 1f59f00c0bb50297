"""`avs-bench embed-sounds`: what EASE's loader finds beside the sounds of an export."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from avs_bench.commands.main import main
from avs_bench.data.spectrograms import vggish_examples
from avs_bench.prediction import sound_embeddings


class SmallVGGish(nn.Module):
    """Stands for VGGish, whose weights are 288 MB: any function of one example will do."""

    official = "VGGish"

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.Linear(64, 128)

    def forward(self, examples: Tensor) -> Tensor:
        assert examples.shape[1:] == (1, 96, 64)
        assert not self.training
        embedded: Tensor = self.embeddings(examples.mean(dim=(1, 2)))
        return embedded


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SmallVGGish, Path]:
    """Return a small VGGish that the command takes for the real one, and its weights."""
    monkeypatch.setattr(sound_embeddings, "VGGish", SmallVGGish)
    monkeypatch.setattr(sound_embeddings, "SOUNDS_AT_ONCE", 2)
    torch.manual_seed(3)
    model = SmallVGGish().eval()
    torch.save(model.state_dict(), tmp_path / "vggish.pth")
    return model, tmp_path / "vggish.pth"


def write_sounds(root: Path, uids: tuple[str, ...], rate: int = 16_000) -> dict[str, np.ndarray]:
    written = {}
    for number, uid in enumerate(uids):
        home = root / "VPO-SS" / uid
        home.mkdir(parents=True)
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, 48_000).astype(np.float32)
        soundfile.write(home / "mono_audio.wav", noise, rate, subtype="FLOAT")
        soundfile.write(home / "stereo_audio.wav", np.stack([noise, -noise], axis=1), rate)
        written[uid] = noise
    return written


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["embed-sounds", *map(str, arguments), "--device", "cpu"])
    return result.exit_code, result.output


def test_every_sample_gets_the_embedding_of_its_mono_mix(
    small: tuple[SmallVGGish, Path], tmp_path: Path
) -> None:
    model, weights = small
    sounds = write_sounds(tmp_path / "clean", ("1_1", "2_2", "3_3"))
    code, said = run(tmp_path / "clean", "--weights", weights)
    assert code == 0, said
    assert "beside each of 3 sounds" in said
    sizes = set()
    for uid, noise in sounds.items():
        path = tmp_path / "clean" / "VPO-SS" / uid / "vggish_emb.pt"
        found = torch.load(path, weights_only=True)
        assert (found.shape, found.dtype) == ((3, 128), torch.float32)
        with torch.no_grad():
            wanted = model(vggish_examples(torch.from_numpy(noise)))
        assert torch.allclose(found, wanted, atol=1e-6)
        assert not found.requires_grad
        sizes.add(path.stat().st_size)
    assert max(sizes) < 3 * 128 * 4 + 2_000  # a sound's numbers, not those of its whole batch
    before = path.read_bytes()
    run(tmp_path / "clean", "--weights", weights)
    assert path.read_bytes() == before


def test_what_cannot_be_embedded_is_one_line(
    small: tuple[SmallVGGish, Path], tmp_path: Path
) -> None:
    _, weights = small
    code, said = run(tmp_path, "--weights", weights)
    assert (code, said.count("\n")) == (2, 1)
    assert "vpo-data export --format vpo-clean" in said
    write_sounds(tmp_path / "slow", ("1_1",), rate=8_000)
    code, said = run(tmp_path / "slow", "--weights", weights)
    assert code == 2
    assert "expected 16000 Hz" in said
    write_sounds(tmp_path / "elsewhere", ("1_1",))
    (tmp_path / "linked" / "VPO-SS").mkdir(parents=True)
    (tmp_path / "linked" / "VPO-SS" / "1_1").symlink_to(tmp_path / "elsewhere" / "VPO-SS" / "1_1")
    code, said = run(tmp_path / "linked", "--weights", weights)
    assert code == 2
    assert "a link leads out" in said
    assert not list(tmp_path.rglob("vggish_emb.pt"))
