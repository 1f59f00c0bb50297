"""A dataset from a stranger: whatever it names, nothing outside is made, changed or copied."""

import hashlib
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builder.building import build_from, run_build, source_options
from tests.builder.commands.test_changed_files import check_every_command, run
from tests.builder.dataset.test_untrusted import FIELDS
from tests.builder.dataset_by_hand import AUDIO, PICTURES, finish, photograph, reseal, write_dataset
from tests.builder.documents.test_documents import write_documents
from tests.builder.small_corpus import farm
from vpo_builder.dataset.manifest import CHECKSUMS, MANIFEST, META, read_manifest
from vpo_builder.export.export import FORMATS, ExportFormat, export_dataset
from vpo_builder.gallery.gallery import write_gallery
from vpo_builder.runtime.errors import InputError

MARK = b"nobody outside may read this"
SECRETS = ("secret", "secret.jpg", "secret.png", "secret.wav", "data/secret.wav")


def contents(folder: Path) -> dict[str, str]:
    """Return what lies in a folder, files by their hash."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in folder.rglob("*")
        if not path.is_relative_to(folder / "out")
    }


@pytest.fixture
def sandbox(tmp_path: Path) -> Path:
    """A folder with a dataset in `data`, secrets beside it, and `out` for what commands write."""
    folder = write_dataset(tmp_path / "data", [PICTURES[0], PICTURES[4], PICTURES[7]])
    write_documents(folder)
    for name in SECRETS:
        (tmp_path / name).write_bytes(photograph(99) + MARK)
    return tmp_path


def dataset_in(sandbox: Path) -> Path:
    return sandbox / "data" / "VPO" / "VPO-SS"


def check_outputs(out: Path) -> None:
    """Nothing of a secret lies in what was written, and archives stay in their folder."""
    for path in out.rglob("*"):
        assert not path.is_symlink()
        if path.is_file():
            assert MARK not in path.read_bytes(), path
        if path.suffix == ".tar":
            with tarfile.open(path) as archive:
                assert all("/" not in member.name for member in archive)


def hostile_texts(sandbox: Path) -> Iterator[str]:
    """Yield every way to name a secret that ends with the suffix that a file may need."""
    for name in SECRETS:
        yield str(sandbox / name)
        yield from (f"{climb}{name}" for climb in ("../" * n for n in range(1, 7)))
        yield f"data/../../../../{name}"
    yield from ("/dev/zero", "x\0y", "..", "", "a" * 5000, "\x1b[31m", "..\\..\\secret")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_nothing_outside_is_read_or_written_for_any_text_of_a_manifest(
    sandbox: Path, data: st.DataObject
) -> None:
    folder, out = dataset_in(sandbox), sandbox / "out"
    kept = {name: (folder / name).read_bytes() for name in (MANIFEST, META)}
    original = read_manifest(folder)
    field = data.draw(st.sampled_from(sorted(FIELDS)))
    text = data.draw(st.sampled_from(sorted(hostile_texts(sandbox))))
    # Clips and class names come with their suffix: what is named must be able to be found.
    for suffix in (".wav", ".jpg"):
        text = text.removesuffix(suffix) if field in ("clip_id", "class and its folder") else text
    meta, samples = FIELDS[field](original, text)
    reseal(folder, meta, samples)
    before = contents(sandbox)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    results = check_every_command(folder, out, f"{field} {text!r}")
    assert contents(sandbox) == before
    check_outputs(out)
    codes = {name.split()[0]: result.exit_code for name, result in results.items()}
    assert codes == dict.fromkeys(codes, 2) | {"verify": 1}
    for name, content in kept.items():
        (folder / name).write_bytes(content)


@pytest.mark.parametrize("name", ["../../../secret", "/etc/hostname", "../../secret.wav", "a\0b"])
def test_a_list_of_checksums_names_no_file_outside(sandbox: Path, name: str) -> None:
    """A listed file is hashed: with the hash of what is guessed, that is told by a fault less."""
    folder = dataset_in(sandbox)
    (sandbox / "data" / "secret.wav").write_bytes(MARK)
    listing = f"{hashlib.sha256(MARK).hexdigest()}  {name}\n".encode()
    listing += (folder / CHECKSUMS).read_bytes()
    (folder / CHECKSUMS).write_bytes(listing)
    meta = replace(
        read_manifest(folder).meta,
        checksums_sha256=hashlib.sha256(listing).hexdigest(),
        files=listing.count(b"\n"),
    )
    reseal(folder, meta, read_manifest(folder).samples)
    result = run(("verify", folder))
    assert result.exit_code == 1
    assert "line 1 is not `sha256  path`" in result.output


def link_to(target: Path) -> Callable[[Path], None]:
    def replace_by_link(path: Path) -> None:
        shutil.copy(path, target)
        path.unlink()
        path.symlink_to(target)

    return replace_by_link


def as_linked_folder(path: Path, elsewhere: Path) -> None:
    shutil.move(path.parent, elsewhere)
    path.parent.symlink_to(elsewhere)


@pytest.mark.parametrize("kind", ["jpg", "png", "wav", "ATTRIBUTION.csv"])
@pytest.mark.parametrize("folder_too", [False, True])
def test_a_link_that_leads_out_is_not_copied(sandbox: Path, kind: str, folder_too: bool) -> None:
    """Its content is right to the byte: only where it lies is wrong."""
    folder = dataset_in(sandbox)
    home = folder / AUDIO if kind == "wav" else folder
    path = next(home.rglob(f"*{kind}")).resolve()
    if folder_too and kind == "ATTRIBUTION.csv":
        pytest.skip("its folder is the dataset's")
    if folder_too:
        as_linked_folder(path, sandbox / "elsewhere")
    else:
        link_to(sandbox / "elsewhere")(path)
    assert run(("verify", folder)).exit_code == 0
    # The layout of VPO's authors has no attributions: there the link is nobody's concern.
    unread = {"published"} if kind == "ATTRIBUTION.csv" else set()
    for target in (one for one in FORMATS if one not in unread):
        with pytest.raises(InputError, match=r"a link leads to .*elsewhere"):
            export_dataset(folder, sandbox / "out", target)
    if kind != "ATTRIBUTION.csv":
        with pytest.raises(InputError, match=r"a link leads to .*elsewhere"):
            write_gallery([folder], sandbox / "out")
    assert not (sandbox / "out").exists()


@pytest.mark.parametrize("target", FORMATS)
def test_a_link_within_the_dataset_is_copied_as_the_file(
    sandbox: Path, target: ExportFormat
) -> None:
    folder = dataset_in(sandbox)
    image = next(folder.rglob("*.jpg"))
    link_to(folder / "data" / "kept.jpg")(image)
    finish(folder, "ss", read_manifest(folder).samples)
    (sandbox / "linked").symlink_to(folder)  # the dataset itself may be reached by one
    export_dataset(sandbox / "linked", sandbox / "out", target)
    check_outputs(sandbox / "out")


@pytest.mark.parametrize("target", FORMATS)
def test_a_file_other_than_listed_is_not_exported(sandbox: Path, target: ExportFormat) -> None:
    """A sound with a changed sample still decodes: only its hash tells."""
    folder = dataset_in(sandbox)
    clip = next((folder / AUDIO).glob("*.wav"))
    data = bytearray(clip.read_bytes())
    data[-1] ^= 1
    clip.write_bytes(data)
    with pytest.raises(InputError, match=f"{clip.name}: .*sha256.*run vpo-data verify"):
        export_dataset(folder, sandbox / "out", target)


def test_a_build_from_a_stranger_s_manifest_writes_nothing(tmp_path: Path) -> None:
    sources = farm(tmp_path / "sources").folder
    built = build_from(sources, tmp_path / "first", "ss").folder
    (tmp_path / "published").mkdir()
    for name in (MANIFEST, META):
        shutil.copy(built / name, tmp_path / "published")
    (tmp_path / "secret.jpg").write_bytes(MARK)
    original = read_manifest(tmp_path / "published")
    before = contents(tmp_path)
    for field in sorted(FIELDS):
        for text in (str(tmp_path / "secret.jpg"), "../../../../secret.jpg", "data/../../../x"):
            meta, samples = FIELDS[field](original, text)
            reseal(tmp_path / "published", meta, samples)
            manifest = tmp_path / "published" / MANIFEST
            options = ("--from-manifest", manifest, "--out", tmp_path / "again", "--workers", 1)
            result = run_build(*options, *source_options(sources))
            assert result.exit_code == 2, (field, text, result.output)
            assert len(result.stderr.splitlines()) == 1
    reseal(tmp_path / "published", original.meta, original.samples)
    assert contents(tmp_path) == before
