"""Builds that fetch, run in this process or in a forked child that a test may kill."""

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from tests.builder.fetching.loopback import Loopback
from tests.builder.small_corpus import LEFT, RIGHT, SmallCorpus, tone
from vpo_builder.build.build import build
from vpo_builder.build.request import BuildReport, BuildRequest, Sources, Work
from vpo_builder.config import load_config
from vpo_builder.fetching.downloads import downloading
from vpo_builder.fetching.fetch_request import FetchOptions
from vpo_builder.fetching.mirror import ClipUrl
from vpo_builder.fetching.settings import load_fetch_settings


def fetch_options(server: Loopback, retry: str = "", **settings: object) -> FetchOptions:
    """Return the options that fetch everything from a server."""
    given = server.settings() | settings
    overrides = [f"{key}={value}" for key, value in given.items()]
    return FetchOptions(load_fetch_settings(overrides), ClipUrl(server.clip_url), retry=retry)


def build_by_fetching(out: Path, options: FetchOptions, workers: int = 1) -> BuildReport:
    """Build VPO-SS from what the options fetch."""
    request = BuildRequest("ss", out, Sources(), load_config("default"), work=Work(workers))
    with downloading(request, options) as completed:
        return build(completed)


def in_child(work: Callable[[], object]) -> int:
    """Run `work` in a forked child and return the child's exit code, negative for a signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def hamlet(folder: Path, start: int = 0) -> SmallCorpus:
    """A corpus of six images and twelve clips, which begin at a second of their videos."""
    corpus = SmallCorpus(folder)
    for number in range(1, 7):
        part = "train2017" if number < 5 else "val2017"
        corpus.image(number, ("dog", LEFT), ("cat", RIGHT), part=part)
    for number in range(6):
        for kind, label in (("dog", "dog barking"), ("cat", "cat meowing")):
            split = ("train", "test")[number % 2]
            path = corpus.clip(f"{kind}-clip-{number:02d}", label, split, start)
            path.parent.mkdir(parents=True, exist_ok=True)
            sound = tone(1.2, 200.0 + 10 * number + 100 * (kind == "dog"))
            soundfile.write(path, sound, 16_000)
    corpus.write()
    return corpus


def silence(path: Path) -> None:
    """Make a recording silent."""
    soundfile.write(path, np.zeros(19_200, np.float32), 16_000)
