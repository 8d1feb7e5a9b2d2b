"""A user's data set matches its attributes, or an error names the one that is wrong."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, own_code
from dis_jax.data.own_sets import own_set


def _spoilt(images=lambda x: x, factors=lambda x: x):
    """A set of six images, with images or factors that contradict its attributes."""
    good = data.from_arrays(
        (np.arange(6 * 64) % 256).astype(np.uint8).reshape(6, 8, 8, 1),
        (np.arange(6) % 3)[:, None],
        name="good",
        factor_names=("shade",),
    )

    def take(arrays, index):
        taken = good.take_fn(arrays, index)
        return images(taken[0]), factors(taken[1])

    return dataclasses.replace(good, take_fn=take)


@pytest.mark.parametrize(
    ("images", "factors", "message"),
    [
        (lambda x: 2 * x - 1, lambda f: f, r"between -1 and .*expected \[0, 1\]"),
        (lambda x: 255 * x, lambda f: f, "between 0 and 127"),
        (lambda x: x * jnp.nan, lambda f: f, "between nan and nan"),
        (lambda x: x.astype(jnp.int32), lambda f: f, "type int32; expected floats"),
        (
            lambda x: x[..., 0],
            lambda f: f,
            r"images of shape \(2, 8, 8\) at .*\[0, 5\]",
        ),
        (lambda x: x, lambda f: f[:, :0], r"factors of shape \(2, 0\).* \(2, 1\)\."),
        (lambda x: x / None, lambda f: f, r"take\(\[0, 5\]\): .*TypeError.*NoneType"),
    ],
)
def test_a_set_that_is_not_what_it_says_is_refused(
    images, factors, message, monkeypatch
):
    monkeypatch.setattr(own_code, "resolve", lambda *_: _spoilt(images, factors))
    with pytest.raises(ValueError, match=rf"^the data set 'my:set' .*{message}"):
        own_set("my:set", None, "all")


def test_a_good_set_is_taken_as_it_is(monkeypatch):
    good = _spoilt()
    monkeypatch.setattr(own_code, "resolve", lambda *_: good)
    assert own_set("my:set", None, "all") is good
