"""`avs-bench embed-sounds --log-mel`: what AVSBench's own readers unpickle."""

import pickle
import shutil
from pathlib import Path

import torch
from click.testing import CliRunner, Result

from avs_bench.commands.main import main
from avs_bench.data.audio import read_moment
from avs_bench.data.spectrograms import vggish_examples
from tests.avsbench_trees import unpickled_mark, write_avss, write_ms3, write_s4


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["embed-sounds", *map(str, arguments)])


def test_each_recording_has_the_five_examples_that_the_published_readers_take(
    tmp_path: Path,
) -> None:
    write_ms3(write_s4(tmp_path))
    kept = next(tmp_path.rglob("*/train/*/*.pkl"))
    for path in tmp_path.rglob("*.pkl"):
        if path != kept:
            path.unlink()
    before = kept.read_bytes()
    short = tmp_path / "Single-source/s4_data/audio_wav/test/dog_barking/4tEsTdOg_t4.wav"
    cut = short.read_bytes()[: 44 + 4 * 60_000]
    short.write_bytes(cut)
    result = run(tmp_path, "--log-mel")
    assert result.exit_code == 0, result.output
    assert "8 log-mels written to audio_log_mel/, 1 were there" in result.output
    assert kept.read_bytes() == before  # the authors' own
    assert not unpickled_mark(tmp_path).exists()

    path = tmp_path / "Multi-sources/ms3_data/audio_log_mel/test/mS3TeSt_aa3.pkl"
    read = pickle.loads(path.read_bytes()).detach()  # as theirs does
    assert (read.shape, read.dtype) == ((5, 1, 96, 64), torch.float32)
    wav = tmp_path / "Multi-sources/ms3_data/audio_wav/test/mS3TeSt_aa3.wav"
    expected = vggish_examples(torch.from_numpy(read_moment(wav, 0, 80_000, 1.0)))
    assert torch.equal(read, expected)

    path = tmp_path / "Single-source/s4_data/audio_log_mel/test/dog_barking/4tEsTdOg_t4.pkl"
    filled = pickle.loads(path.read_bytes())
    assert torch.equal(filled[3], filled[2])
    assert torch.equal(filled[4], filled[2])
    assert not torch.equal(filled[2], filled[1])


def test_what_has_no_log_mels_is_one_line(tmp_path: Path) -> None:
    write_avss(tmp_path)
    for words, said in (
        ((tmp_path, "--log-mel"), "neither S4 nor MS3 of AVSBench"),
        ((tmp_path,), "give either --weights FILE, for embeddings, or --log-mel"),
        ((tmp_path, "--log-mel", "--weights", "x.pth"), "give either --weights FILE"),
    ):
        result = run(*words)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert said in result.stderr
    shutil.rmtree(tmp_path / "AVSBench_semantic")
    root = write_ms3(tmp_path) / "Multi-sources/ms3_data"
    shutil.rmtree(root / "audio_log_mel")
    shutil.rmtree(root / "audio_wav")
    result = run(tmp_path, "--log-mel")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "cannot be heard" in result.stderr
