"""Wavs already in place: which stay, which are made again, and which are not ours to touch."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from tests.builder.begun_again import begun_again
from tests.builder.building import build_from, run_build, source_options
from tests.builder.small_corpus import farm, tone
from vpo_builder.config import load_config
from vpo_builder.dataset.manifest import CHECKSUMS, META, read_manifest
from vpo_builder.dataset.places import AUDIO_FOLDER
from vpo_builder.dataset.tiled_clips import TILED
from vpo_builder.documents.documents import CARD
from vpo_builder.records import Clip, Reason
from vpo_builder.rendering import clip_folder, clip_sound
from vpo_builder.rendering.clip_folder import ClipFolder
from vpo_builder.rendering.clip_record import ClipNote, add_note, read_notes, record_path
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.executors import SerialExecutor
from vpo_builder.verify.verify import verify

SS = "VPO/VPO-SS"


@pytest.fixture(scope="module")
def farm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small corpus that no test changes."""
    return farm(tmp_path_factory.mktemp("farm")).folder


@pytest.fixture(scope="module")
def clean(farm_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the output folder of an undisturbed build."""
    out = tmp_path_factory.mktemp("clean")
    build_from(farm_folder, out)
    return out


def wavs(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / AUDIO_FOLDER).iterdir()}


def some_clip(out: Path) -> Path:
    """Return a clip that samples use."""
    return out / AUDIO_FOLDER / f"{read_manifest(out / SS).samples[0].sources[0].clip_id}.wav"


def interrupted(clean: Path, out: Path) -> Path:
    """Return an unfinished build with all of its clips."""
    shutil.copytree(clean, out)
    begun_again(out / SS)
    return out


def cut(wav: bytes) -> bytes:
    return wav[: len(wav) // 2]


def half_zero(wav: bytes) -> bytes:
    return cut(wav) + bytes(len(wav) - len(wav) // 2)


def all_zero(wav: bytes) -> bytes:
    return bytes(len(wav))


def empty(wav: bytes) -> bytes:
    return b""


def holes(wav: bytes) -> bytes:
    """Blocks that never reached the disk, between such that did."""
    return wav[:4096] + bytes(4096) + wav[8192:-4096] + bytes(4096)


TORN = [cut, half_zero, all_zero, empty, holes]


def test_a_round_of_planning_says_which_it_is_and_what_for(tmp_path: Path) -> None:
    labels = []

    def executor(function: object, tasks: list[object], label: str) -> list[Reason]:
        labels.append(label)
        return [Reason.CLIP_UNDECODABLE] * len(tasks)

    clips = [Clip(f"clip{n}", "dog", "test", tmp_path / f"{n}.wav") for n in "abc"]
    folder = ClipFolder(tmp_path / "audios", clips, load_config("default"), executor)  # type: ignore[arg-type]
    for clip in clips[:2]:
        assert folder.check([clip.clip_id]) == {clip.clip_id: Reason.CLIP_UNDECODABLE}
    folder.check([])
    folder.check([clips[2].clip_id])
    because = "in place of those that cannot be used"
    assert labels == ["clips", f"clips, round 2, {because}", f"clips, round 3, {because}"]


@pytest.mark.parametrize("torn", TORN)
@pytest.mark.parametrize("noted", [True, False])
def test_a_torn_wav_is_made_again(
    farm_folder: Path, clean: Path, tmp_path: Path, torn: Callable[[bytes], bytes], noted: bool
) -> None:
    out = interrupted(clean, tmp_path / "out")
    path = some_clip(clean)
    times = path.stat()
    victim = out / AUDIO_FOLDER / path.name
    victim.write_bytes(torn(path.read_bytes()))
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))  # as a power cut may leave it
    if not noted:
        record_path(out / AUDIO_FOLDER).unlink()
    build_from(farm_folder, out)
    assert wavs(out) == wavs(clean)
    assert not verify(out / SS, decode=True).faults


def test_a_wav_of_another_rate_and_two_channels_is_not_taken_for_a_clip(
    farm_folder: Path, clean: Path, tmp_path: Path
) -> None:
    out = interrupted(clean, tmp_path / "out")
    victim = out / AUDIO_FOLDER / some_clip(clean).name
    soundfile.write(victim, np.stack([tone(2.0, rate=44_100)] * 2, axis=1), 44_100)
    with pytest.raises(InputError, match="this program did not write it"):
        build_from(farm_folder, out)
    victim.unlink()
    build_from(farm_folder, out)
    assert wavs(out) == wavs(clean)


def test_a_resumed_build_decodes_no_clip_again(
    farm_folder: Path, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = interrupted(clean, tmp_path / "out")
    moved = tmp_path / "elsewhere"
    out.rename(moved)  # nothing that is noted depends on where the folder lies
    monkeypatch.setattr(clip_sound, "decode", None)
    build_from(farm_folder, moved)
    assert (moved / SS / META).read_bytes() == (clean / SS / META).read_bytes()


def before_tiling(out: Path) -> dict[str, bytes]:
    """Leave the wavs and the record as they were when short clips were written as they are."""
    folder = out / AUDIO_FOLDER
    notes = read_notes(folder)
    record_path(folder).unlink()
    checksums = out / SS / CHECKSUMS
    listed = checksums.read_text()
    for path in sorted(folder.iterdir()):
        sound, rate = soundfile.read(path, dtype="float32")
        wav = clip_sound.encode_wav(sound[: 2 * rate], rate)
        note = notes[path.stem][-1]
        old = ClipNote(note.clip, hashlib.sha256(wav).hexdigest(), note.recording)
        listed = listed.replace(note.sha256, old.sha256)
        path.write_bytes(wav)
        add_note(folder, old)
    checksums.write_text(listed)
    return wavs(out)


def test_short_clips_of_an_earlier_version_are_tiled_unless_a_finished_dataset_lists_them(
    farm_folder: Path, clean: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(clean, tmp_path / "out")
    old = before_tiling(out)
    build_from(farm_folder, out, "ms")
    both = wavs(out)
    assert {name: both[name] for name in old} == old
    assert min(len(wav) for name, wav in both.items() if name not in old) == 44 + 2 * 48_000
    begun_again(out / SS)
    shutil.rmtree(out / "VPO/VPO-MS")
    build_from(farm_folder, out)
    assert {name: wavs(out)[name] for name in old} == wavs(clean)
    assert (out / SS / META).read_bytes() == (clean / SS / META).read_bytes()


def test_a_dataset_says_which_of_its_clips_are_tiled(tmp_path: Path) -> None:
    sources = farm(tmp_path / "sources").folder
    longer = sorted((sources / "vggsound/audios").iterdir())[::2]
    for number, path in enumerate(longer):
        soundfile.write(path, tone(3.0, 300.0 + number), 16_000)
    manifest = read_manifest(build_from(sources, tmp_path / "out").folder)
    used = {source.clip_id for sample in manifest.samples for source in sample.sources}
    short = sorted(used - {path.stem for path in longer})
    assert 0 < len(short) < len(used)
    lines = (manifest.folder / TILED).read_text().splitlines()
    assert lines == [f'{{"clip_id":"{clip}","seconds":2.0}}' for clip in short]
    assert manifest.meta.funnel["sounds"] == {
        "entered": len(used),
        "as_recorded": len(used) - len(short),
        "tiled": len(short),
    }
    card = (manifest.folder / CARD).read_text()
    assert f"Clips of less than 3 s, {len(short)} of those in use, are repeated" in card
    assert f"| `{TILED}` |" in card
    assert not verify(manifest.folder, decode=True).faults
    for number, path in enumerate(sorted(longer[0].parent.iterdir())):
        soundfile.write(path, tone(3.0, 300.0 + number), 16_000)
    manifest = read_manifest(build_from(sources, tmp_path / "long").folder)
    assert "sounds" not in manifest.meta.funnel
    assert not (manifest.folder / TILED).exists()
    assert TILED not in (manifest.folder / CARD).read_text()


def test_splits_share_their_clips_and_the_record(
    farm_folder: Path, clean: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shutil.copytree(clean, tmp_path / "out")
    held = set(wavs(out))
    decoded: list[str] = []
    decode = clip_sound.decode

    def noted(path: Path, *options: Any) -> object:
        decoded.append(path.name)
        return decode(path, *options)

    monkeypatch.setattr(clip_sound, "decode", noted)
    build_from(farm_folder, out, "msmi")
    assert decoded
    assert len(decoded) == len(set(decoded)), "MS and MSMI share theirs"
    assert not held & set(decoded)
    for name in ("VPO-SS", "VPO-MS", "VPO-MSMI"):
        assert not verify(out / "VPO" / name, decode=True).faults


def replace_recordings(sources: Path, *, same_size_and_time: bool) -> None:
    """Make every recording another one."""
    for number, path in enumerate(sorted((sources / "vggsound/audios").iterdir())):
        times = path.stat()
        seconds = 2.0 if same_size_and_time else 1.5
        soundfile.write(path, tone(seconds, 333.0 + 7 * number), 16_000)
        if same_size_and_time:
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
            assert path.stat().st_size == times.st_size


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("torn", [None, cut, half_zero])
def test_recordings_replaced_between_two_runs_give_the_bytes_of_a_clean_build(
    farm_folder: Path,
    clean: Path,
    tmp_path: Path,
    same: bool,
    torn: Callable[[bytes], bytes] | None,
) -> None:
    sources = shutil.copytree(farm_folder, tmp_path / "sources")
    out = tmp_path / "out"
    build_from(sources, out)
    begun_again(out / SS)
    if torn is not None:
        victim = some_clip(clean).name
        (out / AUDIO_FOLDER / victim).write_bytes(torn(wavs(clean)[victim]))
    replace_recordings(sources, same_size_and_time=same)
    build_from(sources, out)
    build_from(sources, tmp_path / "new")
    assert wavs(out) == wavs(tmp_path / "new") != wavs(clean)
    assert (out / SS / META).read_bytes() == (tmp_path / "new" / SS / META).read_bytes()


def test_the_wav_of_a_recording_that_can_no_longer_be_used_is_removed(
    farm_folder: Path, clean: Path, tmp_path: Path
) -> None:
    sources = shutil.copytree(farm_folder, tmp_path / "sources")
    out = tmp_path / "out"
    build_from(sources, out)
    begun_again(out / SS)
    name = some_clip(clean).name
    soundfile.write(sources / "vggsound/audios" / name, np.zeros(32_000, np.float32), 16_000)
    build_from(sources, out)
    build_from(sources, tmp_path / "new")
    assert wavs(out) == wavs(tmp_path / "new")
    assert name not in wavs(out)


def test_clips_of_a_finished_dataset_are_not_replaced_under_it(
    farm_folder: Path, clean: Path, tmp_path: Path
) -> None:
    sources = shutil.copytree(farm_folder, tmp_path / "sources")
    out = tmp_path / "out"
    build_from(sources, out)
    replace_recordings(sources, same_size_and_time=False)
    with pytest.raises(InputError, match=r"replaced since VPO-SS was built.*delete that dataset"):
        build_from(sources, out, "ms")
    assert not verify(out / SS, decode=True).faults
    shutil.rmtree(out / SS)  # the advice is true
    build_from(sources, out, "ms")
    build_from(sources, tmp_path / "new", "ms")
    name = "VPO/VPO-MS/" + CHECKSUMS
    assert (out / name).read_bytes() == (tmp_path / "new" / name).read_bytes()


def test_a_foreign_wav_that_is_the_very_one_is_kept_and_another_is_refused(
    farm_folder: Path, clean: Path, tmp_path: Path
) -> None:
    same, other = some_clip(clean), sorted((clean / AUDIO_FOLDER).iterdir())[-1]
    assert same != other
    folder = tmp_path / AUDIO_FOLDER
    folder.mkdir(parents=True)
    shutil.copy2(same, folder)
    status = (folder / same.name).stat()
    soundfile.write(folder / other.name, tone(3.0, 123.0, 44_100), 44_100)
    foreign = (folder / other.name).read_bytes()
    result = run_build("--split", "ss", "--out", tmp_path, *source_options(farm_folder))
    assert result.exit_code == 2
    assert f"{other.name}: this program did not write it" in result.stderr
    assert "Traceback" not in result.output
    assert (folder / other.name).read_bytes() == foreign
    (folder / other.name).unlink()
    assert (
        run_build("--split", "ss", "--out", tmp_path, *source_options(farm_folder)).exit_code == 0
    )
    after = (folder / same.name).stat()
    assert (after.st_ino, after.st_mtime_ns) == (status.st_ino, status.st_mtime_ns)
    assert wavs(tmp_path) == wavs(clean)


def test_recordings_that_lie_in_the_place_of_the_clips_are_not_overwritten(
    farm_folder: Path, tmp_path: Path
) -> None:
    sources = shutil.copytree(farm_folder, tmp_path / "sources")
    for path in (sources / "vggsound/audios").iterdir():
        soundfile.write(path, tone(2.0, 440.0, 44_100), 44_100)
    out = tmp_path / "out"
    (out / AUDIO_FOLDER).parent.mkdir(parents=True)
    (out / AUDIO_FOLDER).symlink_to(sources / "vggsound/audios")
    before = wavs(out)
    with pytest.raises(InputError, match=r"move it away, .* or give another --out"):
        build_from(sources, out)
    assert wavs(out) == before


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling"])
def test_what_is_no_file_in_a_clip_s_place_is_told_of(
    farm_folder: Path, clean: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / AUDIO_FOLDER / some_clip(clean).name
    path.parent.mkdir(parents=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="expected a wav or nothing"):
        build_from(farm_folder, tmp_path)


def test_a_line_that_was_half_written_costs_that_line_alone(clean: Path, tmp_path: Path) -> None:
    out = shutil.copytree(clean, tmp_path / "out")
    folder = out / AUDIO_FOLDER
    notes = read_notes(folder)
    last = max(notes)
    record = record_path(folder)
    record.write_bytes(record.read_bytes() + b'\n{"clip":"x_000000","sha2')
    add_note(folder, notes[last][0])
    assert read_notes(folder) == notes | {last: notes[last] * 2}


def test_another_part_of_a_recording_is_made_again(tmp_path: Path) -> None:
    """The wav of a clip is not taken for that of the same file from another second on."""
    config, audios = load_config("default"), tmp_path / "audios"
    rising = np.linspace(0.1, 0.9, 6 * 16_000, dtype=np.float32) * tone(6.0, level=1.0)
    soundfile.write(tmp_path / "walk.wav", rising, 16_000)

    def made(begins: float) -> bytes:
        clip = Clip("walk", "dog", "test", tmp_path / "walk.wav", begins=begins)
        tasks: list[str] = []

        def executor(function: Callable[[Any], Any], work: list[Any], label: str) -> list[Any]:
            tasks.append(label)
            return [function(task) for task in work]

        for _ in range(2):  # the second time it is in place
            folder = ClipFolder(audios, [clip], config, executor)  # type: ignore[arg-type]
            assert folder.check(["walk"]) == {}
        assert tasks == ["clips"]
        return (audios / "walk.wav").read_bytes()

    audios.mkdir()
    assert len({made(0.0), made(1.0), made(1.5)}) == 3


def made_of(level: float, home: Path) -> ClipFolder:
    """Return the folder of one clip, made now of a recording so loud."""
    soundfile.write(home / "walk.wav", tone(4.0, level=level), 16_000)
    clip = Clip("walk", "dog", "test", home / "walk.wav")
    (home / "audios").mkdir(exist_ok=True)
    folder = ClipFolder(home / "audios", [clip], load_config("default"), SerialExecutor())
    assert folder.check(["walk"]) == {}
    return folder


@pytest.mark.parametrize("note", ["first", "lost", "garbled, behind another"])
def test_a_clip_made_just_now_is_hashed_again_unless_its_note_is_its_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, note: str
) -> None:
    folder, record = made_of(0.5, tmp_path), record_path(tmp_path / "audios")
    if note == "lost":
        record.unlink()
    elif note != "first":
        earlier = record.read_bytes()
        folder = made_of(0.6, tmp_path)
        record.write_bytes(earlier + b'\n{"clip":"walk","sha2')
    wav, read = tmp_path / "audios" / "walk.wav", []
    real = clip_folder.read_regular
    monkeypatch.setattr(clip_folder, "read_regular", lambda path: read.append(path) or real(path))
    for _ in range(2):
        assert folder.sha256(["walk"]) == {"walk": hashlib.sha256(wav.read_bytes()).hexdigest()}
    assert read == ([] if note == "first" else [wav])
