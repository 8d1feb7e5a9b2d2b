import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso

from dis_jax.evaluation import udr


def plain_udr(models, kind):
    """The definition in loops."""
    scaled = [(z - z.mean(axis=0)) / z.std(axis=0) for z in models]
    n = len(models)
    pairwise = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if i == j:
                continue
            r = np.zeros((models[i].shape[1], models[j].shape[1]))
            for b in range(r.shape[1]):
                if kind == "lasso":
                    model = Lasso(alpha=0.1).fit(scaled[i], scaled[j][:, b])
                    r[:, b] = np.abs(model.coef_)
                else:
                    for a in range(r.shape[0]):
                        r[a, b] = abs(spearmanr(models[i][:, a], models[j][:, b])[0])
            columns = [max(c) ** 2 / sum(c) if sum(c) else 0 for c in r.T]
            rows = [max(c) ** 2 / sum(c) if sum(c) else 0 for c in r]
            pairwise[i, j] = (np.mean(columns) + np.mean(rows)) / 2
    return [np.median([pairwise[i, j] for i in range(n) if i != j]) for j in range(n)]


@pytest.mark.parametrize("kind", ["lasso", "spearman"])
def test_equals_the_definition(kind):
    rng = np.random.default_rng(0)
    z = rng.normal(size=(300, 3))
    models = [
        z,
        np.tanh(z[:, ::-1]) + 0.2 * rng.normal(size=z.shape),
        z @ rng.normal(size=(3, 4)),
    ]
    found = udr(models, correlation=kind)
    np.testing.assert_allclose(found.scores, plain_udr(models, kind), atol=1e-6)
    assert found.correlations[0, 2].shape == (3, 4)


def test_the_same_up_to_order_and_sign_is_the_best_there_is(known):
    codes, _ = known("perfect", copies=2)
    agree = udr([codes, -codes[:, ::-1], codes[:, [1, 2, 0]]], correlation="spearman")
    np.testing.assert_allclose(agree.scores, 1, atol=1e-9)
    # The lasso shrinks the one weight of 1 by its penalty of .1.
    agree = udr([codes, -codes[:, ::-1]])
    np.testing.assert_allclose(agree.scores, 0.9, atol=1e-3)


def test_rotation_and_noise_agree_less(known):
    codes, _ = known("perfect", copies=4)
    rotated, _ = known("rotated", copies=4)
    noise, _ = known("noise", copies=4)
    found = udr([codes, codes, codes, rotated, noise])
    assert found.scores[0] > found.scores[3] + 0.1
    assert found.scores[3] > found.scores[4]
    assert found.scores[4] < 0.05


def test_dead_dimensions_take_no_part(known):
    codes, _ = known("perfect", copies=1)
    padded = np.pad(codes, ((0, 0), (0, 3)))
    expected = udr([codes, codes]).scores
    np.testing.assert_allclose(udr([padded, codes]).scores, expected, atol=1e-9)
    rng = np.random.default_rng(0)
    noisy = np.concatenate([codes, rng.normal(size=codes.shape)], axis=1)
    kl = np.array([1, 1, 1, 0.01, 0.0, 0.005])
    found = udr([noisy, codes], kl=[kl, np.ones(3)])
    np.testing.assert_allclose(found.scores, expected, atol=1e-3)
    constant, _ = known("constant", copies=1)
    assert udr([constant, codes]).scores.tolist() == [0, 0]


def test_bad_input_is_named(known):
    codes, _ = known("perfect", copies=1)
    with pytest.raises(ValueError, match=r"found the shapes \[\(60, 3\)\]"):
        udr([codes])
    with pytest.raises(ValueError, match=r"\(60, 3\), \(59, 3\)"):
        udr([codes, codes[1:]])
    with pytest.raises(ValueError, match="kl must contain one value per dimension"):
        udr([codes, codes], kl=[np.ones(3), np.ones(2)])
    with pytest.raises(ValueError, match=r"kl must be finite, found .*nan"):
        udr([codes, codes], kl=[np.ones(3), np.array([1, np.nan, 1])])
    with pytest.raises(
        ValueError, match=r"correlation must be one of .* found 'pearson'"
    ):
        udr([codes, codes], correlation="pearson")
