"""The faults of mutations.toml can be applied to the current code."""

import pathlib
import tomllib

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
FAULTS = tomllib.loads((ROOT / "tests" / "mutations.toml").read_text("utf-8"))


@pytest.mark.parametrize("fault", FAULTS["mutation"], ids=lambda fault: fault["old"])
def test_what_a_fault_replaces_occurs_once(fault):
    assert (ROOT / fault["file"]).read_text("utf-8").count(fault["old"]) == 1
    assert all((ROOT / test.split("::")[0]).exists() for test in fault["tests"][:1])
