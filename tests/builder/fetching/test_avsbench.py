"""AVSBench's lists, against videos whose every frame shows its number."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image

from tests.builder.fetching import loopback
from tests.builder.fetching.loopback import Loopback
from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.avsbench_trees import find_trees
from vpo_builder.fetching.ledger import LEDGER, STATE_FOLDER, read_attempts
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.ffmpeg_program import ffmpeg_program
from vpo_builder.sources.avsbench_lists import read_video_list

RATE = 5  # frames a second
SECONDS = 16
LISTS = {
    "S4": "name,start,category,split\n-aaaaaaaaa1_000002,1,dog_barking,train\n"
    "bbbbbbbbbb2_4000_14000,7,race_car,test\n"
    "ggone_gone3_000000,0,race_car,val\n",
    "MS3": "video_id,start,split\n-aaaaaaaaa1,3,train\nbbbbbbbbbb2_000006,0,test\n",
    "AVSS": "vid,uid,s_min,s_sec,a_obj,split,label\n"
    "-aaaaaaaaa1,-aaaaaaaaa1_5000_15000,0,5,dog_man,train,v2\n"
    "bbbbbbbbbb2,bbbbbbbbbb2,0,4,cat,test,v1s\n",
}


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A video in which the grey of a frame tells its number, and the sound's level its second."""
    folder = tmp_path_factory.mktemp("video")
    for number in range(RATE * SECONDS):
        grey = Image.new("RGB", (64, 48), (40 + 2 * number,) * 3)
        grey.save(folder / f"{number:03d}.png")
    levels = np.repeat(0.02 * (1 + np.arange(SECONDS)), 16_000).astype(np.float32)
    soundfile.write(folder / "sound.wav", levels, 16_000)
    command = [ffmpeg_program(), "-nostdin", "-v", "error", "-framerate", str(RATE)]
    command += ["-i", str(folder / "%03d.png"), "-i", str(folder / "sound.wav")]
    command += ["-c:v", "ffv1", "-g", "20", "-c:a", "flac", "-f", "matroska"]
    subprocess.run([*command, str(folder / "video.mkv")], check=True)
    return (folder / "video.mkv").read_bytes()


@pytest.fixture
def server(video: bytes) -> Iterator[Loopback]:
    with loopback.running() as running:
        running.files["/videos/-aaaaaaaaa1"] = video
        running.files["/videos/bbbbbbbbbb2"] = video
        yield running


def run_fetch(*arguments: object) -> Result:
    """Run `vpo-data fetch-avsbench`."""
    return CliRunner().invoke(data_command, ["fetch-avsbench", *map(str, arguments)])


def fetch(server: Loopback, tmp_path: Path, part: str, *options: object) -> str:
    (tmp_path / "list.csv").write_text(LISTS[part])
    result = run_fetch(
        *(tmp_path / "list.csv", "--out", tmp_path / "out", "--workers", 1),
        *("--clip-url", f"{server.url}/videos/{{id}}"),
        *("--set", "fetch.retry.backoff_seconds=0.01", *options),
    )
    assert result.exit_code == 0, result.output
    return result.output


def numbers(images: tuple[Path, ...]) -> list[int]:
    """Return the number of the frame that each image shows."""
    greys = [np.asarray(Image.open(path).convert("L")).mean() for path in images]
    return [round((grey - 40) / 2) for grey in greys]


def last_frames(start: int, seconds: int) -> list[int]:
    return [RATE * (start + second + 1) - 1 for second in range(seconds)]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("S4", {"-aaaaaaaaa1_000002": (3, 5, 5), "bbbbbbbbbb2_4000_14000": (11, 3, 5)}),
        ("MS3", {"-aaaaaaaaa1": (3, 5, 5), "bbbbbbbbbb2_000006": (6, 5, 5)}),
        ("AVSS", {"-aaaaaaaaa1_5000_15000": (5, 10, 10), "bbbbbbbbbb2": (4, 5, 5)}),
    ],
)
def test_frames_are_the_last_of_each_second_and_sound_is_exact(
    server: Loopback, tmp_path: Path, part: str, expected: dict[str, tuple[int, int, int]]
) -> None:
    said = fetch(server, tmp_path, part)
    assert f"{part}: 2 of {len(LISTS[part].splitlines()) - 1} videos" in said
    told = f"AVSBench's own {part} reader wants pickled log-mels: avs-bench embed-sounds "
    assert (told in said) == (part != "AVSS")
    (tree,) = find_trees(tmp_path / "out")
    assert {video.name for video in tree.videos} == expected.keys()
    for found in tree.videos:
        start, seconds, images = expected[found.name]
        shown = last_frames(start, seconds)
        assert numbers(found.images) == shown + shown[-1:] * (images - seconds)
        assert {Image.open(path).size for path in found.images} == {(224, 224)}
        sound, rate = soundfile.read(found.audio)
        assert (len(sound), rate) == (seconds * 16_000, 16_000)
        levels = [sound[k * rate : (k + 1) * rate].mean() for k in range(seconds)]
        assert levels == pytest.approx([0.02 * (1 + start + k) for k in range(seconds)], abs=1e-3)


def test_native_frames_resuming_and_what_is_gone(server: Loopback, tmp_path: Path) -> None:
    fetch(server, tmp_path, "S4", "--frames", "native")
    (tree,) = find_trees(tmp_path / "out")
    assert {Image.open(path).size for v in tree.videos for path in v.images} == {(64, 48)}
    outcomes = {
        row.record: row.outcome for row in read_attempts(tmp_path / "out" / STATE_FOLDER / LEDGER)
    }
    assert outcomes["ggone_gone3_000000"] == "not_found"
    server.requests.clear()
    tree.videos[0].audio.unlink()
    said = fetch(server, tmp_path, "S4", "--frames", "native")
    assert dict(server.requests) == {f"/videos/{tree.videos[0].name[:11]}": 1}
    assert "the others, with reasons and dates: vpo-data rot" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,c\n1,2,3\n", "no list of AVSBench"),
        ("video_id,split\nshort,train\n", "line 2: 'short': expected a YouTube id"),
        ("video_id,split\n../../../etc,train\n", "is no video's name"),
        ("video_id,start,split\n-aaaaaaaaa1,x,train\n", "'x' is no whole number"),
        ("video_id,split\n-aaaaaaaaa1,sideways\n", "split 'sideways'"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_video_list(tmp_path / "list.csv", tmp_path / "out")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--set", "audio.seconds=5"), "--set audio.seconds=5: expected a setting of fetching"),
        (("--retry", "nothing"), "--retry nothing: choose one of transient"),
        (("--cookies", "nowhere.txt"), "--cookies nowhere.txt: no such file"),
    ],
)
def test_wrong_options_are_one_line(tmp_path: Path, option: tuple[str, str], said: str) -> None:
    (tmp_path / "list.csv").write_text(LISTS["S4"])
    result = run_fetch(tmp_path / "list.csv", "--out", tmp_path / "out", *option)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert said in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_list_is_never_overwritten_by_a_shorter_one_that_lacks_its_videos(
    server: Loopback, tmp_path: Path
) -> None:
    fetch(server, tmp_path, "MS3")
    (tree,) = find_trees(tmp_path / "out")
    before = tree.csv.read_bytes()
    shorter = "\n".join(LISTS["MS3"].splitlines()[:2]) + "\n"
    for given, said in ((tree.csv, "would be overwritten"), (tmp_path / "less.csv", "lists 1 vid")):
        if given != tree.csv:
            given.write_text(shorter)
        url = f"{server.url}/videos/{{id}}"
        result = run_fetch(given, "--out", tmp_path / "out", "--clip-url", url)
        assert result.exit_code == 2
        assert said in result.stderr
        assert tree.csv.read_bytes() == before


def test_a_video_whose_sound_is_torn_is_published_again(server: Loopback, tmp_path: Path) -> None:
    fetch(server, tmp_path, "MS3")
    (tree,) = find_trees(tmp_path / "out")
    audio = tree.videos[0].audio
    whole = audio.read_bytes()
    for torn in (b"", whole[:1000], bytes(len(whole))):
        audio.write_bytes(torn)
        fetch(server, tmp_path, "MS3")
        assert audio.read_bytes() == whole
