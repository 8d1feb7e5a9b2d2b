"""Every notebook runs from its first cell to its last, on whatever device there is."""

import os
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))
# what each must print, and how many pictures it must draw
SHOWS = {
    "quickstart": (("FactorVAE score", "total correlation 0.51"), 2),
    "losses": (
        (
            "exact: 2.00 nats\nInfoNCE: 1.",
            "variances of the groups: [0.16 0.16]",  # 1 / (1 + 1/.3 + 1/.5), 1 / (5 + 1/.8)
            "shared: [ True  True False  True]",
            "[ 0.05  1.05 -0.5   0.3 ]",
            "frequencies: [0.5  0.25 0.15 0.1 ]",
        ),
        3,
    ),
}


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
    phrases, num_pictures = SHOWS[path.stem]
    for phrase in phrases:
        assert phrase in printed
    pictures = [o for c in cells for o in c.outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == num_pictures


def test_there_are_notebooks_and_they_hold_no_output():
    import nbformat

    assert NOTEBOOKS
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs"), f"{path.name}: clear the outputs"


def test_the_notebook_names_no_folder_of_a_machine():
    for path in NOTEBOOKS:
        assert os.fspath(pathlib.Path.home()) not in path.read_text()
