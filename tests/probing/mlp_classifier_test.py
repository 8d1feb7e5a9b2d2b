"""The network that predicts factors from codes."""

import logging

import jax
import numpy as np
import pytest

from dis_jax import evaluation
from dis_jax.probing import mlp_classifier
from dis_jax.training import program

KEY = jax.random.key(0)


def split():
    """Two dimensions in {-1, 1}; the signs of their product and of the first alone."""
    rng = np.random.default_rng(0)
    codes = rng.choice([-1.0, 1.0], (600, 2))
    factors = (np.stack([codes.prod(axis=1), codes[:, 0]], axis=1) > 0).astype(int)
    return codes[:400], factors[:400], codes[400:], factors[400:]


def test_reads_what_no_line_can():
    accuracy = evaluation.mlp_accuracy(KEY, *split(), epochs=20)
    np.testing.assert_array_equal(accuracy, [1, 1])


def test_sees_only_the_dimensions_of_each_factor():
    seen = np.array([[True, False], [True, False]])
    accuracy = evaluation.mlp_accuracy(KEY, *split(), seen=seen, epochs=20)
    assert accuracy[1] == 1
    assert 0.3 < accuracy[0] < 0.7
    with pytest.raises(ValueError, match=r"seen has shape \(1, 2\); expected \(2, 2\)"):
        evaluation.mlp_accuracy(KEY, *split(), seen=seen[:1])


@pytest.mark.parametrize("scale", [0.001, 0.01, 1000.0])
def test_a_scale_at_which_it_does_not_learn_has_a_warning(scale, caplog):
    """A transfer study goes on: an encoder may have collapsed."""
    codes, factors, test_codes, test_factors = split()
    given = scale * codes, factors, scale * test_codes, test_factors
    with caplog.at_level(logging.WARNING):
        evaluation.mlp_accuracy(KEY, *given, epochs=1)
    assert "outside 0.02 to 100" in caplog.text


def test_values_that_training_has_not_seen_are_errors():
    codes, factors, test_codes, test_factors = split()
    test_factors = test_factors.copy()
    test_factors[:50] = 7
    given = codes, factors, test_codes, test_factors
    accuracy = evaluation.mlp_accuracy(KEY, *given, epochs=20)
    np.testing.assert_allclose(accuracy, [0.75, 0.75])


def test_side_by_side_equals_one_after_another(monkeypatch):
    alone = evaluation.mlp_accuracy(KEY, *split(), epochs=3)
    # the backend is not an argument, so the cache would ignore it
    mlp_classifier._fit.clear_cache()  # pyright: ignore[reportAttributeAccessIssue]
    gpu = program.BACKENDS["gpu"]
    monkeypatch.setattr("dis_jax.probing.mlp_classifier.backend", lambda: gpu)
    together = evaluation.mlp_accuracy(KEY, *split(), epochs=3)
    np.testing.assert_allclose(alone, together, atol=0.02)
