from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import losses

PLAIN = {
    "donsker_varadhan": losses.donsker_varadhan,
    "nwj": losses.nwj,
    "jensen_shannon": losses.jensen_shannon,
    "smile": lambda joint, marginal: losses.smile(joint, marginal, clip=3.0),
    "club": losses.club,
    "mine": lambda joint, marginal: losses.mine_surrogate(
        joint, marginal, jnp.zeros(joint.shape[1:]), 0.9
    )[0],
}
# jitted: without jit, JAX compiles each operation as its own program
ESTIMATORS = {name: jax.jit(estimator) for name, estimator in PLAIN.items()}
info_nce = jax.jit(losses.info_nce)
smile = jax.jit(losses.smile)
roll_negatives = jax.jit(losses.roll_negatives)


def information(dim: int, correlation: float) -> float:
    return -0.5 * dim * np.log(1 - correlation**2)


def correlation_of(dim: int, nats: float) -> float:
    return float(np.sqrt(1 - np.exp(-2 * nats / dim)))


@functools.partial(jax.jit, static_argnums=(1, 2))
def gaussians(key, batch: int, dim: int, correlation: float):
    x, noise = jax.random.normal(key, (2, batch, dim))
    return x, correlation * x + jnp.sqrt(1 - correlation**2) * noise


@jax.jit
def log_conditional(x, y, correlation: float):
    """log p(y|x), summed over dimensions."""
    variance = 1 - correlation**2
    square = (y - correlation * x) ** 2 / variance
    return -0.5 * (square + jnp.log(2 * jnp.pi * variance)).sum(axis=-1)


@jax.jit
def log_ratio(x, y, correlation: float):
    """The exact critic: log p(x, y) / (p(x) p(y))."""
    log_marginal = -0.5 * (y**2 + jnp.log(2 * jnp.pi)).sum(axis=-1)
    return log_conditional(x, y, correlation) - log_marginal


def test_by_hand():
    joint = jnp.array([1.0, 3.0])
    marginal = jnp.log(jnp.array([1.0, 2.0, 6.0]))
    softplus = lambda x: np.log1p(np.exp(x))
    expected = {
        "donsker_varadhan": 2 - np.log(3),
        "nwj": 2 - 3 / np.e,
        "jensen_shannon": -(softplus(-1) + softplus(-3)) / 2 - np.log(2 * 3 * 7) / 3,
        "smile": 2 - np.log(3),
        "club": 2 - np.log(12) / 3,
        "mine": 2 - np.log(3),
    }
    for name, estimator in ESTIMATORS.items():
        np.testing.assert_allclose(
            estimator(joint, marginal), expected[name], rtol=1e-6
        )
    tight = smile(joint, marginal, clip=0.5)
    np.testing.assert_allclose(tight, 2 - np.log((1 + 2 * np.exp(0.5)) / 3), rtol=1e-6)


def test_info_nce_by_hand():
    scores = jnp.log(jnp.array([[3.0, 1.0], [2.0, 2.0]]))
    expected = (np.log(3 / 2) + np.log(2 / 2)) / 2
    np.testing.assert_allclose(info_nce(scores), expected, rtol=1e-6)


def test_exact_critic_finds_the_information():
    correlation = correlation_of(2, 0.5)
    x, y = gaussians(jax.random.key(0), 200_000, 2, correlation)
    joint = log_ratio(x, y, correlation)
    other = roll_negatives(y)
    marginal = log_ratio(x, other, correlation)
    exact = 0.5
    np.testing.assert_allclose(information(2, correlation), exact)
    joint, marginal = np.asarray(joint), np.asarray(marginal)
    for name, shift in (("donsker_varadhan", 0), ("nwj", 1)):
        found = ESTIMATORS[name](joint + shift, marginal + shift)
        np.testing.assert_allclose(found, exact, atol=0.02)
    np.testing.assert_allclose(smile(joint, marginal, 20.0), exact, atol=0.02)
    # CLUB exceeds the information by KL(p(x) p(y) || p(x, y)) = -E'[log ratio].
    club = ESTIMATORS["club"](
        log_conditional(x, y, correlation), log_conditional(x, other, correlation)
    )
    gap = correlation**2 / (1 - correlation**2)  # per dimension: information + KL
    np.testing.assert_allclose(club, 2 * gap, rtol=0.02)
    assert club > exact


def test_the_critic_of_info_nce_may_add_any_function_of_x_but_none_of_y():
    correlation = correlation_of(1, 1.0)
    x, y = gaussians(jax.random.key(0), 4_000, 1, correlation)
    x, y = np.asarray(x), np.asarray(y)
    ratio = log_ratio(x[:, None], y[None], correlation)  # log p(x|y) - log p(x)
    found = info_nce(np.asarray(ratio) + 3 * x**2)
    np.testing.assert_allclose(found, info_nce(ratio), atol=1e-3)
    np.testing.assert_allclose(found, 1.0, atol=0.05)
    conditional = log_conditional(x[:, None], y[None], correlation)
    assert info_nce(conditional) < found - 0.03


def test_independent_inputs_have_no_information():
    x, y = gaussians(jax.random.key(1), 1000, 3, 0.0)
    pairs = np.array([log_ratio(x, y, 0.0), log_ratio(x, roll_negatives(y), 0.0)])
    for name in ("donsker_varadhan", "smile", "mine"):
        np.testing.assert_allclose(ESTIMATORS[name](*pairs), 0, atol=1e-5)
    np.testing.assert_allclose(ESTIMATORS["nwj"](*pairs + 1), 0, atol=1e-5)
    found = ESTIMATORS["jensen_shannon"](*pairs)
    np.testing.assert_allclose(found, -2 * np.log(2), atol=1e-5)


def test_nwj_is_unbiased_and_donsker_varadhan_is_not_when_information_is_large():
    nats, batch, repeats = 5.0, 64, 4000
    correlation = correlation_of(20, nats)

    def estimates(key):
        x, y = gaussians(key, batch, 20, correlation)
        joint = log_ratio(x, y, correlation)
        marginal = log_ratio(x, losses.roll_negatives(y), correlation)
        return (
            losses.nwj(joint + 1, marginal + 1),
            losses.donsker_varadhan(joint, marginal),
        )

    keys = jax.random.split(jax.random.key(2), repeats)
    nwj, dv = map(np.asarray, jax.jit(jax.vmap(estimates))(keys))
    np.testing.assert_allclose(nwj.mean(), nats, atol=5 * nwj.std() / np.sqrt(repeats))
    assert nwj.std() > 1  # unbiased, at the price of variance
    assert dv.mean() > nats + 1  # biased upwards by the logarithm of a minibatch
    assert np.mean(dv > nats) > 0.75


def test_info_nce_is_capped_by_the_log_of_the_batch():
    correlation = correlation_of(20, 10.0)
    x, y = gaussians(jax.random.key(3), 64, 20, correlation)
    x, y = np.asarray(x), np.asarray(y)
    scores = log_ratio(x[:, None], y[None], correlation)
    estimate = info_nce(scores)
    assert np.log(64) - 0.1 < estimate <= np.log(64) + 1e-5
    correlation = correlation_of(2, 0.5)
    x, y = map(np.asarray, gaussians(jax.random.key(4), 1000, 2, correlation))
    scores = log_ratio(x[:, None], y[None], correlation)
    np.testing.assert_allclose(info_nce(scores), 0.5, atol=0.06)


def test_jensen_shannon_is_greatest_at_the_log_ratio():
    # Two outcomes: joint (.8, .2), product (.5, .5).
    p, q = np.array([0.8, 0.2]), np.array([0.5, 0.5])
    joint, marginal = jnp.array([0] * 8 + [1] * 2), jnp.array([0] * 5 + [1] * 5)
    value = jax.jit(lambda s: losses.jensen_shannon(s[joint], s[marginal]))
    best = np.log(p / q)
    np.testing.assert_allclose(jax.grad(value)(best), 0, atol=1e-6)
    m = (p + q) / 2
    divergence = 0.5 * (p * np.log(p / m)).sum() + 0.5 * (q * np.log(q / m)).sum()
    np.testing.assert_allclose(value(best), 2 * divergence - 2 * np.log(2), rtol=1e-5)


def test_mine_gradient_divides_by_the_moving_average():
    joint, marginal = jnp.array([1.0, 2.0]), jnp.log(jnp.array([2.0, 6.0]))
    # New average of exp T': 0.75 * 8 + 0.25 * 4 = 7, the minibatch's own is 4.
    surrogate = lambda j, m: losses.mine_surrogate(j, m, jnp.log(8.0), 0.75)
    (value, average), gradients = jax.jit(
        jax.value_and_grad(surrogate, argnums=(0, 1), has_aux=True)
    )(joint, marginal)
    np.testing.assert_allclose(jnp.exp(average), 7, rtol=1e-6)
    np.testing.assert_allclose(value, 1.5 - np.log(4), rtol=1e-6)
    np.testing.assert_allclose(gradients[0], [0.5, 0.5], rtol=1e-6)
    np.testing.assert_allclose(gradients[1], [-1 / 7, -3 / 7], rtol=1e-6)


def test_local_mine_has_a_moving_average_for_each_position(normal):
    joint, marginal = normal(4, 2, 5, 3)
    averages = np.array([0.1, 0.5, -2.0], np.float32)
    surrogate = lambda j, m, average: losses.mine_surrogate(j, m, average, 0.75)
    grad = jax.jit(jax.grad(surrogate, argnums=(0, 1), has_aux=True))
    together, new = grad(joint, marginal, averages)
    each = [grad(joint[:, i], marginal[:, i], averages[i]) for i in range(3)]
    for k in range(2):  # the estimate is the mean over positions
        alone = np.stack([gradients[k] for gradients, _ in each], axis=1) / 3
        np.testing.assert_allclose(together[k], alone, rtol=1e-5)
    np.testing.assert_allclose(new, [average for _, average in each], rtol=1e-6)


def test_mine_without_memory_is_donsker_varadhan(normal):
    joint, marginal = normal(5, 2, 16)
    gradient = lambda f: jax.jit(jax.grad(f, argnums=(0, 1)))(joint, marginal)
    plain = gradient(losses.donsker_varadhan)
    mine = gradient(lambda j, m: losses.mine_surrogate(j, m, jnp.array(0.0), 0.0)[0])
    np.testing.assert_allclose(mine, plain, rtol=1e-5)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_local_form_is_the_mean_over_positions(name, normal):
    joint, marginal = normal(6, 2, 6, 3, 2)
    estimator = ESTIMATORS[name]
    positions = [
        estimator(joint[:, i, j], marginal[:, i, j]) for i in range(3) for j in range(2)
    ]
    np.testing.assert_allclose(
        estimator(joint, marginal), np.mean(positions), rtol=1e-4
    )


def test_info_nce_local_form_is_the_mean_over_positions(normal):
    scores = normal(7, 5, 5, 3)
    positions = [info_nce(scores[..., i]) for i in range(3)]
    np.testing.assert_allclose(info_nce(scores), np.mean(positions), rtol=1e-5)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_jit_vmap_and_gradient(name, normal, check_gradient):
    estimator = PLAIN[name]
    joint, marginal = normal(8, 2, 4, 8)
    single = [estimator(j, m) for j, m in zip(joint, marginal, strict=True)]
    np.testing.assert_allclose(
        jax.jit(jax.vmap(estimator))(joint, marginal), single, rtol=1e-5
    )
    if name != "mine":  # its gradient is not that of its value, by design
        check_gradient(estimator, (joint[0], marginal[0]))


@pytest.mark.parametrize("name", sorted(ESTIMATORS.keys() - {"nwj"}))
@pytest.mark.parametrize("size", [-1e4, 1e4])
def test_extremes_stay_finite(name, size, check_finite):
    scores = np.array([0.0, size], np.float32)
    check_finite(ESTIMATORS[name], scores, scores)


def test_info_nce_jit_gradient_and_extremes(normal, check_gradient, check_finite):
    scores = normal(9, 4, 4)
    value = losses.info_nce(scores)
    np.testing.assert_allclose(jax.jit(losses.info_nce)(scores), value, rtol=1e-5)
    check_gradient(losses.info_nce, (scores,))
    check_finite(losses.info_nce, 1e6 * scores)


def test_negatives_never_pair_an_example_with_itself():
    x = np.float32(np.arange(7.0)[:, None] * np.ones((1, 2)))
    rolled = np.asarray(roll_negatives(x))
    np.testing.assert_array_equal(rolled[:, 0], [6, 0, 1, 2, 3, 4, 5])
    keys = jax.random.split(jax.random.key(10), 6000)
    drawn = jax.jit(jax.vmap(losses.permute_negatives, (0, None)))(keys, x)
    drawn = np.asarray(drawn)
    np.testing.assert_array_equal(drawn[:, :, 0], drawn[:, :, 1])
    np.testing.assert_array_equal(np.sort(drawn[:, :, 0]), [np.arange(7)] * 6000)
    for i in range(7):
        counts = np.bincount(drawn[:, i, 0].astype(int), minlength=7)
        assert counts[i] == 0
        others = np.delete(counts, i)
        np.testing.assert_allclose(others, 1000, atol=5 * np.sqrt(1000))


def test_all_pairs_scores_by_hand():
    all_pairs_scores = jax.jit(losses.all_pairs_scores)
    matrix = np.float32(10 * np.arange(4)[:, None] + np.arange(4))
    joint, marginal = map(np.asarray, all_pairs_scores(matrix))
    np.testing.assert_array_equal(joint, [0, 11, 22, 33])
    np.testing.assert_array_equal(
        marginal, [1, 2, 3, 10, 12, 13, 20, 21, 23, 30, 31, 32]
    )
    local = np.stack([matrix, -matrix], axis=-1)
    local_joint, local_marginal = all_pairs_scores(local)
    np.testing.assert_array_equal(local_joint, np.stack([joint, -joint], axis=-1))
    np.testing.assert_array_equal(
        local_marginal, np.stack([marginal, -marginal], axis=-1)
    )


def test_one_example_has_no_pairs_of_the_product():
    with pytest.raises(ValueError, match="expected two examples or more"):
        losses.all_pairs_scores(jnp.ones((1, 1)))


def test_wrong_shapes_are_named():
    for estimator in (losses.donsker_varadhan, losses.nwj, losses.jensen_shannon):
        with pytest.raises(ValueError, match=r"`marginal_scores` has shape \(4, 3\)"):
            estimator(jnp.zeros((4, 2)), jnp.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"`score_matrix` has shape \(4, 3\)"):
        losses.info_nce(jnp.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"`score_matrix` has shape \(4,\)"):
        losses.all_pairs_scores(jnp.zeros(4))
    with pytest.raises(ValueError, match=r"`clip` has shape \(2,\)"):
        losses.smile(jnp.zeros(2), jnp.zeros(2), jnp.ones(2))
    with pytest.raises(ValueError, match=r"`moving_average` has shape \(3,\)"):
        losses.mine_surrogate(jnp.zeros(2), jnp.zeros(2), jnp.zeros(3), 0.9)
    with pytest.raises(ValueError, match=r"`joint_log_prob` has shape \(\)"):
        losses.club(jnp.array(0.0), jnp.zeros(2))
    for negatives in (
        losses.roll_negatives,
        lambda x: losses.permute_negatives(jax.random.key(0), x),
    ):
        with pytest.raises(ValueError, match=r"`x` has shape \(\)"):
            negatives(jnp.array(0.0))


@pytest.mark.parametrize(
    "estimate",
    [
        lambda x: losses.info_nce(x[:, None]),
        losses.roll_negatives,
        lambda x: losses.permute_negatives(jax.random.key(0), x),
        lambda x: losses.permute_dims(jax.random.key(0), x[:, None]),
        lambda x: losses.nt_xent(x[:, None], x[:, None], temperature=1.0),
    ],
)
def test_a_batch_of_one_has_no_negatives(estimate):
    with pytest.raises(ValueError, match="expected two examples or more"):
        estimate(jnp.ones(1))
