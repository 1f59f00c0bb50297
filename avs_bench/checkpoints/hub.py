"""Weights on a model hub, by addresses such as hf:org/name@v1/model.safetensors. Needs no torch.

Everything that talks to the hub is huggingface_hub's: its cache, HF_HUB_OFFLINE, HF_ENDPOINT and
HF_TOKEN hold here as anywhere. Only safetensors are fetched: no file of a stranger's runs code.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from logging import ERROR
from pathlib import Path, PurePosixPath

from avs_bench.runtime.optional_packages import require
from vpo_builder.runtime.errors import InputError
from vpo_builder.runtime.outside_text import one_line

SCHEME = "hf:"
FORM = "hf:ORG/NAME[@REVISION]/FILE.safetensors"
SUFFIX = ".safetensors"
SHOWN = 200
_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
"""Of an organisation, a repository, a tag, branch or commit, a folder or a file."""
_ADDRESS = re.compile(
    rf"hf:(?P<repository>{_NAME}/{_NAME})(?:@(?P<revision>{_NAME}))?/(?P<file>{_NAME}(?:/{_NAME})*)",
    re.ASCII,
)
_COMMIT = re.compile("[0-9a-f]{40}", re.ASCII)


@dataclass(frozen=True)
class HubAddress:
    """A file of a repository of models at a revision (None: the newest of its main branch)."""

    repository: str
    revision: str | None
    file: str

    def __str__(self) -> str:
        at = "" if self.revision is None else f"@{self.revision}"
        return f"{SCHEME}{self.repository}{at}/{self.file}"

    @property
    def home(self) -> Path:
        """A folder here for what is made with the file: ORG--NAME, as the hub's own cache says."""
        return Path(self.repository.replace("/", "--"))

    def beside(self, name: str) -> "HubAddress":
        """Return the address of a file in the same folder."""
        return replace(self, file=PurePosixPath(self.file).with_name(name).as_posix())


def is_address(path: Path) -> bool:
    """Tell whether what was given as a path means a hub."""
    return str(path).startswith(SCHEME)


def parse_address(text: str) -> HubAddress:
    """Return what an address means; raise InputError for anything but a plain name of a file."""
    found = _ADDRESS.fullmatch(text)
    if found is None or ".." in text or "--" in found["repository"]:
        raise InputError(f"{one_line(text[:SHOWN])}: no address of weights: expected {FORM}")
    if not found["file"].endswith(SUFFIX):
        raise InputError(
            f"{text[:SHOWN]}: only {SUFFIX} is taken from a hub, since other files can run code: "
            "give such a file of the repository"
        )
    return HubAddress(found["repository"], found["revision"], found["file"])


def local_file(path: Path, *beside: str) -> Path:
    """Return where a file lies here: a path as it is, what an address means in the hub's cache.

    What the cache lacks is fetched, with the files named `beside` it, from the same commit. Raises
    InputError where that cannot be.
    """
    if not is_address(path):
        return path
    address = parse_address(str(path))
    require(("huggingface_hub",), f"{SCHEME} addresses", "pip install .[hub]")
    fetched = _fetched(address)
    commit = fetched.parents[len(PurePosixPath(address.file).parts) - 1].name
    same = replace(address, revision=commit) if _COMMIT.fullmatch(commit) else address
    for name in beside:
        _fetched(same.beside(name))
    return fetched


def _fetched(address: HubAddress) -> Path:
    from huggingface_hub import hf_hub_download

    with _told(address), _without_its_own_lines():
        _refuse_unreachable(address)
        return Path(hf_hub_download(address.repository, address.file, revision=address.revision))


def _refuse_unreachable(address: HubAddress) -> None:
    """Raise at once what the library raises after half a minute of tries in silence.

    What the cache holds is not asked for.
    """
    import huggingface_hub as hub
    from huggingface_hub import constants, errors

    where, revision = (address.repository, address.file), address.revision
    cached = hub.try_to_load_from_cache(*where, revision=revision)
    if constants.HF_HUB_OFFLINE or isinstance(cached, str):
        return
    url = hub.hf_hub_url(*where, revision=revision)
    try:
        hub.get_hf_file_metadata(url, timeout=constants.HF_HUB_ETAG_TIMEOUT)
    except errors.HfHubHTTPError as error:
        if type(error) is not errors.HfHubHTTPError:  # it answers that there is no such thing
            raise
        raise errors.LocalEntryNotFoundError("the hub fails") from error
    except _of_the_connection() as error:
        raise errors.LocalEntryNotFoundError("the hub does not answer") from error


def _of_the_connection() -> type[BaseException]:
    """Return what the library's own HTTP library raises, whichever it is."""
    from huggingface_hub.errors import HfHubHTTPError

    return HfHubHTTPError.__bases__[0]


@contextmanager
def _without_its_own_lines() -> Iterator[None]:
    """Keep the library from telling of each try, and from drawing a bar where nobody looks."""
    from huggingface_hub.utils import logging
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    verbosity = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)


@contextmanager
def _told(address: HubAddress) -> Iterator[None]:
    """Let what the hub's library raises be one line that says what to do."""
    from huggingface_hub import constants, errors

    revision = address.revision or "main"
    try:
        yield
    except errors.GatedRepoError:
        raise InputError(
            f"{address}: its owner asks who you are: accept the terms on the hub, and set HF_TOKEN"
        ) from None
    except errors.RepositoryNotFoundError:
        raise InputError(
            f"{address}: no such repository of models, or a private one: check the name, or set "
            "HF_TOKEN"
        ) from None
    except errors.RevisionNotFoundError:
        raise InputError(
            f"{address}: no revision {revision} in it: give a tag, a branch or a whole commit"
        ) from None
    except errors.LocalEntryNotFoundError as error:
        if constants.HF_HUB_OFFLINE:
            why = "HF_HUB_OFFLINE is set: fetch it once with a network"
        elif isinstance(error.__cause__, errors.HfHubHTTPError):
            status = error.__cause__.response.status_code
            why = f"{constants.ENDPOINT} fails with status {status}: try again later"
        else:
            why = f"{constants.ENDPOINT} does not answer: check the network"
        raise InputError(f"{address}: not in the hub's cache, and {why}") from None
    except errors.EntryNotFoundError:
        raise InputError(
            f"{address}: no such file at revision {revision}: see the repository's list of files"
        ) from None
    except errors.HFValidationError as error:
        raise InputError(f"{address}: {error}: expected {FORM}") from None
    except _of_the_connection() as error:  # and answers such as 500
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"{address}: the hub failed: {reason[:SHOWN]}: try again later") from None
