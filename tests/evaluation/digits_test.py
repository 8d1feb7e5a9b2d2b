"""Distances of Gaussians in closed form; a classifier that is trained once."""

import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, evaluation
from dis_jax.data import ImageSet


def _with(mean, covariance, seed=0, count=4000):
    """Rows of exactly this mean and covariance."""
    rows = np.random.default_rng(seed).normal(size=(count, len(mean)))
    rows -= rows.mean(axis=0)
    rows = rows @ np.linalg.inv(np.linalg.cholesky(np.atleast_2d(np.cov(rows.T)))).T
    return rows @ np.linalg.cholesky(covariance).T + mean


def test_distance_of_gaussians_is_the_closed_form():
    # commuting covariances: |m - m'|² + sum (s - s')²
    a = _with([0.0, 1.0], np.diag([4.0, 9.0]))
    b = _with([3.0, 5.0], np.diag([1.0, 25.0]), seed=1)
    assert evaluation.frechet_distance(a, b) == pytest.approx(25 + 1 + 4, rel=1e-6)
    assert evaluation.frechet_distance(a, a) == pytest.approx(0, abs=1e-6)


def test_distance_of_correlated_gaussians():
    # tr (S S')^½ is the sum of the roots of the eigenvalues of S S'
    s, t = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[3.0, -1.0], [-1.0, 1.0]])
    roots = np.sqrt(np.linalg.eigvals(s @ t)).sum()
    found = evaluation.frechet_distance(_with([0, 0], s), _with([0, 0], t, seed=1))
    assert found == pytest.approx(4 + 4 - 2 * roots, rel=1e-6)


def test_a_feature_that_never_moves_is_no_problem():
    a = np.c_[_with([0.0], np.eye(1)), np.zeros(4000)]
    assert evaluation.frechet_distance(a, a + np.array([0.0, 2.0])) == pytest.approx(
        4.0, rel=1e-6
    )


@pytest.mark.parametrize("shape", [(1, 3), (5, 2)])
def test_features_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match="features have the shapes"):
        evaluation.frechet_distance(np.zeros((5, 3)), np.zeros(shape))


def test_features_that_are_not_finite_have_no_distance():
    with pytest.raises(ValueError, match="features must be finite"):
        evaluation.frechet_distance(np.full((5, 3), np.nan), np.zeros((5, 3)))


def _squares(count):
    """Digits 0 and 1: a bright upper or lower half."""
    labels = np.arange(count) % 2
    images = np.zeros((count, 28, 28, 1), np.float32)
    images[labels == 0, :14] = 1
    images[labels == 1, 14:] = 1
    return images, labels[:, None]


def test_the_classifier_is_trained_once_and_kept(tmp_path, monkeypatch):
    loads = []

    def load(name, data_dir, split):
        loads.append(split)
        images, labels = map(jnp.asarray, _squares(256))
        return ImageSet(
            *({}, "mnist", ("digit",), (10,), (28, 28, 1), 256),
            take_fn=lambda arrays, index: (images[index], labels[index]),
        )

    monkeypatch.setattr(data, "load", load)
    first = evaluation.digit_classifier(cache_dir=tmp_path, epochs=4)
    assert first.accuracy == 1.0
    assert loads == ["train", "test"]
    again = evaluation.digit_classifier(cache_dir=tmp_path, epochs=4)
    assert loads == ["train", "test"]
    assert again.accuracy == 1.0
    images, labels = _squares(8)
    np.testing.assert_array_equal(again.digits(images), labels[:, 0])
    np.testing.assert_array_equal(again.features(images), first.features(images))
    assert again.features(images).shape == (8, 500)
    # a cached one with other settings, or of a version with fewer fields, is not used
    module = "dis_jax.evaluation.digits"
    monkeypatch.setattr(f"{module}._train", lambda *_: first.params)
    evaluation.digit_classifier(cache_dir=tmp_path, epochs=5)
    assert len(loads) == 4
    with np.load(tmp_path / "digit_classifier.npz") as file:
        kept = {name: file[name] for name in file.files if name != "momentum"}
    np.savez(tmp_path / "digit_classifier.npz", **kept)
    evaluation.digit_classifier(cache_dir=tmp_path, epochs=5)
    assert len(loads) == 6
    # images of another size are resized
    larger = images.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_array_equal(again.digits(larger), labels[:, 0])
    for wrong in (images.repeat(3, axis=3), (255 * images).astype(np.uint8)):
        with pytest.raises(ValueError, match="expected floats in"):
            again.digits(wrong)
