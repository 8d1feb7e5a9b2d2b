"""Every notebook runs from its first cell to its last, on whatever device there is."""

import importlib.metadata
import os
import pathlib
import sys
from unittest import mock

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
def test_the_notebook_runs(path, monkeypatch, one_device):
    import nbclient
    import nbformat

    monkeypatch.setenv("DIS_JAX_NOTEBOOK_STEPS", "10")
    monkeypatch.setenv("DIS_JAX_NOTEBOOK_VOTES", "10")
    monkeypatch.setenv("XLA_FLAGS", one_device)
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


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.parametrize("installed", [True, False])
def test_the_first_cell_installs_what_is_not_installed(path, installed, monkeypatch):
    """The package itself can be imported from any clone; what it needs cannot."""
    import nbformat
    from IPython.core.inputtransformer2 import TransformerManager

    distribution = importlib.metadata.distribution

    def found(name):
        if name != "dis_jax":
            return distribution(name)
        if not installed:
            raise importlib.metadata.PackageNotFoundError(name)
        return mock.Mock()

    shell = mock.Mock()
    monkeypatch.setattr(importlib.metadata, "distribution", found)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(ROOT)
    cells = nbformat.read(path, as_version=4).cells
    first = next(cell.source for cell in cells if cell.cell_type == "code")
    code = TransformerManager().transform_cell(first)
    exec(code, {"get_ipython": lambda: shell})
    expected = [] if installed else [mock.call("pip", "install --quiet -e .[train]")]
    assert shell.run_line_magic.call_args_list == expected


def test_there_are_notebooks_and_they_hold_no_output():
    import nbformat

    assert NOTEBOOKS
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            assert not cell.get("outputs"), f"{path.name}: clear the outputs"


def test_the_notebook_names_no_folder_of_a_machine():
    for path in NOTEBOOKS:
        assert os.fspath(pathlib.Path.home()) not in path.read_text()
