"""The notebook of docs/, run in a kernel as its reader does, on less data and for less long."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs" / "quickstart.ipynb"
TINY = """
IMAGES = 60
SETTINGS = {"train.epochs": 1, "train.batch_size": 8, "image.long_side": 48, "image.crop": 32}
SETTINGS |= {"loader.workers": 0}
"""


@pytest.mark.proof
def test_the_notebook_builds_looks_trains_scores_and_listens(tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(NOTEBOOK.parents[1]))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    (chosen,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", ()))
    chosen.source += TINY
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    outputs = [o for c in notebook.cells if c.cell_type == "code" for o in c.outputs]
    said = "".join(o.text for o in outputs if o.output_type == "stream")
    for words in ("finished; best.pt is epoch", "miou_dataset", "silence - ", "in silence"):
        assert words in said
    shown = [o.data for o in outputs if "data" in o]
    drawn = [base64.b64decode(d["image/png"]) for d in shown if "image/png" in d]
    pictures = [Image.open(io.BytesIO(one)) for one in drawn]
    assert len(pictures) == 4
    assert pictures[0].size == pictures[1].size == pictures[3].size
    assert sum("<audio" in d.get("text/html", "") for d in shown) == 1
