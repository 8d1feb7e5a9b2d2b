"""A bar appears in a terminal and in a notebook, and nowhere else."""

import sys
import types

import pytest

from dis_jax.progress import progress_bar


class Screen:
    """What a terminal, a notebook or a file receives."""

    def __init__(self, terminal):
        self.text, self.isatty = "", lambda: terminal

    def write(self, text):
        self.text += text

    def flush(self):
        pass


@pytest.mark.parametrize(
    ("terminal", "kernel", "drawn"),
    [(True, False, True), (False, True, True), (False, False, False)],
)
def test_a_bar_is_drawn_where_someone_watches(terminal, kernel, drawn, monkeypatch):
    shell = types.SimpleNamespace(kernel=object()) if kernel else None
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # no ipywidgets
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    with progress_bar(total=3, unit="image") as bar:
        bar.update(3)
    assert ("3/3" in screen.text) is drawn
    assert list(progress_bar(range(3), unit="image")) == [0, 1, 2]
