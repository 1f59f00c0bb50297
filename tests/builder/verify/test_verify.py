"""`verify`: a finished build passes, and any change to any file of it is a fault."""

import hashlib
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.builder.dataset_by_hand import AUDIO, finish, mask_png, write_dataset
from vpo_builder.dataset.manifest import CHECKSUMS, MANIFEST, META, read_manifest
from vpo_builder.rendering.clip_record import ClipNote, add_note
from vpo_builder.runtime.errors import InputError
from vpo_builder.verify.headers import image_header, wav_header
from vpo_builder.verify.verify import format_verification, verify


def files_of(folder: Path) -> list[Path]:
    return sorted(p for p in folder.parent.parent.rglob("*") if p.is_file())


def reasons(folder: Path, *, decode: bool = False) -> dict[str, str]:
    return {fault.path: fault.reason for fault in verify(folder, 2, decode=decode).faults}


@pytest.mark.parametrize("decode", [False, True])
def test_a_finished_build_has_no_fault(small_dataset: Path, decode: bool) -> None:
    result = verify(small_dataset, decode=decode)
    assert result.faults == ()
    assert result.samples == 8
    assert result.files == 8 + 8 + 8 + 1 + 3
    assert list(format_verification(result))[-1].endswith("no fault")


def test_several_sources_share_a_mask(small_duets: Path) -> None:
    assert verify(small_duets, decode=True).faults == ()


def test_any_changed_byte_of_any_file_is_a_fault(small_dataset: Path) -> None:
    generator = np.random.default_rng(0)
    for path in files_of(small_dataset):
        before = path.read_bytes()
        places = {0, len(before) - 1, int(generator.integers(len(before) or 1))}
        for place in places if before else ():
            after = bytearray(before)
            after[place] ^= int(generator.integers(1, 256))
            path.write_bytes(after)
            assert verify(small_dataset, 1).faults, f"{path.name}: byte {place}"
        path.write_bytes(before + b"\n")
        assert verify(small_dataset, 1).faults, f"{path.name}: a byte more"
        path.write_bytes(before)
    assert verify(small_dataset).faults == ()


def test_a_missing_file_is_one_fault_naming_it(small_dataset: Path) -> None:
    clip = small_dataset / AUDIO / "bbbbbbbbbbb_000020.wav"
    clip.unlink()
    assert reasons(small_dataset) == {f"{AUDIO}/bbbbbbbbbbb_000020.wav": "missing"}


def test_a_file_that_no_list_names_is_a_fault(small_dataset: Path) -> None:
    (small_dataset / "mask" / "cat" / "note.txt").write_text("x")
    assert reasons(small_dataset) == {"mask/cat/note.txt": "no list names this file"}


def test_a_clip_of_another_split_in_the_shared_folder_is_no_fault(small_dataset: Path) -> None:
    soundfile.write(small_dataset / AUDIO / "zzzzzzzzzzz_000000.wav", np.zeros(10), 16_000)
    assert reasons(small_dataset) == {}


def test_the_size_of_image_and_mask_is_the_manifest_s(small_dataset: Path) -> None:
    samples = list(read_manifest(small_dataset).samples)
    samples[0] = replace(samples[0], width=97)
    finish(small_dataset, "ss", samples)
    assert reasons(small_dataset) == {
        samples[0].image: "96×64 pixels, the manifest says 97×64",
        samples[0].mask: "96×64 pixels, the manifest says 97×64",
    }


@pytest.mark.parametrize(
    ("rate", "channels", "subtype", "reason"),
    [
        (44_100, 1, "PCM_16", "44100 Hz, 1 channels, 16 bits"),
        (16_000, 2, "PCM_16", "16000 Hz, 2 channels, 16 bits"),
        (16_000, 1, "FLOAT", "16000 Hz, 1 channels, 32 bits"),
    ],
)
def test_the_format_of_a_clip_is_checked(
    small_dataset: Path, rate: int, channels: int, subtype: str, reason: str
) -> None:
    samples = read_manifest(small_dataset).samples
    clip = f"{AUDIO}/{samples[0].sources[0].clip_id}.wav"
    soundfile.write(small_dataset / clip, np.zeros((160, channels)), rate, subtype=subtype)
    finish(small_dataset, "ss", samples)
    assert reasons(small_dataset)[clip].startswith(reason)


def test_a_clip_without_frames_is_a_fault(small_dataset: Path) -> None:
    samples = read_manifest(small_dataset).samples
    clip = f"{AUDIO}/{samples[0].sources[0].clip_id}.wav"
    soundfile.write(small_dataset / clip, np.zeros(0), 16_000)
    finish(small_dataset, "ss", samples)
    assert reasons(small_dataset) == {clip: "no audio frames"}


@pytest.mark.parametrize(
    ("torn", "reason"),
    [
        (lambda wav: wav[: len(wav) // 2], "cut short: 1989 audio frames of 4000"),
        (lambda wav: bytes(len(wav)), "cannot be decoded: not a RIFF wave file"),
        (lambda wav: b"", "cannot be decoded: not a RIFF wave file"),
    ],
)
def test_a_clip_that_was_torn_before_it_was_listed_is_a_fault(
    small_dataset: Path, torn: Callable[[bytes], bytes], reason: str
) -> None:
    samples = read_manifest(small_dataset).samples
    clip = f"{AUDIO}/{samples[0].sources[0].clip_id}.wav"
    (small_dataset / clip).write_bytes(torn((small_dataset / clip).read_bytes()))
    finish(small_dataset, "ss", samples)
    assert reasons(small_dataset) == {clip: reason}


def test_a_clip_whose_end_was_never_written_is_known_by_the_record(small_dataset: Path) -> None:
    samples = read_manifest(small_dataset).samples
    name = samples[0].sources[0].clip_id
    clip = small_dataset / AUDIO / f"{name}.wav"
    wav = clip.read_bytes()
    add_note(clip.parent, ClipNote(name, hashlib.sha256(wav).hexdigest(), ""))
    assert verify(small_dataset).faults == ()
    clip.write_bytes(wav[:4000] + bytes(len(wav) - 4000))
    finish(small_dataset, "ss", samples)
    assert "torn" in reasons(small_dataset)[f"{AUDIO}/{name}.wav"]


def test_mask_values_are_held_against_the_sources(small_dataset: Path) -> None:
    samples = read_manifest(small_dataset).samples
    mask = small_dataset / samples[0].mask
    mask.write_bytes(mask_png([(255, (0, 0, 9, 9)), (17, (20, 20, 30, 30))], (96, 64)))
    finish(small_dataset, "ss", samples)
    assert reasons(small_dataset) == {samples[0].mask: "mask holds 17, 255, the sources say 17"}


def test_a_class_may_be_hidden_where_several_sound_and_nowhere_else(
    small_duets: Path, small_dataset: Path
) -> None:
    for folder, split in ((small_duets, "ms"), (small_dataset, "ss")):
        samples = read_manifest(folder).samples
        only_cat = mask_png([(17, (0, 0, 9, 9))] if split == "ms" else [], (96, 64))
        (folder / samples[0].mask).write_bytes(only_cat)
        finish(folder, split, samples)
    assert verify(small_duets).faults == ()
    assert reasons(small_dataset) == {samples[0].mask: "mask holds nothing, the sources say 17"}


def test_decoding_finds_an_image_cut_short(small_dataset: Path) -> None:
    samples = read_manifest(small_dataset).samples
    image = small_dataset / samples[0].image
    image.write_bytes(image.read_bytes()[:-400])
    finish(small_dataset, "ss", samples)
    assert reasons(small_dataset) == {}
    assert "cannot be decoded" in reasons(small_dataset, decode=True)[samples[0].image]


def test_a_mask_of_grey_values_is_a_fault(small_dataset: Path) -> None:
    samples = read_manifest(small_dataset).samples
    Image.new("L", (96, 64)).save(small_dataset / samples[0].mask)
    finish(small_dataset, "ss", samples)
    assert reasons(small_dataset) == {samples[0].mask: "not a PNG of 8-bit palette indices"}


def test_ids_in_paths_csv_and_manifest_agree(small_dataset: Path) -> None:
    samples = list(read_manifest(small_dataset).samples)
    samples[0] = replace(samples[0], image_id=99)
    finish(small_dataset, "ss", samples)
    found = reasons(small_dataset)
    assert samples[0].sample_id in found[samples[0].image]
    assert samples[0].sample_id in found[samples[0].mask]
    assert "99" in found["vpo_ss_data_stereo.csv"]


def test_unknown_classes_pans_and_counts_are_faults(small_dataset: Path) -> None:
    samples = list(read_manifest(small_dataset).samples)
    source = replace(samples[0].sources[0], category="wolf", pan=1.5)
    samples[0] = replace(samples[0], sources=(source,))
    samples[1] = replace(samples[1], sources=())
    finish(small_dataset, "ss", samples)
    lines = "\n".join(format_verification(verify(small_dataset)))
    assert "sounds 'wolf', which its class table lacks" in lines
    assert "pan 1.5" in lines
    assert "no source" in lines


def test_a_path_that_climbs_out_of_the_output_folder_is_not_read(small_dataset: Path) -> None:
    outside = small_dataset.parents[2] / "secret"
    outside.write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    listing = small_dataset / CHECKSUMS
    for path in ("../../../secret", str(outside), "data/../../../../secret"):
        before = listing.read_bytes()
        listing.write_bytes(f"{digest}  {path}\n".encode() + before)
        faults = [fault.reason for fault in verify(small_dataset).faults]
        assert any("is not `sha256  path`" in reason for reason in faults)
        listing.write_bytes(before)


def test_faults_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path)
    for path in list(folder.rglob("*.png")):
        path.write_bytes(path.read_bytes()[:-3])
    assert verify(folder, 1) == verify(folder, 4)
    assert len(verify(folder, 4).faults) == 8


def test_an_unfinished_build_and_a_missing_folder_say_so(small_dataset: Path) -> None:
    (small_dataset / META).unlink()
    with pytest.raises(InputError, match="not finished"):
        verify(small_dataset)
    with pytest.raises(InputError, match=r"manifest\.jsonl: is a file: expected a built dataset"):
        verify(small_dataset / "manifest.jsonl")
    with pytest.raises(InputError, match="no such folder"):
        verify(small_dataset / "nowhere")


def test_a_folder_that_holds_datasets_says_which_to_give(
    small_dataset: Path, small_duets: Path
) -> None:
    out = small_dataset.parents[1]
    meant = f"{out}: is no dataset itself, but holds some: give {small_dataset} or {small_duets}"
    with pytest.raises(InputError, match=re.escape(meant) + "$"):
        verify(out)
    (small_duets / META).unlink()
    meant = f"give {small_dataset}"
    with pytest.raises(InputError, match=re.escape(meant) + "$"):
        verify(out / "VPO")


def test_an_edited_manifest_is_one_fault_and_the_files_are_still_checked(
    small_dataset: Path,
) -> None:
    manifest = small_dataset / MANIFEST
    manifest.write_bytes(manifest.read_bytes().replace(b'"pan":0.25', b'"pan":0.26', 1))
    (small_dataset / AUDIO / "bbbbbbbbbbb_000020.wav").unlink()
    paths = [fault.path for fault in verify(small_dataset).faults]
    assert paths == [f"{AUDIO}/bbbbbbbbbbb_000020.wav", MANIFEST, MANIFEST]


def test_the_list_works_with_sha256sum(small_dataset: Path) -> None:
    command = ["sha256sum", "--quiet", "--strict", "-c", CHECKSUMS]
    assert subprocess.run(command, cwd=small_dataset, check=False).returncode == 0


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"RIFF\0\0\0\0WAVE", b"x"]
)
def test_headers_of_broken_files_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"PNG|JPEG"):
        image_header(data)
    with pytest.raises(ValueError, match="wave"):
        wav_header(data)
