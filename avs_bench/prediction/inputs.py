"""From what the user names, a picture, a video or a folder of them, to what is to be predicted."""

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from avs_bench.prediction.images import ImageTask
from avs_bench.prediction.videos import VideoTask
from vpo_builder.runtime.errors import InputError

VIDEOS = (
    *(".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv"),
    *(".3gp", ".ts", ".mts", ".ogv"),
)
IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac")

Task = ImageTask | VideoTask


def tasks_of(
    inputs: Sequence[Path], sound: Path | None, out: Path, rate: Fraction | None
) -> list[Task]:
    """Return a task for each picture and video, in order of their names within a folder.

    `sound` is heard with the one input there is; without it a video has its own sound and a
    picture that of the recording beside it with the same name. Raises InputError for a path that
    is neither, and for pictures without a recording.
    """
    files = [file for given in inputs for file in _files(given)]
    if sound is not None and len(files) != 1:
        raise InputError(f"--audio {sound}: for one picture or video, these are {len(files)}")
    silent = [f for f in files if _is(f, IMAGES) and not (sound or _beside(f))]
    if silent:
        raise InputError(
            f"{silent[0]}: no recording beside it ({len(silent)} of {len(files)} inputs): expected "
            f"{silent[0].stem}{SOUNDS[0]} or another of {', '.join(SOUNDS[1:])}, or --audio FILE"
        )
    folders = _folders(files, out)
    return [
        ImageTask(file, sound or _beside(file) or file, folder)
        if _is(file, IMAGES)
        else VideoTask(file, sound or file, folder, rate)
        for file, folder in zip(files, folders, strict=True)
    ]


def read_rate(text: str) -> Fraction | None:
    """Return masks a second; None for "native", every frame."""
    if text == "native":
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 240:
        raise InputError(f"--fps {text}: expected native or a number above 0 and up to 240")
    return rate


def _files(given: Path) -> Iterator[Path]:
    if not given.is_dir():
        if not given.exists():
            raise InputError(f"{given}: no such file or folder: expected a picture or a video")
        if not _is(given, IMAGES + VIDEOS):
            raise InputError(
                f"{given}: neither a picture ({', '.join(IMAGES)}) nor a video "
                f"({', '.join(VIDEOS)}) by its name: rename it if it is one"
            )
        yield given
        return
    names = sorted(path for path in given.iterdir() if not path.name.startswith("."))
    found = [path for path in names if path.is_file() and _is(path, IMAGES + VIDEOS)]
    if not found:
        raise InputError(f"{given}: no picture and no video in it ({len(names)} other files)")
    yield from found


def _is(path: Path, suffixes: tuple[str, ...]) -> bool:
    return path.suffix.lower() in suffixes


def _beside(image: Path) -> Path | None:
    """Return the recording with the picture's name, the formats without loss first."""
    endings = (form for suffix in SOUNDS for form in (suffix, suffix.upper(), suffix.title()))
    named = (image.with_suffix(ending) for ending in endings)
    return next((path for path in named if path.is_file()), None)


def _folders(files: Sequence[Path], out: Path) -> list[Path]:
    """Return a folder for each file, named after it; a number tells equal names apart."""
    folders: dict[str, Path] = {}
    for file in files:
        numbered = (f"{file.stem} ({number})" for number in itertools.count(2))
        names = itertools.chain([file.stem], numbered)
        name = next(name for name in names if name.casefold() not in folders)
        folders[name.casefold()] = out / name
    return list(folders.values())
