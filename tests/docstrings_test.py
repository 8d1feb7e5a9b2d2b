"""Everything public is documented in full, and every example runs."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import inspect
import pathlib
import pkgutil
import re
import textwrap

import jax
import jax.numpy as jnp
import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SECTIONS = ("Args", "Returns", "Yields", "Raises", "Example", "Attributes")
WITH_EXAMPLE = ("losses", "evaluation", "studies")
WITH_EQUATION = ("losses",)


def load_make_equations():
    path = ROOT / "docs" / "make_equations.py"
    spec = importlib.util.spec_from_file_location("make_equations", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_equations = load_make_equations()
PUBLIC = [
    pytest.param(subpackage, value, id=f"{subpackage}.{name}")
    for subpackage in make_equations.SUBPACKAGES
    for name, value in make_equations.public(subpackage).items()
]
MODULES = [
    module.name
    for module in pkgutil.walk_packages([str(ROOT / "dis_jax")], "dis_jax.")
    if not module.ispkg
]


def sections_of(doc: str) -> dict[str, str]:
    parts = re.split(rf"^({'|'.join(SECTIONS)}):\n", doc, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def raises(function) -> bool:
    """Whether a function's own body raises, or checks shapes, which raises."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(
        isinstance(node, ast.Raise)
        or (isinstance(node, ast.Name) and node.id == "check_shapes")
        for node in ast.walk(tree)
    )


def faults_of(subpackage: str, value) -> list[str]:
    """The faults of the docstring of a public function or class."""
    doc = inspect.getdoc(value) if value.__doc__ else None
    if not doc:
        return ["has no docstring"]
    faults = []
    summary = doc.split("\n\n")[0]
    if "\n" in summary or not summary.endswith((".", "?")):
        faults.append(f"does not begin with one sentence on one line: {summary!r}")
    if inspect.isclass(value):
        return faults
    sections = sections_of(doc)
    signature = inspect.signature(value)
    for name in signature.parameters:
        if not re.search(rf"^  \**{name}:", sections.get("Args", ""), re.MULTILINE):
            faults.append(f"does not describe the argument `{name}` under Args")
    gives = "Yields" if inspect.isgeneratorfunction(value) else "Returns"
    if signature.return_annotation not in (None, "None") and gives not in sections:
        faults.append(f"has no {gives}")
    if raises(value) and "Raises" not in sections:
        faults.append("raises, and has no Raises")
    if subpackage in WITH_EXAMPLE and ">>> " not in sections.get("Example", ""):
        faults.append("has no runnable Example")
    if subpackage in WITH_EQUATION and "\nEq.: " not in doc:
        faults.append("has no line `Eq.: <paper>, <number>`")
    return faults


@pytest.mark.parametrize(("subpackage", "value"), PUBLIC)
def test_public_docstring_is_complete(subpackage, value):
    assert not faults_of(subpackage, value)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    if ">>> import torch" in inspect.getsource(module):
        pytest.importorskip("torch")
    # An example may use these names, and those of the module, without importing them.
    known = {"jax": jax, "jnp": jnp, "np": np}
    for subpackage in ("losses", "data"):
        known[subpackage] = importlib.import_module(f"dis_jax.{subpackage}")
    result = doctest.testmod(module, extraglobs=known)
    assert result.failed == 0


def test_the_check_sees_what_is_missing():
    def incomplete(mean, *, scale) -> float:
        """A mean.

        Args:
          mean: (batch,).
        """
        if scale < 0:
            raise ValueError("negative")
        return mean * scale

    assert faults_of("losses", incomplete) == [
        "does not describe the argument `scale` under Args",
        "has no Returns",
        "raises, and has no Raises",
        "has no runnable Example",
        "has no line `Eq.: <paper>, <number>`",
    ]


def test_equations_page_is_current(capsys):
    assert make_equations.main(["--check"]) == 0, capsys.readouterr().err


def test_equations_are_sorted_as_a_reader_counts():
    keys = ["Chen et al. 2018, (10)", "Chen et al. 2018, (3)", "van Den 2010, (1)"]
    ordered = sorted(keys, key=make_equations.in_order)
    assert ordered == [keys[1], keys[0], keys[2]]
