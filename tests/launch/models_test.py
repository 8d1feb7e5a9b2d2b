"""What commands say of the models in a folder."""

import pytest

from dis_jax import training
from launch import models


@pytest.mark.parametrize("stopped", [{}, {1: 4}])
def test_members_that_diverged_say_so(stopped, tiny_config, monkeypatch):
    config = tiny_config("beta_vae", **{"population.beta": (1.0, 8.0)})
    monkeypatch.setattr(training, "restore", lambda _, best: (None, None, config))
    monkeypatch.setattr(training, "diverged", lambda state: stopped)
    found = models.what_members_are("run")
    assert [member["beta"] for member in found] == [1.0, 8.0]
    words = [member.get("diverged") for member in found]
    assert words == (["no", "after step 4"] if stopped else [None, None])
