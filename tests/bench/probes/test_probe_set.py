"""What other programs are given to hear is what eval's models hear, to a step of 16 bits."""

import hashlib
import io
import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from avs_bench.commands.main import main
from avs_bench.config import AudioSettings
from avs_bench.data.datasets import read_dataset
from avs_bench.data.loader import plain_batches
from avs_bench.names import PROBE_NAMES
from avs_bench.probes import PROBES, chosen_probes
from avs_bench.probes.probe_set import NAME, Hearing, encoded, pcm16, write_probe_set
from avs_bench.probes.scores import ProbeScorer
from tests.avsbench_trees import write_s4
from vpo_builder.runtime.errors import InputError

SEED = 5
STEREO = Hearing(seconds=1, channels=2)


def written(toy, folder, names=PROBE_NAMES, hearing=STEREO, seed=SEED):
    return write_probe_set(toy, "test", chosen_probes(names), hearing, folder, seed=seed)


@pytest.fixture(scope="module")
def asked(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    return folder, written(toy, folder)


def heard_by_models(toy, settings, name, seed=SEED):
    """Example id -> the waveform that a model under eval --probe is given."""
    scorer = ProbeScorer(PROBES[name], toy.subsets["test"], len(toy.classes), settings.audio, seed)
    found = {}
    for batch in plain_batches(toy, toy.subsets["test"], settings):
        if scorer.asks(batch):
            heard = scorer.hearing(batch)
            found |= dict(zip((e.example_id for e in heard.examples), heard.waveforms, strict=True))
    return {name: waveform.numpy() for name, waveform in found.items()}


@pytest.mark.parametrize("name", PROBE_NAMES)
def test_a_file_is_what_a_model_hears_to_half_a_step_of_16_bits(asked, toy, stereo, name):
    folder, manifest = asked
    heard = heard_by_models(toy, stereo, name)
    sounds = [sound for sound in manifest.sounds if sound.probe == name]
    assert sounds
    for sound in sounds:
        frames, rate = soundfile.read(folder / sound.file, dtype="float32", always_2d=True)
        assert (rate, frames.shape) == (16_000, (16_000, 2))
        assert np.abs(frames.T - heard[sound.sample_id]).max() <= 0.5 / 2**15 + 1e-9
        assert sound.clipped == 0


def test_mono_and_longer_sounds_are_what_such_a_model_hears(toy, mono, tmp_path):
    audio = AudioSettings(1, 3, 1.0, mute_cropped_out=False)
    written(toy, tmp_path / "out", ("noise",), Hearing(3, 1))
    heard = heard_by_models(toy, replace(mono, audio=audio), "noise")
    for name, waveform in heard.items():
        frames, _ = soundfile.read(tmp_path / f"out/noise/{name}.wav", dtype="int16")
        assert np.array_equal(frames, pcm16(waveform)[0][:, 0])


def test_each_frame_of_a_video_hears_its_own_moment_as_a_model_does(tmp_path, mono):
    dataset = read_dataset(write_s4(tmp_path / "s4"))
    names = ("right-sound", "off-screen")
    chosen = chosen_probes(names, and_right_sound=True)
    manifest = write_probe_set(dataset, "test", chosen, Hearing(1, 1), tmp_path / "out", seed=SEED)
    heard = heard_by_models(dataset, mono, "off-screen")
    for sound in manifest.sounds:
        frames, _ = soundfile.read(tmp_path / "out" / sound.file, dtype="int16")
        if sound.probe == "off-screen":
            assert np.array_equal(frames, pcm16(heard[sound.sample_id])[0][:, 0])
            assert (sound.heard, sound.answer) == ((), ())
        else:
            assert (sound.heard, sound.answer) == (("object",), ("object",))
    assert len(manifest.sounds) == 2 * len(dataset.subsets["test"]) == 20
    own = {s.sample_id: s.sha256 for s in manifest.sounds if s.probe == "right-sound"}
    assert len(set(own.values())) == 10


def test_the_manifest_names_sample_hash_and_right_answer_of_every_file(asked, toy):
    folder, _ = asked
    plain = json.loads((folder / NAME).read_text())
    assert (plain["seed"], plain["channels"], plain["rate"]) == (SEED, 2, 16_000)
    assert plain["dataset_sha256"] == toy.sha256
    by_file = {sound["file"]: sound for sound in plain["sounds"]}
    on_disk = {p.relative_to(folder).as_posix() for p in folder.rglob("*.wav")}
    assert by_file.keys() == on_disk
    for file, sound in by_file.items():
        assert sound["sha256"] == hashlib.sha256((folder / file).read_bytes()).hexdigest()
        assert file == f"{sound['probe']}/{sound['sample_id']}.wav"
        assert (toy.folder / sound["image"]).is_file()
    for negative in ("silence", "noise", "off-screen"):
        assert not any(by_file[f]["answer"] for f in by_file if f.startswith(f"{negative}/"))
    (duet,) = (s for s in plain["sounds"] if s["file"] == "single/example-4.wav")
    assert len(duet["heard"]) == 1
    assert duet["answer"] == duet["heard"]
    assert [(p["probe"], p["sounds"]) for p in plain["probes"]][:2] == [
        ("silence", 9),
        ("noise", 9),
    ]
    assert plain["probes"][4]["sounds"] == 3


def test_equal_inputs_give_equal_bytes_and_another_seed_other_sounds(asked, toy, tmp_path):
    folder, _ = asked
    written(toy, tmp_path / "again")
    files = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
    assert all((folder / f).read_bytes() == (tmp_path / "again" / f).read_bytes() for f in files)
    written(toy, tmp_path / "again", ("shuffled",), seed=SEED + 1)  # takes the old one's place
    assert not (tmp_path / "again" / "noise").exists()
    differs = [
        (folder / f).read_bytes() != (tmp_path / "again" / f).read_bytes()
        for f in files
        if f.parts[0] == "shuffled"
    ]
    assert any(differs)


def test_what_16_bits_do_not_hold_is_clipped_and_counted():
    frames, clipped = pcm16(np.array([[1.0, -1.0, 1 - 2**-15, -1.1, 0.25 / 2**15]], np.float32))
    assert frames[:, 0].tolist() == [32767, -32768, 32767, -32768, 0]
    assert clipped == 2


@pytest.mark.parametrize(
    ("level", "clipped", "subtype"),
    [(0.5, 0, "PCM_16"), (1.5, 2, "FLOAT"), (1.1e-3, 0, "PCM_16"), (9e-4, 0, "FLOAT"),
     (0.0, 0, "PCM_16")],
)  # fmt: skip
def test_what_16_bits_do_not_hold_is_written_as_floats_and_without_a_clock(level, clipped, subtype):
    square = level * np.array([[1, -1], [-1, 1]], np.float32)[:, [0, 0, 1] * 2]
    wav, count = encoded(square)
    assert soundfile.info(io.BytesIO(wav)).subtype == subtype
    heard, _ = soundfile.read(io.BytesIO(wav), dtype="float32")
    assert np.array_equal(heard.T, square) or subtype == "PCM_16"
    assert np.abs(heard.T - square).max() <= 0.5 / 2**15
    assert (count > 0) == (clipped > 0)
    assert b"PEAK" not in wav


def test_the_files_of_loud_and_quiet_sounds_have_the_snr_of_their_level(toy, tmp_path):
    """Of -10 dB all are beyond full scale: clipped they would have 4 dB more."""
    levels = {"snr-noise@1": 20, "snr-noise@5": -10, "snr-music@5": -10, "snr-babble@5": -10}
    chosen = chosen_probes(["right-sound", *levels], and_right_sound=True)
    sounds = write_probe_set(toy, "test", chosen, Hearing(1, 1), tmp_path, seed=SEED).sounds
    heard = {
        (s.probe, s.sample_id): soundfile.read(tmp_path / s.file, dtype="float64")[0]
        for s in sounds
    }
    assert any(sound.clipped for sound in sounds)
    for (name, sample), sound in heard.items():
        if name in levels:
            own = heard["right-sound", sample]
            ratio = 10 * np.log10(np.mean(own**2) / np.mean((sound - own) ** 2))
            assert ratio == pytest.approx(levels[name], abs=0.1)


def test_a_folder_with_other_files_is_left_alone(toy, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds 1 file, such as mine\.txt, expected an empty"):
        written(toy, tmp_path, ("silence",))
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_answers_beside_the_sounds_are_left_alone(toy, tmp_path):
    written(toy, tmp_path, ("silence",))
    answer = tmp_path / "silence" / "example-0.png"
    answer.write_text("an hour's work")
    with pytest.raises(InputError, match=r"holds 1 file, such as silence/example-0\.png, expected"):
        written(toy, tmp_path, ("noise",))
    assert answer.read_text() == "an hour's work"
    assert not (tmp_path / "noise").exists()


@pytest.mark.parametrize("names", [PROBE_NAMES, ("silence", "pan-error@1")])
def test_nothing_is_left_of_a_set_that_fails(toy, tmp_path, names):
    with pytest.raises(InputError, match="hears 1 channel, expected 2"):
        written(toy, tmp_path / "out", names, hearing=Hearing(1, 1))
    assert list(tmp_path.iterdir()) == []


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_the_command_writes_what_it_is_asked_for(folder, tmp_path):
    out = tmp_path / "asked"
    said = run(
        "probe-set", "--data", folder, "--probe", "silence,right-sound,silence", "--out", out
    )
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines() == [
        "silence: 3 sounds",
        "right-sound: 3 sounds",
        str(out / NAME),
    ]
    silent, rate = soundfile.read(next((out / "silence").iterdir()))
    assert (silent.shape, rate, silent.any()) == ((3 * 16_000,), 16_000, np.False_)
    assert json.loads((out / NAME).read_text())["subset"] == "test"


def test_a_wrong_probe_is_one_line(folder, tmp_path):
    asked = ("probe-set", "--data", folder, "--out", tmp_path / "out", "--probe")
    for names, told in (
        ("quiet\x1b[2J", r"no probe 'quiet\x1b[2J': choose of right-sound, silence, "),
        (",", "names none"),
        ("single", "probe single: none of 3 examples"),
    ):
        said = run(*asked, names)
        assert said.exit_code == 2
        assert said.stderr.count("\n") == 1
        assert told in said.stderr
    assert not (tmp_path / "out").exists()


def test_no_torch_is_needed(folder, tmp_path):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from avs_bench.commands.main import main\n"
        f"main(['probe-set', '--data', {str(folder)!r}, '--probe', 'noise', "
        f"'--out', {str(tmp_path / 'out')!r}])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "out" / NAME).is_file()
