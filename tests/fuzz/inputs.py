"""The inputs that are spoilt, tiny ones, and the commands that read each."""

import contextlib
import csv
import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import msgspec
import soundfile
from click.testing import CliRunner

from tests import avsbench_trees
from tests.bench.conftest import SMALL
from tests.builder.building import build_from
from tests.builder.dataset_by_hand import PICTURES, photograph, waveform, write_dataset
from tests.builder.documents.test_documents import write_documents
from tests.builder.fetching.fetching_build import hamlet
from tests.fuzz import further_inputs as further
from tests.fuzz import mutations as m
from vpo_builder.dataset.manifest import CHECKSUMS, MANIFEST, META
from vpo_builder.export.export import FORMATS
from vpo_builder.runtime.ffmpeg_program import ffmpeg_program

Command = tuple[str, ...]
DATASET = "VPO/VPO-SS"
SCORES = "scores-best-vpo-ss-test.json"
SETTINGS = tuple(word for setting in (*SMALL, "train.epochs=1") for word in ("--set", setting))
SPLITS = ("ss", "ms", "msmi")


@dataclass(frozen=True)
class Kind:
    """A kind of input: the file below `in` (a pattern: one is drawn), and what reads it.

    `commands` gets the folders `in` and `out`. A file of a finished dataset `is_sealed`: its seals
    are made right again for half of the trials, and with the old ones verify must refuse it.
    """

    name: str
    files: str
    structure: tuple[m.Mutation, ...]
    commands: Callable[[Path, Path, Random], Iterable[Command]]
    is_sealed: bool = False

    @property
    def needs_run(self) -> bool:
        """Whether its commands read the copy of a run in `out`."""
        return self.files.startswith("run/") or self.commands is read_dataset


def build_vpo(sources: str, *more: str) -> Callable[[Path, Path, Random], list[Command]]:
    """Build a split, and if that succeeds audit it; the trial verifies what was built."""

    def commands(home: Path, out: Path, draw: Random) -> list[Command]:
        split = draw.choice(SPLITS)
        corpus = home / sources
        folders = ("--coco", f"{corpus}/coco", "--vggsound", f"{corpus}/vggsound")
        further = [f"{home}/{word}" if "/" in word else word for word in more]
        options = ("--split", split, "--out", f"{out}/built", "--workers", "1")
        return [("vpo-build", *options, *folders, *further)]

    return commands


def build_again(home: Path, out: Path, draw: Random) -> list[Command]:
    sources = ("--coco", f"{home}/sources/coco", "--vggsound", f"{home}/sources/vggsound")
    manifest = ("--from-manifest", f"{home}/published/{MANIFEST}", "--out", f"{out}/built")
    substitutes = draw.choice(((), ("--allow-substitutes",)))
    return [("vpo-build", *manifest, "--workers", "1", *sources, *substitutes)]


def build_single_plus(home: Path, out: Path, draw: Random) -> list[Command]:
    options = ("--avsbench", f"{home}/s4", "--out", f"{out}/built", "--workers", "1")
    return [("vpo-build", "--split", "avsbench-single-plus", *options)]


def read_dataset(home: Path, out: Path, draw: Random) -> list[Command]:
    """Verify, and two of the other commands that read a finished dataset."""
    folder = f"{home}/{DATASET}"
    readers: list[Command] = [
        ("vpo-data", "stats", folder, "--png", f"{out}/chart.png"),
        ("vpo-data", "audit", folder, "--sheet", f"{out}/sheet.html"),
        ("vpo-data", "gallery", folder, "--out", f"{out}/gallery"),
        *(
            ("vpo-data", "export", folder, "--format", form, "--out", f"{out}/{form}")
            for form in FORMATS
        ),
        ("vpo-data", "diff", folder, f"{home}/pristine/{DATASET}"),
        ("avs-bench", "eval", "--run", f"{out}/run", "--data", folder),
        train(folder, out),
    ]
    return [("vpo-data", "verify", folder, "--decode"), *draw.sample(readers, 2)]


def train(folder: str, out: Path, *more: str) -> Command:
    """Train anew, for some steps."""
    data = ("--data", folder, "--out", f"{out}/new")
    return ("avs-bench", "train", "--preset", "tiny", *data, *SETTINGS, *more)


def read_run(home: Path, out: Path, draw: Random) -> list[Command]:
    """Two of the commands that read a run; `out/run` is the spoilt one."""
    run, folder = f"{out}/run", f"{home}/{DATASET}"
    data = ("--data", folder)
    partly = draw.choice(((), ("--partial-weights",)))
    readers: list[Command] = [
        ("avs-bench", "train", *data, "--out", run, "--resume"),
        ("avs-bench", "train", "--preset", "tiny", *data, "--out", run, "--resume", *SETTINGS),
        ("avs-bench", "eval", "--run", run, *data, "--subset", draw.choice(("val", "test"))),
        ("avs-bench", "eval", "--checkpoint", f"{run}/last.pt", *data),
        ("avs-bench", "predict", f"{home}/shot/photo.jpg", "--run", run, "--out", f"{out}/seen"),
        ("avs-bench", "report", run, "--out", f"{out}/report", "--submit", f"{out}/s.json"),
        ("avs-bench", "models", "convert", f"{run}/best.pt", f"{out}/best.safetensors"),
        ("avs-bench", "profile", "--checkpoint", f"{run}/best.pt", "--repeats", "2"),
        train(folder, out, "--weights", f"{run}/best.pt", *partly),
    ]
    return draw.sample(readers, 2)


def read_scores(home: Path, out: Path, draw: Random) -> list[Command]:
    run, whole = f"{out}/run", f"{home}/run"
    submitted = draw.choice(((), ("--submit", f"{out}/s.json")))
    return [
        ("avs-bench", "report", f"{run}/{SCORES}", "--out", f"{out}/report"),
        ("avs-bench", "report", run, whole, "--compare", "--out", f"{out}/compared", *submitted),
    ]


def read_submission(home: Path, out: Path, draw: Random) -> list[Command]:
    given = f"{out}/run/submission.json"
    return [
        ("avs-bench", "report", given, "--out", f"{out}/report"),
        ("avs-bench", "report", f"{home}/run", "--out", f"{out}/again", "--submit", given),
    ]


def predict_shot(home: Path, out: Path, draw: Random) -> list[Command]:
    given = (f"{home}/shot/photo.jpg", "--audio", f"{home}/shot/photo.wav")
    return [("avs-bench", "predict", *given, "--run", f"{home}/run", "--out", f"{out}/seen")]


def predict_film(home: Path, out: Path, draw: Random) -> list[Command]:
    given = (f"{home}/shot/film.mp4", "--run", f"{home}/run", "--out", f"{out}/seen")
    return [("avs-bench", "predict", *given, "--fps", draw.choice(("1", "native")))]


def evaluate_trees(home: Path, out: Path, draw: Random) -> list[Command]:
    tree = f"{home}/{S4}"
    return [
        ("vpo-data", "stats", f"{home}/s4"),
        train(tree, out),
        ("avs-bench", "eval", "--run", f"{out}/new", "--data", tree),
    ]


BUILD, FILMS = build_vpo("sources"), build_vpo("filmed")
HEARD = build_vpo("sources", "--vggsounder", "sources/vggsounder.csv")
JSON, LINES, TABLE = (m.change_json,), (m.change_json_line,), (m.change_table,)
WEIGHTS = (m.change_zip, m.change_checkpoint)
TOML, SAFE = (m.change_toml,), (m.change_safetensors,)
OWN, SOUNDS = ("--images", "mine"), ("--sounds", "recordings/recordings.csv")
MAPPED = ("--labels", "labels.json", "--class-map", "map.csv")
S4 = "s4/Single-source"
KINDS: tuple[Kind, ...] = (
    Kind("instances json", "sources/coco/annotations/instances_*.json", JSON, BUILD),
    Kind("captions json", "sources/coco/annotations/captions_*.json", JSON, BUILD),
    Kind("vggsound.csv", "sources/vggsound/vggsound.csv", TABLE, BUILD),
    Kind("vggsounder csv", "sources/vggsounder.csv", TABLE, HEARD),
    Kind("coco's jpg", "sources/coco/*2017/*.jpg", (), BUILD),
    Kind("recording wav", "sources/vggsound/audios/*.wav", (), BUILD),
    Kind("recording flac", "sources/vggsound/audios/*.flac", (), BUILD),
    Kind("recording ogg", "sources/vggsound/audios/*.ogg", (), BUILD),
    Kind("recording mp4", "filmed/vggsound/audios/*.mp4", (), FILMS),
    Kind("published manifest", f"published/{MANIFEST}", LINES, build_again, True),
    Kind("published meta", f"published/{META}", JSON, build_again, True),
    Kind("s4 csv", f"{S4}/s4_meta_data.csv", TABLE, build_single_plus),
    Kind("s4 mask png", f"{S4}/s4_data/gt_masks/**/*.png", (m.change_png,), build_single_plus),
    Kind("s4 wav", f"{S4}/s4_data/audio_wav/**/*.wav", (), build_single_plus),
    Kind("tree's csv", f"{S4}/s4_meta_data.csv", TABLE, evaluate_trees),
    Kind("tree's png", f"{S4}/s4_data/*/**/*.png", (m.change_png,), evaluate_trees),
    Kind("manifest.jsonl", f"{DATASET}/{MANIFEST}", LINES, read_dataset, True),
    Kind("manifest.meta.json", f"{DATASET}/{META}", JSON, read_dataset, True),
    Kind("SHA256SUMS", f"{DATASET}/{CHECKSUMS}", (), read_dataset, True),
    Kind("ATTRIBUTION.csv", f"{DATASET}/ATTRIBUTION.csv", TABLE, read_dataset, True),
    Kind("other files", f"{DATASET}/[!mSA]*.*", (), read_dataset, True),
    Kind("mask png", f"{DATASET}/mask/**/*.png", (m.change_png,), read_dataset, True),
    Kind("jpg", f"{DATASET}/data/**/*.jpg", (), read_dataset, True),
    Kind("clip wav", "vggsound_bench/VGGSound/audios/*.wav", (), read_dataset, True),
    Kind("config.json", "run/config.json", JSON, read_run),
    Kind("history.jsonl", "run/history.jsonl", LINES, read_run),
    Kind("last.pt", "run/last.pt", WEIGHTS, read_run),
    Kind("best.pt", "run/best.pt", WEIGHTS, read_run),
    Kind("scores json", f"run/{SCORES}", JSON, read_scores),
    Kind("submission json", "run/submission.json", JSON, read_submission),
    Kind("predict's jpg", "shot/photo.jpg", (), predict_shot),
    Kind("predict's wav", "shot/photo.wav", (), predict_shot),
    Kind("predict's mp4", "shot/film.mp4", (), predict_film),
    Kind("answer png", "answers/*.png", (m.change_png,), further.score("answers")),
    Kind("answer npz", "arrays/*.npz", (m.change_zip,), further.score("arrays")),
    Kind("answers zip", "answers.zip", (m.change_zip,), further.score("answers.zip")),
    Kind("answers list", "answers/answers.json", JSON, further.score("answers")),
    Kind("class-map csv", "map.csv", TABLE, further.score("answers", *MAPPED)),
    Kind("labels json", "labels.json", JSON, further.score("answers", *MAPPED)),
    Kind("board's json", "run/submission.json", JSON, further.rank),
    Kind("robust json", f"run/{further.ROBUST}", JSON, further.compare_robust),
    Kind("hub config", "run/hub/config.json", JSON, further.open_hub_folder),
    Kind("safetensors", "run/hub/*.safetensors", SAFE, further.open_hub_folder),
    Kind("sources.toml", "sources.toml", TOML, further.build_own("--images", "sources.toml")),
    Kind("own mask png", "mine/masks/**/*.png", (m.change_png,), further.build_own(*OWN)),
    Kind("own picture", "mine/pictures/*.jpg", (), further.build_own(*OWN)),
    Kind("sounds csv", "recordings/recordings.csv", TABLE, further.build_own(*SOUNDS)),
    Kind("packed tar", "packed/*.tar.gz", (m.change_tar,), further.build_packed),
    Kind("build's preset", "presets/build.toml", TOML, further.build_with_preset),
    Kind("train's preset", "presets/train.toml", TOML, further.read_preset),
    Kind("side files", "kept.txt", (), further.build_from_side_files),
)
OF_A_RUN = "run/"
"""Files of a run are spoilt in a copy below `out`: commands write beside them."""


def write_inputs(home: Path) -> None:
    """Write one right input of every kind into `home`."""
    _write_sources(home)
    avsbench_trees.write_s4(home / "s4", size=(16, 16))
    folder = write_dataset(home, [PICTURES[number] for number in (0, 1, 4, 7)])
    write_documents(folder)
    for name in (DATASET, "vggsound_bench"):
        shutil.copytree(home / name, home / "pristine" / name)
    run = home / "run"
    data = ("--data", str(folder))
    avs_bench("train", "--preset", "tiny", *data, "--out", str(run), *SETTINGS)
    avs_bench("eval", "--run", str(run), *data, "--probe", "silence", "--examples", "1")
    submitted = ("--submit", f"{run}/submission.json")
    avs_bench("report", str(run), "--out", str(home / "report"), *submitted)
    shutil.rmtree(home / "report")
    (home / "shot").mkdir()
    (home / "shot" / "photo.jpg").write_bytes(photograph(5))
    soundfile.write(home / "shot" / "photo.wav", waveform("shot", 1.0), 16_000)
    _film(home / "shot" / "film.mp4", "2")
    further.write_further_inputs(home, avs_bench)


def avs_bench(*arguments: str) -> None:
    from avs_bench.commands.main import main

    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output


def _write_sources(home: Path) -> None:
    """Write the corpus with recordings of three formats, once more with films, and a manifest."""
    hamlet(home / "sources")
    audios = home / "sources" / "vggsound" / "audios"
    for stem, suffix in (("dog-clip-00_000000", "flac"), ("cat-clip-01_000000", "ogg")):
        sound, rate = soundfile.read(audios / f"{stem}.wav")
        (audios / f"{stem}.wav").unlink()
        soundfile.write(audios / f"{stem}.{suffix}", sound, rate)
    ids = sorted({path.stem for path in audios.iterdir()})
    with (home / "sources" / "vggsounder.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("video_id", "label", "modality", "background_music"))
        for clip_id in ids:
            label = "dog barking" if clip_id.startswith("dog") else "cat meowing"
            writer.writerow((clip_id, label, "AV", "False"))
    shutil.copytree(home / "sources", home / "filmed")
    films = home / "filmed" / "vggsound" / "audios"
    (films / "dog-clip-02_000000.wav").unlink()
    _film(films / "dog-clip-02_000000.mp4", "1.2")
    built = build_from(home / "sources", home / "once").folder
    (home / "published").mkdir()
    for name in (MANIFEST, META):
        shutil.copy(built / name, home / "published")
    shutil.rmtree(home / "once")


def _film(path: Path, seconds: str) -> None:
    picture = f"testsrc=size=64x48:rate=4:duration={seconds}"
    sound = f"sine=frequency=500:sample_rate=16000:duration={seconds}"
    sources = ("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound)
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
    command = [ffmpeg_program(), "-nostdin", "-v", "error", *sources, *coded, f"file:{path}"]
    subprocess.run(command, check=True, timeout=60)


def seal_again(folder: Path) -> None:
    """Make every seal of a dataset, or of a manifest alone, fit what lies there, as anybody can."""
    listing = folder / CHECKSUMS
    if listing.is_file():
        lines = []
        for line in listing.read_text(errors="surrogateescape").splitlines():
            _, _, name = line.partition("  ")
            path = folder / name
            named = name.isprintable() and path.is_file()
            digest = hashlib.sha256(path.read_bytes()).hexdigest() if named else "0" * 64
            lines.append(f"{digest}  {name}\n")
        listing.write_text("".join(lines), errors="surrogateescape")
    try:
        meta = json.loads((folder / META).read_bytes())
    except ValueError:
        return
    if not isinstance(meta, dict):
        return
    manifest = (folder / MANIFEST).read_bytes()
    meta["manifest_sha256"] = hashlib.sha256(manifest).hexdigest()
    meta["samples"] = manifest.count(b"\n")
    if listing.is_file():
        meta["checksums_sha256"] = hashlib.sha256(listing.read_bytes()).hexdigest()
    meta["sha256"] = ""
    with contextlib.suppress(msgspec.DecodeError):  # of a number that is none: no json has it
        meta["sha256"] = hashlib.sha256(_indented(meta)).hexdigest()
        (folder / META).write_bytes(_indented(meta))


def _indented(meta: object) -> bytes:
    return msgspec.json.format(json.dumps(meta, separators=(",", ":")).encode(), indent=1) + b"\n"
