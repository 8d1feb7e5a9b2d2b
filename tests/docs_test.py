"""The longer examples on the pages of docs/ do what the pages say."""

import pathlib
import re

import pytest

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"


def example(page, holding):
    """The one fenced block of Python on a page that holds some words."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    (found,) = (block for block in blocks if holding in block)
    return found


def test_a_convolutional_model_of_pytorch_is_scored():
    pytest.importorskip("torch")
    names, code = {}, example("metrics.md", "import torch")
    asked = '["mig", "sap"]'
    assert asked in code
    fewer = f"{asked}, num_train=200, num_test=100"  # than 15,000 images: seconds
    exec(code.replace(asked, fewer), names)
    assert set(names["result"]["metrics"]) == {"mig", "sap"}
