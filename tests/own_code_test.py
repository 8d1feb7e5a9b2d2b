"""User code is found by its name, and only with permission."""

from __future__ import annotations

import sys

import ml_collections
import pytest

from dis_jax import own_code
from dis_jax.methods import vae


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder; permissions given in a test end with it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(own_code, "_PERMITTED", {})
    before = {*sys.modules}
    yield tmp_path
    for name in {*sys.modules} - before:
        del sys.modules[name]


def test_names_are_told_from_paths_and_splits():
    for name in ("my_module:my_set", "a.b:C.d"):
        assert own_code.is_own(name)
    for name in ("vae", "runs/a:b", "./a:b", "a:", ":b", "a:b:c", "a:b+noisy", 3, None):
        assert not own_code.is_own(name)


def test_nothing_is_imported_without_leave(here):
    (here / "evil.py").write_text("raise SystemExit('was run')")
    with pytest.raises(
        ValueError, match=r"nothing was imported.*--allow_code"
    ) as error:
        own_code.resolve("evil:method", "config.method")
    assert "allow_code=True" in str(error.value)
    assert "evil" not in sys.modules


def test_a_permitted_name_is_found_in_the_current_folder(here):
    (here / "found_here.py").write_text("class A:\n    b = 4\n")
    own_code.permit("found_here:A.b")
    assert own_code.resolve("found_here:A.b", "x") == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no module 'broken' in the current folder"),
        ("import no_such_package", r"No module named 'no_such_package'.*line 1\)"),
        ("x = 1\nx +", r"SyntaxError: invalid syntax \(.*broken.py, line 2\)"),
        (
            "x = 1\n1 / 0",
            r"ZeroDivisionError: division by zero \(.*broken.py, line 2\)",
        ),
        ("def methos(): pass", "has no 'method'; did you mean 'methos'"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(here, text, message):
    if text is not None:
        (here / "broken.py").write_text(text)
    own_code.permit("broken:method")
    with pytest.raises(ValueError, match=message) as error:
        own_code.resolve("broken:method", "config.method")
    assert str(error.value).startswith("config.method is 'broken:method'")
    assert "\n" not in str(error.value)


def test_functions_become_names_and_stay_themselves(here):
    assert own_code.name_of(vae) == "dis_jax.methods.vae:vae"
    scope = {}
    # a config file runs under another module name
    code = compile("def mine(): pass", str(here / "my_config.py"), "exec")
    exec(code, scope)
    scope["mine"].__module__ = "config_config"
    assert own_code.name_of(scope["mine"]) == "my_config:mine"
    assert own_code.resolve("my_config:mine", "x") is scope["mine"]
    with pytest.raises(ValueError, match="at the top of a file"):
        own_code.name_of(lambda: 0)


def test_a_config_keeps_names_alone(here):
    config = ml_collections.ConfigDict(
        {"method": vae, "network": {"name": "nets:pair"}, "dataset": "sets:own+noisy"}
    )
    config.lock()
    config = own_code.named(config)
    assert config.method == "dis_jax.methods.vae:vae"
    assert {*own_code._PERMITTED} == {config.method, "nets:pair", "sets:own"}
