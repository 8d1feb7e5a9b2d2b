import importlib
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dis_jax.evaluation import beta_vae_score
from dis_jax.metrics.beta_vae_score import _draw_pairs

SIZES = (3, 4, 5)
GRID = types.SimpleNamespace(sizes=SIZES, images=lambda factors: 1.0 * factors)
FEW = {"num_train": 300, "num_eval": 200, "batch_size": 16}
ENCODERS = {
    "perfect": lambda v: v,
    "permuted": lambda v: v[:, ::-1] * jnp.array([-2.0, 0.5, 3.0]),
    "redundant": lambda v: jnp.concatenate([v, v], axis=1),
    "missing": lambda v: v[:, :2],
    "constant": lambda v: 0 * v + 0.7,
}


def score_of(encode, **settings):
    return beta_vae_score(encode, GRID, jax.random.key(0), **FEW | settings)


@pytest.mark.parametrize(
    ("kind", "least", "most"),
    [
        ("perfect", 1, 1),
        ("permuted", 1, 1),
        ("redundant", 1, 1),
        ("missing", 0.95, 1),  # the missing factor is recognised: it leaves no trace
        ("constant", 0.2, 0.45),  # a guess
    ],
)
def test_score_of_known_codes(kind, least, most):
    assert least <= score_of(ENCODERS[kind]).score <= most


def test_equals_the_definition():
    mix = np.random.default_rng(1).normal(size=(3, 3))
    encode = lambda v: np.tanh(np.asarray(v) @ mix / 3)
    found = score_of(encode)
    keys = jax.random.split(jax.random.key(0), 500)
    features, labels = [], []
    drawn = _draw_pairs(keys, FEW["batch_size"], SIZES, (0, 1, 2))
    for shared, (first, second) in zip(*map(np.asarray, drawn), strict=True):
        np.testing.assert_array_equal(first[:, shared], second[:, shared])
        features.append(np.abs(encode(first) - encode(second)).mean(axis=0))
        labels.append(shared)
    x, y = np.array(features, np.float32), np.array(labels)
    model = LogisticRegression().fit(x[:300], y[:300])
    assert found.score == pytest.approx(model.score(x[300:], y[300:]), abs=0.011)
    assert found.train_score == pytest.approx(model.score(x[:300], y[:300]), abs=0.011)


def test_a_single_factor_would_always_be_named():
    grid = types.SimpleNamespace(sizes=(4,), images=GRID.images)
    with pytest.raises(ValueError, match="with one, any code is perfect"):
        beta_vae_score(lambda v: v, grid, jax.random.key(0), **FEW)


@pytest.mark.parametrize("name", ["batch_size", "num_train", "num_eval"])
def test_counts_must_be_positive(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, found 0"):
        score_of(ENCODERS["perfect"], **{name: 0})


def test_examples_in_several_parts_are_the_same_examples(monkeypatch):
    mix = np.random.default_rng(1).normal(size=(3, 1))
    encode = lambda v: np.tanh(np.asarray(v) @ mix / 3)
    whole = score_of(encode)
    module = importlib.import_module("dis_jax.metrics.beta_vae_score")
    monkeypatch.setattr(module, "_ROWS", 33 * 32)  # 33 examples in a part
    assert score_of(encode) == whole
    assert whole.score < 1


def test_unsigned_codes_are_those_of_other_numbers():
    scores = [
        beta_vae_score(
            lambda factors, kind=kind: factors.astype(kind),
            types.SimpleNamespace(sizes=(5, 6), images=lambda factors: factors),
            jax.random.key(0),
            num_train=200,
            num_eval=100,
        ).score
        for kind in (jnp.uint8, jnp.int32, jnp.float32)
    ]
    assert scores == [scores[2]] * 3
    assert scores[0] > 0.99
