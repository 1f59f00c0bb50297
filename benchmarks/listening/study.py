"""The study as jobs: variants × seeds, trained under one budget and scored on test."""

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from avs_bench.results.files import read_results
from avs_bench.results.records import Result
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.whole_files import write_atomically

IMAGES, CLIPS_PER_CLASS = 4600, 60
"""Of the synthetic corpus; VPO-SS keeps more than 3,000 of its pictures."""
PROBES = ("silence", "noise", "off-screen")
COST = "cost.json"


@dataclass(frozen=True)
class Variant:
    """What is compared: a name, its words in the table, settings over its preset's, and probes.

    What is beside the question is trained `once`, with the first seed.
    """

    name: str
    title: str
    overrides: tuple[str, ...]
    probes: tuple[str, ...] = PROBES
    preset: str = "listening"
    once: bool = False


TWIN = Variant(
    "visual-only",
    "visual only",
    ('model.options={fusion = "none"}', "contrastive.weight=0"),
)
PLAIN = Variant("cross-attention", "cross-attention", ("contrastive.weight=0",))
LISTENER = Variant("cross-attention-contrastive", "cross-attention + contrastive", ())
SCORED = Variant(
    "cross-attention-contrastive-scored",
    "cross-attention + contrastive, shuffled pairs scored",
    (
        'model.options={shuffled_items = "score"}',
        "pairs.cross_entropy_weight=1",
        "pairs.silence_rate=0.1",
        "pairs.noise_rate=0.1",
    ),
)
TRANSFORMER = Variant("avsegformer", "AVSegFormer", (), preset="listening-avsegformer", once=True)
VARIANTS = (
    TWIN,
    Variant(
        "addition",
        "addition",
        ('model.options={fusion = "add"}', "contrastive.weight=0"),
        once=True,
    ),
    Variant(
        "tpavi", "TPAVI", ('model.options={fusion = "tpavi"}', "contrastive.weight=0"), once=True
    ),
    TRANSFORMER,
    PLAIN,
    LISTENER,
    SCORED,
)


@dataclass(frozen=True)
class Study:
    """Where the study lies and how it is run: `split` is that of VPO which all `variants` learn."""

    data: Path
    runs: Path
    seeds: tuple[int, ...]
    jobs: int
    overrides: tuple[str, ...]
    device: str
    split: Literal["ss", "msmi"] = "ss"
    variants: tuple[Variant, ...] = VARIANTS

    @property
    def dataset(self) -> Path:
        """The folder of its dataset."""
        return self.data / "VPO" / f"VPO-{self.split.upper()}"


@dataclass(frozen=True)
class Job:
    """One variant trained with one seed, in its folder."""

    variant: Variant
    seed: int
    folder: Path


@dataclass(frozen=True)
class Cost:
    """What a job took: processor seconds of its commands."""

    processor_seconds: float


@dataclass(frozen=True)
class Outcome:
    """A finished job with its scores on test and its cost."""

    job: Job
    result: Result
    cost: Cost


def build(study: Study, images: int, clips_per_class: int) -> None:
    """Build the study's dataset from the synthetic corpus unless it is there."""
    synthetic = [f"synthetic.images={images}", f"synthetic.clips_per_class={clips_per_class}"]
    build_from(study, _settings(synthetic))


def build_from(study: Study, words: Sequence[str]) -> None:
    """Build the study's dataset unless it is there; `words` tell vpo-build of what."""
    if (study.dataset / "manifest.meta.json").exists():
        return
    command = [_program("vpo-build"), "--split", study.split, "--out", str(study.data)]
    ended = subprocess.run([*command, *words], check=False).returncode
    if ended:
        raise InputError(f"vpo-build ended with {ended}, its own line says why")


def jobs_of(study: Study) -> list[Job]:
    """Return every job, seed by seed, so that a study that is stopped early has whole rounds."""
    return [
        Job(variant, seed, study.runs / f"{variant.name}-{seed}")
        for seed in study.seeds
        for variant in study.variants
        if seed == study.seeds[0] or not variant.once
    ]


def outcomes(study: Study) -> list[Outcome]:
    """Run what is not finished, several jobs at a time, and return everything in order."""
    jobs = jobs_of(study)
    lock = threading.Lock()

    def work(job: Job) -> Outcome:
        outcome = _outcome(job, study)
        with lock:
            minutes = outcome.cost.processor_seconds / 60
            print(f"{job.folder.name}: done, {minutes:.1f} processor minutes", flush=True)
        return outcome

    with ThreadPoolExecutor(study.jobs) as pool:
        finished = list(pool.map(work, jobs))
    order = {variant.name: place for place, variant in enumerate(study.variants)}
    return sorted(finished, key=lambda one: (order[one.job.variant.name], one.job.seed))


def _outcome(job: Job, study: Study) -> Outcome:
    """Train and score one job, or return what it has left."""
    cost = job.folder / COST
    if not cost.exists():
        write_atomically(cost, msgspec.json.encode(_run(job, study)))
    (result,) = read_results(job.folder)
    return Outcome(job, result, msgspec.json.decode(cost.read_bytes(), type=Cost))


def _run(job: Job, study: Study) -> Cost:
    chosen = [*job.variant.overrides, *study.overrides, f"train.seed={job.seed}"]
    place = ["--data", str(study.dataset), "--device", study.device]
    resume = ["--resume"] if (job.folder / "last.pt").exists() else []
    train = ["train", "--preset", job.variant.preset, "--out", str(job.folder), *resume]
    train += _settings(chosen)
    evaluate = ["eval", "--run", str(job.folder), "--subset", "test"]
    evaluate += ["--probe", ",".join(job.variant.probes)] if job.variant.probes else []
    log = job.folder.with_suffix(".log")
    commands = ([*command, *place] for command in (train, evaluate))
    return Cost(sum(logged(command, log, study.jobs) for command in commands))


def logged(arguments: list[str], log: Path, jobs: int) -> float:
    """Run an avs-bench command, one of `jobs` at a time, its words into `log`.

    Returns its processor seconds; raises InputError if it ends with an error.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | ({"OMP_NUM_THREADS": "1"} if jobs > 1 else {})
    command = [_program("avs-bench"), *arguments]
    with log.open("a") as file:
        file.write(f"$ {shlex.join(command)}\n")
        file.flush()
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise InputError(f"{log}: the last command in it ended with {process.returncode}: read it")
    return usage.ru_utime + usage.ru_stime


def _settings(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def _program(name: str) -> str:
    """Return the program that belongs to this interpreter."""
    return str(Path(sys.executable).with_name(name))
