from fractions import Fraction

import pytest

from avs_bench.prediction.images import ImageTask
from avs_bench.prediction.inputs import read_rate, tasks_of
from avs_bench.prediction.videos import VideoTask
from vpo_builder.runtime.errors import InputError

ONE = Fraction(1)


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "b.mp3", "b.wav", "a.mp4", ".hidden.mp4", "notes.txt", "a.jpg", "a.ogg"):
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "in" / name).touch()
    return tmp_path / "in"


def test_a_folder_is_its_videos_and_its_pictures_with_the_recordings_beside_them(folder, tmp_path):
    out = tmp_path / "out"
    assert tasks_of([folder], None, out, ONE) == [
        ImageTask(folder / "a.jpg", folder / "a.ogg", out / "a"),
        VideoTask(folder / "a.mp4", folder / "a.mp4", out / "a (2)", ONE),
        ImageTask(folder / "b.png", folder / "b.wav", out / "b"),
    ]


@pytest.mark.parametrize("name", ["b.WAV", "b.Wav"])
def test_a_recording_in_capitals_is_found(folder, tmp_path, name):
    (folder / "b.wav").rename(folder / name)
    (folder / "b.mp3").unlink()
    (task,) = tasks_of([folder / "b.png"], None, tmp_path, ONE)
    assert task.sound == folder / name


def test_no_two_inputs_share_a_folder(folder, tmp_path):
    for name in ("a (2).mp4", "A.mkv"):
        (folder / name).touch()
    folders = [task.folder.name for task in tasks_of([folder], None, tmp_path, ONE)]
    assert folders == ["A", "a (2)", "a (3)", "a (4)", "b"]


def test_another_recording_is_for_one_input(folder, tmp_path):
    sound = tmp_path / "x.wav"
    (task,) = tasks_of([folder / "b.png"], sound, tmp_path, ONE)
    assert task.sound == sound
    (task,) = tasks_of([folder / "a.mp4"], sound, tmp_path, None)
    assert (task.video, task.sound, task.rate) == (folder / "a.mp4", sound, None)
    with pytest.raises(InputError, match="for one picture or video, these are 3"):
        tasks_of([folder], sound, tmp_path, ONE)


def test_what_cannot_be_predicted_is_one_line(folder, tmp_path):
    (folder / "b.wav").unlink()
    (folder / "b.mp3").unlink()
    with pytest.raises(InputError, match=r"b\.png: no recording beside it \(1 of 3 inputs\)"):
        tasks_of([folder], None, tmp_path, ONE)
    with pytest.raises(InputError, match=r"notes\.txt: neither a picture"):
        tasks_of([folder / "notes.txt"], None, tmp_path, ONE)
    with pytest.raises(InputError, match="no such file or folder"):
        tasks_of([folder / "absent.mp4"], None, tmp_path, ONE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no picture and no video in it"):
        tasks_of([tmp_path / "empty"], None, tmp_path, ONE)


def test_rates():
    assert read_rate("native") is None
    assert read_rate("2.5") == Fraction(5, 2)
    assert read_rate("1/3") == Fraction(1, 3)
    for text in ("0", "-1", "fast", "1/0", "241", "nan"):
        with pytest.raises(InputError, match="expected native or a number"):
            read_rate(text)
