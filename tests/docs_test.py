"""The longer examples on the pages of docs/ do what the pages say."""

import pathlib
import re

import pytest

from dis_jax import methods

DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"


def example(page, holding):
    """The one fenced Python block on a page that contains the text `holding`."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    (found,) = (block for block in blocks if holding in block)
    return found


def test_a_convolutional_model_of_pytorch_is_scored():
    pytest.importorskip("torch")
    names, code = {}, example("metrics.md", "import torch")
    asked = '["mig", "irs"]'
    assert asked in code
    fewer = f"{asked}, num_train=200, num_test=100"  # not 15,000 images: seconds
    exec(code.replace(asked, fewer), names)
    assert set(names["result"]["metrics"]) == {"mig", "irs"}


def test_the_method_that_is_all_of_ones_own_keeps_the_contract():
    names = {"__name__": "linear"}  # a module name that can be looked up
    exec(example("own_method.md", "def linear_autoencoder"), names)
    checked = example("own_method.md", "methods.check(")
    call = "methods.check(linear_autoencoder, config)"
    assert call in checked
    exec(checked.replace(call, "assert config.method"), names)
    parts = ("step", "codes")
    make, config = names["linear_autoencoder"], names["config"]
    assert methods.check(make, config, parts=parts) == parts
