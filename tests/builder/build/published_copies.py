"""Makes of a dataset of ours what others would publish of it: their list, and no manifest."""

import hashlib
import shutil
from pathlib import Path

from click.testing import CliRunner, Result

from vpo_builder.commands.vpo_data import data_command
from vpo_builder.dataset.manifest import META

OURS = (
    *("manifest.jsonl", META, "SHA256SUMS", "README.md", "ATTRIBUTION.csv", "croissant.json"),
    *("rejections.jsonl", "persons.jsonl", "instances.jsonl", "croissant-samples.json"),
)


def authors_archive(out: Path, target: Path) -> Path:
    """Copy an output folder without the files that only this program writes."""
    shutil.copytree(out / "VPO", target / "VPO", ignore=shutil.ignore_patterns(*OURS, "mix"))
    shutil.copytree(out / "vggsound_bench", target / "vggsound_bench")
    for name in ("audios.json", ".audios.jsonl"):
        (target / "vggsound_bench" / "VGGSound" / name).unlink(missing_ok=True)
    return target


def hashes(folder: Path) -> dict[str, str]:
    """Return the sha256 of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run_data(*arguments: object) -> Result:
    """Run `vpo-data` in this process."""
    return CliRunner().invoke(data_command, [str(argument) for argument in arguments])
