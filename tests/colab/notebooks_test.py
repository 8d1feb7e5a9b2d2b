"""Every notebook runs from its first cell to its last, on whatever device there is."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path, monkeypatch):
    import nbclient
    import nbformat

    monkeypatch.setenv("DIS_JAX_NOTEBOOK_STEPS", "60")
    monkeypatch.setenv("DIS_JAX_NOTEBOOK_VOTES", "40")
    monkeypatch.setenv("XLA_FLAGS", "")
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(ROOT)}}
    )
    client.execute()
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    printed = "".join(o.get("text", "") for c in cells for o in c.outputs)
    assert "FactorVAE score" in printed
    assert "total correlation 0.51" in printed
    pictures = [o for c in cells for o in c.outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 2


def test_there_are_notebooks_and_they_hold_no_output():
    import nbformat

    assert NOTEBOOKS
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs"), f"{path.name}: clear the outputs"


def test_the_notebook_names_no_folder_of_a_machine():
    for path in NOTEBOOKS:
        assert os.fspath(pathlib.Path.home()) not in path.read_text()
