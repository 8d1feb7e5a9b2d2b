"""Every notebook runs from its first to its last cell, on any device."""

import importlib.util
import os
import pathlib
import sys
from unittest import mock

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "colab").glob("*.ipynb"))
# instead of the thousands that the notebooks set
FEW = {"STEPS": 2, "UPDATES": 200, "VOTES": 10, "IMAGES": 200, "RESAMPLES": 5}
# the text that each must print, and its number of figures
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
    "own_loss": (("sparsity 2.0: ", "('step', 'codes')"), 0),
    # cos 30 degrees for two factors and 1 for the angle: .911 on average
    "score_pytorch": (("mcc         score    0.91", "mcc_linear  score    1.0000"), 1),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the Jupyter packages
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path, monkeypatch, one_device):
    import nbclient
    import nbformat

    if path.stem == "score_pytorch":
        pytest.importorskip("torch")
    for what, few in FEW.items():
        monkeypatch.setenv(f"DIS_JAX_NOTEBOOK_{what}", str(few))
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


@pytest.mark.parametrize(
    ("installed", "there", "expected"),
    [
        (True, {}, []),
        (False, {}, ["dis_jax[train]"]),
        (False, {"nvidia-smi": "/usr/bin/nvidia-smi"}, ["dis_jax[train,cuda13]"]),
        (False, {"TPU_ACCELERATOR_TYPE": "v5e"}, ["dis_jax[train,tpu]"]),
        (False, {"DIS_JAX_RELEASE": "a.whl"}, ["a.whl[train]"]),
    ],
)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_first_cell_installs_what_is_not_installed(
    path, installed, there, expected, monkeypatch, tmp_path
):
    import nbformat
    from IPython.core.inputtransformer2 import TransformerManager

    shell = mock.Mock()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: installed or None)
    monkeypatch.setattr("shutil.which", there.get)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # outside of any clone
    cells = nbformat.read(path, as_version=4).cells
    first = next(cell.source for cell in cells if cell.cell_type == "code")
    code = TransformerManager().transform_cell(first)
    names = {"get_ipython": lambda: shell}
    exec(code, names)
    line = 'install --quiet "{release}[train{device}]"'
    called = [mock.call("pip", line)] if expected else []
    assert shell.run_line_magic.call_args_list == called
    found = [f"{names['release']}[train{names['device']}]"] if expected else []
    assert found == expected


def test_outputs_are_stored_and_none_is_an_error():
    import nbformat

    assert {path.stem for path in NOTEBOOKS} == SHOWS.keys()
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        outputs = [o for cell in cells for o in cell.get("outputs", ())]
        assert len(outputs) > 3, f"{path.name}: run it and store its outputs"
        assert not [o for o in outputs if o.output_type == "error"], path.name
        bars = [o for o in outputs if o.get("name") == "stderr"]  # thousands of lines
        assert not bars, path.name
        printed = "".join(o.get("text", "") for o in outputs)
        for phrase in SHOWS[path.stem][0]:
            assert phrase in printed, f"{path.name} has changed since it was run"


def test_the_notebook_names_no_folder_of_a_machine():
    for path in NOTEBOOKS:
        for folder in (pathlib.Path.home(), ROOT, "/tmp"):
            assert os.fspath(folder) not in path.read_text()
