"""The manifests in `manifests/` are what the commands in its README build, byte for byte.

`make test` builds VPO-SS and VPO-MS, which shares its corpus; `make prove-manifests` all four.
"""

from pathlib import Path

import pytest

from tests.builder.building import run_build
from vpo_builder.dataset.manifest import MANIFEST, read_manifest

PUBLISHED = Path(__file__).parents[3] / "manifests"
FOLDERS = {
    "ss": ("synthetic-vpo-ss", "VPO/VPO-SS"),
    "ms": ("synthetic-vpo-ms", "VPO/VPO-MS"),
    "msmi": ("synthetic-vpo-msmi", "VPO/VPO-MSMI"),
    "avsbench-single-plus": ("synthetic-avsbench-single-plus", "avsbench_data_single_plus"),
}
QUICK = ("ss", "ms")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an output folder that the splits share, so that the corpus is drawn once."""
    return tmp_path_factory.mktemp("data")


@pytest.mark.parametrize(
    "split", [pytest.param(s, marks=[pytest.mark.proof] * (s not in QUICK)) for s in FOLDERS]
)
def test_a_published_manifest_is_built_again_to_the_same_bytes(out: Path, split: str) -> None:
    published, built = FOLDERS[split]
    manifest = PUBLISHED / published / MANIFEST
    result = run_build("--from-manifest", manifest, "--out", out, "--workers", 2)
    assert result.exit_code == 0, result.output
    assert (out / built / MANIFEST).read_bytes() == manifest.read_bytes()


@pytest.mark.parametrize("split", FOLDERS)
def test_the_readme_counts_the_samples(split: str) -> None:
    published, _ = FOLDERS[split]
    manifest = read_manifest(PUBLISHED / published)
    row = f"| `{published}` | `vpo-build --split {split} --out data/` | {len(manifest.samples)} |"
    assert row in (PUBLISHED / "README.md").read_text()
    assert manifest.meta.synthetic
