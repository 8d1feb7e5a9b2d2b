from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from dis_jax import losses

# jitted: without jit, JAX compiles each operation as its own program
accumulate_evidence = jax.jit(losses.accumulate_evidence, static_argnames="num_groups")
multiply_posteriors = jax.jit(losses.multiply_posteriors)
adaptive_shared_dims = jax.jit(losses.adaptive_shared_dims)
group_noise = jax.jit(losses.group_noise, static_argnums=(2, 3), static_argnames="per")
GROUP = np.array([2, 0, 2, 4, 0, 2, 4, 4])  # groups 1 and 3 have no member
GROUPS = 5


@pytest.fixture
def posteriors(normal):
    return lambda seed=0: tuple(normal(seed, 2, 8, 3))


def test_evidence_by_hand():
    # Variances 1 and 1/3: precision 4, mean (1 + 3 * 5) / 4.
    mean = np.array([[1.0], [7.0], [5.0]], np.float32)
    logvar = np.log(np.array([[1.0], [2.0], [1 / 3]], np.float32))
    group_mean, group_logvar = accumulate_evidence(
        mean, logvar, np.array([0, 1, 0]), num_groups=3
    )
    np.testing.assert_allclose(group_mean, [[4], [7], [0]], rtol=1e-6)
    np.testing.assert_allclose(np.exp(group_logvar), [[0.25], [2], [1]], rtol=1e-6)


def test_evidence_equals_the_product_two_at_a_time(posteriors):
    mean, logvar = posteriors()
    group_mean, group_logvar = accumulate_evidence(mean, logvar, GROUP, GROUPS)
    for g in (0, 2, 4):
        rows = [(mean[i, None], logvar[i, None]) for i in np.flatnonzero(g == GROUP)]
        product = functools.reduce(lambda a, b: multiply_posteriors(*a, *b), rows)
        np.testing.assert_allclose(group_mean[g], product[0][0], rtol=1e-5)
        np.testing.assert_allclose(group_logvar[g], product[1][0], rtol=1e-5, atol=1e-6)


def test_evidence_does_not_depend_on_order(posteriors):
    mean, logvar = posteriors()
    order = np.random.default_rng(0).permutation(8)
    np.testing.assert_allclose(
        accumulate_evidence(mean[order], logvar[order], GROUP[order], GROUPS),
        accumulate_evidence(mean, logvar, GROUP, GROUPS),
        rtol=1e-6,
    )


def test_evidence_of_a_group_without_members_is_the_prior(posteriors):
    found = accumulate_evidence(*posteriors(), GROUP, GROUPS)
    group_mean, group_logvar = map(np.asarray, found)
    empty = [1, 3]
    np.testing.assert_array_equal(group_mean[empty], 0)
    np.testing.assert_array_equal(group_logvar[empty], 0)
    unlabelled = np.where(GROUP == 2, -1, GROUP)
    without = np.asarray(accumulate_evidence(*posteriors(), unlabelled, GROUPS)[0])
    np.testing.assert_array_equal(without[2], 0)
    np.testing.assert_allclose(without[4], group_mean[4], rtol=1e-6)


def test_evidence_jit_vmap_and_gradient(normal, check_gradient):
    evidence = functools.partial(accumulate_evidence, group=GROUP, num_groups=GROUPS)
    mean, logvar = normal(1, 2, 3, 8, 2)
    single = [evidence(m, v) for m, v in zip(mean, logvar, strict=True)]
    together = jax.jit(jax.vmap(evidence))(mean, logvar)
    np.testing.assert_allclose(np.stack(together, axis=1), single, rtol=1e-5, atol=1e-6)
    check_gradient(evidence, (mean[0], logvar[0]))


@pytest.mark.parametrize("extreme", [-1e4, -100.0, 100.0, 1e4])
def test_evidence_gradients_stay_finite(extreme, posteriors, check_finite):
    mean, logvar = posteriors()
    logvar[0] = extreme
    evidence = lambda *q: losses.accumulate_evidence(*q, GROUP, GROUPS)
    check_finite(evidence, mean, logvar)
    group_mean, _ = accumulate_evidence(mean, logvar, GROUP, GROUPS)
    # A certain member determines the group mean; an uninformative one is ignored.
    if extreme < 0:
        np.testing.assert_allclose(group_mean[2], mean[0], rtol=1e-5)
    else:
        others = accumulate_evidence(mean[1:], logvar[1:], GROUP[1:], GROUPS)
        np.testing.assert_allclose(group_mean[2], others[0][2], rtol=1e-5)


def test_groups_may_be_split_over_devices(posteriors):
    def loss(mean, logvar, group):
        group_mean, group_logvar = losses.accumulate_evidence(
            mean, logvar, group, GROUPS
        )
        return losses.group_elbo(
            ((mean - group_mean[group]) ** 2).sum(axis=1),
            losses.gaussian_kl(mean, logvar),
            losses.gaussian_kl(group_mean, group_logvar),
            group,
        )

    step = jax.jit(jax.value_and_grad(loss, argnums=(0, 1)))
    arrays = (*posteriors(), jnp.asarray(GROUP))
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    split = jax.device_put(arrays, NamedSharding(mesh, PartitionSpec("data")))
    assert len(split[0].sharding.device_set) == 8
    (one, one_gradients), (many, many_gradients) = step(*arrays), step(*split)
    np.testing.assert_allclose(many, one, rtol=1e-6)
    for a, b in zip(many_gradients, one_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_pairs_by_hand(posteriors):
    first = np.array([[1.0, 0.0]]), np.log([[1.0, 2.0]])
    second = np.array([[5.0, 2.0]]), np.log([[3.0, 2.0]])
    mean, logvar = jax.jit(losses.average_posteriors)(*first, *second)
    np.testing.assert_allclose(mean, [[3, 1]], rtol=1e-6)
    np.testing.assert_allclose(np.exp(logvar), [[2, 2]], rtol=1e-6)
    mean, logvar = multiply_posteriors(*first, *second)
    np.testing.assert_allclose(mean, [[0.75 * (1 + 5 / 3), 1]], rtol=1e-6)
    np.testing.assert_allclose(np.exp(logvar), [[0.75, 1]], rtol=1e-6)


@pytest.mark.parametrize(
    "combine", [losses.average_posteriors, losses.multiply_posteriors]
)
def test_pairs_jit_gradient_and_extremes(
    combine, check_gradient, check_finite, posteriors
):
    pairs = (*posteriors(seed=2), *posteriors(seed=3))
    np.testing.assert_allclose(
        jax.jit(combine)(*pairs), combine(*pairs), rtol=1e-5, atol=1e-6
    )
    check_gradient(combine, pairs)
    huge = np.full((8, 3), 1e4, np.float32)
    check_finite(combine, pairs[0], -huge, pairs[2], huge)


def test_adaptive_shared_dims_by_hand():
    # KL = ½ distance² in the first row: 0, 0.5, 4.5, threshold 2.25.
    # Third row: 2, 2.88, 4.5, threshold 3.25, which is not half of the largest.
    mean1 = np.zeros((3, 3))
    mean2 = np.array([[0.0, 1.0, 3.0], [1.0, 1.0, 1.0], [2.0, 2.4, 3.0]])
    logvar1 = np.zeros((3, 3))
    # Second row: ½ (v - log v) of v = 1, 9, 1/9 shows the direction of the KL.
    variance2 = np.array([[1.0, 1.0, 1.0], [1.0, 9.0, 1 / 9], [1.0, 1.0, 1.0]])
    shared = adaptive_shared_dims(mean1, logvar1, mean2, np.log(variance2))
    np.testing.assert_array_equal(shared, [[True, True, False]] * 3)


def test_adaptive_shared_dims_is_directed():
    mean = np.zeros((1, 3))
    logvar1, logvar2 = np.zeros((1, 3)), np.array([[0.0, 1.0, -1.0]])
    there = adaptive_shared_dims(mean, logvar1, mean, logvar2)
    back = adaptive_shared_dims(mean, logvar2, mean, logvar1)
    # KL(1 to e) = .18, KL(1 to 1/e) = .36 and the reverse: mid-point .18 lies between.
    np.testing.assert_array_equal(there, [[True, False, False]])
    np.testing.assert_array_equal(back, [[True, False, False]])
    steep = np.array([[0.0, 1.5, -1.0]])
    there = adaptive_shared_dims(mean, logvar1, mean, steep)
    back = adaptive_shared_dims(mean, steep, mean, logvar1)
    np.testing.assert_array_equal(there, [[True, False, False]])
    np.testing.assert_array_equal(back, [[True, False, True]])


def test_adaptive_shared_dims_extremes(posteriors):
    mean, logvar = posteriors()
    assert np.all(adaptive_shared_dims(mean, logvar, mean, logvar))
    far = np.where([True, False, False], np.float32(-80), logvar)
    shared = adaptive_shared_dims(mean, logvar, mean + 1e3, far)
    np.testing.assert_array_equal(shared, [[False, True, True]] * 8)
    # equal means, of variances that differ beyond float32
    narrow = np.array([[-100.0, 0.0, 0.0]])
    mean = np.array([[0.0, 0.1, 0.0]])
    shared = adaptive_shared_dims(0 * mean, 0 * mean, mean, narrow)
    np.testing.assert_array_equal(shared, [[False, True, True]])


def test_noise_is_shared_inside_a_group_and_standard_normal():
    group = np.arange(4000) % 2000
    noise = np.asarray(group_noise(jax.random.key(0), group, 2000, 10, scale=2.0))
    np.testing.assert_array_equal(noise[:2000], noise[2000:])
    np.testing.assert_allclose(noise.mean(), 0, atol=0.06)
    np.testing.assert_allclose(noise.std(), 2, rtol=0.02)
    assert abs(np.corrcoef(noise[0::2].ravel(), noise[1::2].ravel())[0, 1]) < 0.04
    assert not np.any(group_noise(jax.random.key(0), group, 2000, 10, scale=0.0))


def test_noise_per_example_is_not_shared():
    group = np.zeros(4000, int)
    draw = lambda **per: np.asarray(group_noise(jax.random.key(0), group, 1, 2, **per))
    noise = draw(per="example")
    np.testing.assert_allclose(noise.std(axis=0), 1, rtol=0.05)
    shared = draw()
    assert (shared == shared[0]).all()


def test_group_elbo_by_hand(check_gradient):
    nll = np.arange(8.0, dtype=np.float32)
    style_kl = np.full(8, 0.5, np.float32)
    # 99 marks empty groups
    class_kl = np.array([1.0, 99.0, 2.0, 99.0, 4.0], np.float32)
    elbo = losses.group_elbo(nll, style_kl, class_kl, GROUP)
    np.testing.assert_allclose(elbo, -(28 + 4 + 7) / 3, rtol=1e-6)
    assert losses.count_groups(GROUP, GROUPS) == 3
    gradient = jax.jit(jax.grad(losses.group_elbo, argnums=2))(
        nll, style_kl, class_kl, GROUP
    )
    np.testing.assert_allclose(gradient, -np.array([1, 0, 1, 0, 1]) / 3, rtol=1e-6)
    check_gradient(
        lambda *terms: losses.group_elbo(*terms, GROUP), (nll, style_kl, class_kl)
    )


def test_swap_partners_are_others_of_the_group():
    keys = jax.random.split(jax.random.key(0), 3000)
    draw = jax.jit(jax.vmap(losses.swap_partners, (0, None)))
    partners = np.asarray(draw(keys, np.array([5, 1, 5, 5])))
    np.testing.assert_array_equal(partners[:, 1], 1)  # alone
    for i, others in {0: (2, 3), 2: (0, 3), 3: (0, 2)}.items():
        values, counts = np.unique(partners[:, i], return_counts=True)
        np.testing.assert_array_equal(values, others)
        np.testing.assert_allclose(counts, 1500, atol=5 * np.sqrt(750))


def test_swap_reconstruction_leaves_out_those_without_a_partner():
    nll, partner = jnp.array([1.0, 2.0, 3.0]), jnp.array([2, 1, 0])
    np.testing.assert_array_equal(losses.swap_reconstruction(nll, partner), [1, 0, 3])
    gradient = jax.grad(lambda x: losses.swap_reconstruction(x, partner).sum())(nll)
    np.testing.assert_array_equal(gradient, [1, 0, 1])


def test_bad_arguments_are_named(posteriors):
    mean, logvar = posteriors()
    with pytest.raises(ValueError, match=r"`group` has shape \(7,\).*batch = 8"):
        losses.accumulate_evidence(mean, logvar, GROUP[:7], GROUPS)
    with pytest.raises(ValueError, match=r"`mean2` has shape \(7, 3\)"):
        losses.average_posteriors(mean, logvar, mean[:7], logvar)
    with pytest.raises(ValueError, match="`per` is 'batch'"):
        losses.group_noise(jax.random.key(0), GROUP, GROUPS, 2, per="batch")
    with pytest.raises(ValueError, match=r"`style_kl` has shape \(8, 3\)"):
        losses.group_elbo(jnp.zeros(8), mean, jnp.zeros(5), GROUP)
    with pytest.raises(ValueError, match=r"`partner` has shape \(8,\)"):
        losses.swap_reconstruction(jnp.zeros(7), GROUP)
