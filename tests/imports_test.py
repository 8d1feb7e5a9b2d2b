"""Subpackages import each other in one direction only, and load no heavy packages."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
# What each subpackage may import of dis_jax, besides itself.
MAY_IMPORT = {"data": (), "networks": (), "losses": ()}
MAY_IMPORT["methods"] = ("data", "networks", "losses")
MAY_IMPORT["training"] = (*MAY_IMPORT["methods"], "methods")
MAY_IMPORT["probing"] = (*MAY_IMPORT["training"], "training")
MAY_IMPORT["metrics"] = (*MAY_IMPORT["probing"], "probing")
MAY_IMPORT["evaluation"] = (*MAY_IMPORT["metrics"], "metrics")
MAY_IMPORT["studies"] = (*MAY_IMPORT["evaluation"], "evaluation")
MAY_IMPORT["figures"] = (*MAY_IMPORT["studies"], "studies")
# `evaluation.run_study` and similar names are looked up in `studies` when used.
KEPT_NAMES = "evaluation may not import dis_jax.studies"
HEAVY = (
    "tensorflow",
    "tensorflow_datasets",
    "ml_collections",
    "grain",
    "h5py",
    "matplotlib",
    "sklearn",
    "lightgbm",
    "PIL",
    "torch",
)


def imports_of(path: pathlib.Path, package: str) -> list[tuple[int, str]]:
    """Line and full name of everything that a file imports, wherever in it."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                parents = package.split(".")
                source = ".".join(
                    [*parents[: len(parents) - node.level + 1], source]
                ).rstrip(".")
            found += [(node.lineno, f"{source}.{alias.name}") for alias in node.names]
    return found


def arrows_back(subpackage: str, path: pathlib.Path, package: str) -> list[str]:
    """Imports of a file in `subpackage` that the order of the subpackages forbids."""
    allowed = (subpackage, *MAY_IMPORT[subpackage])
    faults = []
    for line, name in imports_of(path, package):
        top, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        outside = top in ("launch", "configs", "benchmarks", "tests", "docs")
        back = top == "dis_jax" and target in MAY_IMPORT and target not in allowed
        if outside or back:
            faults.append(f"{path.name}:{line}: {subpackage} may not import {name}")
    return faults


@pytest.mark.parametrize("subpackage", MAY_IMPORT)
def test_no_arrow_points_back(subpackage):
    folder = ROOT / "dis_jax" / subpackage
    files = sorted(folder.rglob("*.py"))
    assert files
    faults = []
    for path in files:
        package = ".".join(path.parent.relative_to(ROOT).parts)
        faults += arrows_back(subpackage, path, package)
    if subpackage == "evaluation":
        kept = [fault for fault in faults if fault.endswith(KEPT_NAMES)]
        assert [fault.partition(":")[0] for fault in kept] == ["__init__.py"]
        faults.remove(*kept)
    assert not faults


def test_names_of_studies_are_still_found_in_evaluation():
    from dis_jax import evaluation, studies

    for name in studies.__all__:
        assert getattr(evaluation, name) is getattr(studies, name)
    with pytest.raises(AttributeError, match="no attribute 'none'"):
        _ = evaluation.none


def test_top_level_modules_import_no_subpackage():
    last = (
        "__main__",
        "command_line",
    )  # after all subpackages: they list their contents
    for path in (ROOT / "dis_jax").glob("*.py"):
        if path.stem in last:
            continue
        for _, name in imports_of(path, "dis_jax"):
            assert name.removeprefix("dis_jax.").partition(".")[0] not in MAY_IMPORT


def test_every_subpackage_has_its_place_in_the_order():
    folders = [path.parent.name for path in (ROOT / "dis_jax").glob("*/__init__.py")]
    assert sorted(folders) == sorted(MAY_IMPORT)


def test_the_check_sees_every_form_of_import(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "import dis_jax.training\n"
        "from dis_jax import data, methods\n"
        "from dis_jax.figures.curves import draw\n"
        "from ..evaluation import mig\n"
        "from . import gaussian\n"
        "def later():\n"
        "    from launch import train\n"
    )
    faults = arrows_back("losses", path, "dis_jax.losses")
    assert [fault.rpartition(" ")[2] for fault in faults] == [
        "dis_jax.training",
        "dis_jax.data",
        "dis_jax.methods",
        "dis_jax.figures.curves.draw",
        "dis_jax.evaluation.mig",
        "launch.train",
    ]


def loaded_by(statement: str, names: tuple[str, ...]) -> str:
    """Which of `names` a fresh process has loaded after a statement."""
    code = f"import sys\n{statement}\nprint(*sorted({{*{names!r}}} & {{*sys.modules}}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_package_loads_nothing():
    assert not loaded_by("import dis_jax", ("jax", "numpy", *HEAVY))


def test_scoring_loads_no_training_stack():
    stack = ("flax", "optax", "orbax", "scipy.optimize", "dis_jax.training")
    assert not loaded_by("from dis_jax import evaluation, losses", stack)


def test_importing_every_subpackage_is_light():
    subpackages = ", ".join(f"dis_jax.{subpackage}" for subpackage in MAY_IMPORT)
    assert not loaded_by(f"import {subpackages}", HEAVY)
