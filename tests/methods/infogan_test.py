"""Compares every gradient of a step with a step written out by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from configs import elastic_infogan, infogan
from dis_jax import losses, training
from dis_jax.methods import METHODS, Gaussian, infogan_terms

RNG = np.random.default_rng(7)
BATCH = {
    name: RNG.random((12, 16, 16, 1), np.float32) for name in ("image", "transformed")
}
B1 = 0.5
WEIGHTS = {
    "information_weight": 1.0,
    "continuous_weight": 0.1,
    "transformation_weight": 1.0,
    "entropy_weight": 0.1,
    "contrastive_weight": 10.0,
}
ALL = ("transformation", "entropy", "contrastive")


def _tiny(config, **changes):
    config.image_shape = (16, 16, 1)
    config.network.update(noise=3, categories=4, hidden=6, code_hidden=5, widths=(4,))
    config.prior_probabilities = ()
    config.update(changes)
    return config


def _setting(config, first_state):
    """A config, a step of it, and a state."""
    method = METHODS["infogan"](config)
    state = first_state(method, BATCH)
    logits = np.array([0.0, 0.5, -0.5, 0.2], np.float32)
    params = state.params | {"prior": {"logits": logits}}
    # with equal weights, no term hides another
    weights = dict.fromkeys(WEIGHTS, np.float32(1.0))
    state = state._replace(params=params, hparams=state.hparams | weights)
    return config, jax.jit(method.update), state


@pytest.fixture(scope="module")
def as_published(first_state):
    """The setting of the paper, with all terms."""
    config = _tiny(elastic_infogan.get_config("mnist,continuous"), elastic=ALL)
    return _setting(config, first_state)


@pytest.fixture(scope="module")
def as_coded(first_state):
    config = _tiny(elastic_infogan.get_config("mnist,published"), as_coded=True)
    return _setting(config, first_state)


def _by_hand(config, state, batch):
    """Gradients of each network's own objective, written out from the paper's terms."""
    modules, hparams = infogan_terms.make_modules(config), state.hparams
    params = state.params
    noise_key, category_key, continuous_key = jax.random.split(
        jax.random.fold_in(state.key, state.step), 3
    )
    z = jax.random.normal(noise_key, (12, 3))
    gumbel = jax.random.gumbel(category_key, (12, 4))
    size = config.network.continuous
    u = jax.random.uniform(continuous_key, (12, size), minval=-1.0)

    def apply(name, p, x):
        variables = {"params": p[name]}
        if name in state.stats:
            variables["batch_stats"] = state.stats[name]
        out = modules[name].apply(variables, x, train=True, mutable=["batch_stats"])
        return out[0]

    def draw(p):
        theta = jnp.broadcast_to(p["prior"]["logits"], (12, 4))
        c = jax.nn.softmax((theta + gumbel) / hparams["temperature"])
        return c, apply("generator", p, jnp.concatenate([z, c, u], axis=1))

    def unread(p, image, c):
        target = jax.nn.one_hot(c.argmax(1), 4) if config.as_coded else c
        said = apply("category", p, apply("trunk", p, image))
        loss = optax.softmax_cross_entropy(said.logits, target).mean()
        if size:
            missed = (u - said.mean) ** 2 / jnp.exp(said.logvar) + said.logvar
            loss += 0.5 * missed.sum(axis=1).mean()
        return loss

    def compare(trunk, p):
        first, second = (
            apply("category", p, apply("trunk", trunk, batch[n]))
            for n in ("image", "transformed")
        )
        contrastive = losses.nt_xent(first.features, second.features, 1.0)
        if config.elastic == ("contrastive",):
            return contrastive
        a, b = (jax.nn.softmax(said.logits) for said in (first, second))
        entropies = -(a * jnp.log(a)).sum(axis=1) - (b * jnp.log(b)).sum(axis=1)
        return contrastive + (((a - b) ** 2).sum(axis=1) + entropies).mean()

    def judge(p, image):
        return apply("discriminator", p, apply("trunk", p, image))

    c, fake = draw(params)

    def critic(p):
        p = {**params, **p}
        real, made = judge(p, batch["image"]), judge(p, fake)
        loss = jax.nn.softplus(-real).mean() + jax.nn.softplus(made).mean()
        if config.as_coded:
            return loss
        return loss + unread(p, fake, c) + compare(p, p)

    grads = jax.grad(critic)({n: params[n] for n in ("trunk", "discriminator")})
    moved = {
        name: jax.tree.map(
            lambda p, g: (
                p - hparams["discriminator_learning_rate"] * g / (abs(g) + 1e-8)
            ),
            params[name],
            grads[name],
        )
        for name in grads
    }

    def maker(p):
        p = {**params, **moved, **p}
        c, image = draw(p)
        adversarial = jax.nn.softplus(-judge(p, image)).mean()
        target = jax.lax.stop_gradient(c)
        return adversarial + unread(p, image, target) + compare(params, p)

    own = {n: params[n] for n in ("generator", "category", "prior")}
    return grads | jax.grad(maker)(own)


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["as_published", "as_coded"])
def test_a_step_follows_the_gradients_of_the_paper_or_of_the_code(setting, request):
    config, update, state = request.getfixturevalue(setting)
    after, _ = update(state, BATCH)
    expected = jax.jit(functools.partial(_by_hand, config))(state, BATCH)
    found = {
        name: mu for group in after.opt_state.values() for name, mu in group.mu.items()
    }
    assert set(found) == set(expected) == set(state.params)
    found, expected = jax.tree.map(np.asarray, (found, expected))
    for name, grads in expected.items():
        scale = max(abs(g).max() for g in jax.tree.leaves(grads))
        jax.tree.map(
            lambda mu, g, scale=scale: np.testing.assert_allclose(
                mu / (1 - B1), g, rtol=2e-3, atol=2e-4 * scale
            ),
            found[name],
            grads,
        )


def test_no_rate_moves_another_networks_weights(as_published):
    _, update, state = as_published
    owners = {
        "discriminator_learning_rate": {"trunk", "discriminator"},
        "learning_rate": {"generator", "category"},
        "prior_learning_rate": {"prior"},
    }
    for rate, owned in owners.items():
        rates = {name: jnp.float32(1e-3 * (name == rate)) for name in owners}
        after, _ = update(state._replace(hparams=state.hparams | rates), BATCH)
        moved = {
            name
            for name in state.params
            if any(
                not np.array_equal(a, b)
                for a, b in zip(
                    *map(jax.tree.leaves, (state.params[name], after.params[name])),
                    strict=True,
                )
            )
        }
        assert moved == owned


def test_every_term_is_logged_and_finite(as_published):
    config, update, state = as_published
    after, metrics = update(state, BATCH)
    values = metrics._asdict()
    assert all(np.isfinite(value) for value in values.values())
    prior = jax.nn.softmax(after.params["prior"]["logits"])
    np.testing.assert_allclose([values[f"prior_{i}"] for i in range(4)], prior)
    total = values["generator_loss"] - values["information"]
    total += sum(values[name] for name in ALL) - values["continuous_information"]
    assert values["loss"] == pytest.approx(float(total), rel=1e-5)
    assert {name: config.hparams[name] for name in WEIGHTS} == WEIGHTS


def _log_softmax(x):
    x = np.asarray(x, np.float64)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def test_the_information_bound_moves_a_learned_prior_only_if_asked():
    def gradient(flag):
        config = _tiny(elastic_infogan.get_config("mnist,gumbel"))
        config.prior_information_gradient = flag
        modules = infogan_terms.make_modules(config)

        def loss(theta):
            params = {"prior": {"logits": theta}}
            hparams = {"information_weight": 2.0}
            parts = infogan_terms.Parts(config, modules, params, {}, hparams)
            estimate = infogan_terms.networks.CodeEstimate(
                *(scores, jnp.zeros((2, 0)), jnp.zeros((2, 0)), None)
            )
            code = jax.nn.softmax(theta + noise)
            return infogan_terms.information(parts, estimate, code, jnp.zeros((2, 0)))[
                0
            ]

        return jax.jit(jax.grad(loss))(theta)

    theta = np.array([0.0, 1.0, -1.0, 0.5], np.float32)
    rng = np.random.default_rng(0)
    scores, noise = rng.normal(size=(2, 2, 4)).astype(np.float32)
    np.testing.assert_array_equal(gradient(flag=False), 0.0)
    p, c = (np.exp(x) for x in map(_log_softmax, (theta, theta + noise)))
    log_q = _log_softmax(scores)
    # dH/dtheta_k = -p_k (log p_k + H); d(c . a)/dtheta_k = c_k (a_k - c . a)
    entropy = -p * (np.log(p) - (p * np.log(p)).sum())
    told = (c * (log_q - (c * log_q).sum(axis=1, keepdims=True))).mean(axis=0)
    expected = -2.0 * (told + entropy)
    np.testing.assert_allclose(gradient(flag=True), expected, rtol=1e-4)


def test_a_class_that_is_missing_is_never_drawn_and_harms_nothing(first_state):
    given = (0.5, 0.0, 0.3, 0.2)
    config = _tiny(infogan.get_config("mnist"), prior="given")
    config.prior_probabilities = given
    config.network.continuous = 2
    method = METHODS["infogan"](config)
    assert method.batch == "images"
    state = first_state(method, BATCH)
    assert "prior" not in state.params
    state, metrics = jax.jit(method.update)(state, BATCH)
    for tree in (state.params, metrics):
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(tree))
    # continuous codes of a fresh Q: log 2 each, less the likelihood of U(-1, 1)
    assert abs(metrics.continuous_information) < 3

    drawn = _drawn(config, state)
    np.testing.assert_allclose(drawn.mean(0), given, atol=0.03)
    assert not drawn[:, 1].any()
    assert set(np.unique(drawn)) == {0.0, 1.0}

    codes = jax.jit(method.encode)(state, BATCH)
    assert isinstance(codes["continuous"], Gaussian)
    assert codes["continuous"].mean.shape == (12, 2)
    decode = jax.jit(method.decode)
    code = {"category": np.eye(4), "continuous": np.zeros((4, 2))}
    np.testing.assert_array_equal(decode(state, code), decode(state, code))
    noise = {"noise": np.zeros((4, 3))}
    images = np.asarray(decode(state, code | noise))
    assert (images[0] != images[1]).any()  # the category changes the image


def _drawn(config, state):
    """The categories of 4,000 images, generated as in a step."""
    modules = infogan_terms.make_modules(config)
    parts = infogan_terms.Parts(
        config, modules, state.params, dict(state.stats), state.hparams
    )
    draw = jax.jit(lambda key: infogan_terms.generate(parts, key, 4000)[1])
    return np.asarray(draw(jax.random.key(1)))


def test_a_learned_prior_draws_relaxed_codes_as_often_as_it_says(as_published):
    config, _, state = as_published
    drawn = _drawn(config, state)
    assert ((drawn > 0.01) & (drawn < 0.99)).mean() > 0.01
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0, rtol=1e-5)
    prior = jax.nn.softmax(state.params["prior"]["logits"])
    np.testing.assert_allclose(
        np.bincount(drawn.argmax(1), minlength=4) / 4000, prior, atol=0.03
    )


@pytest.mark.parametrize("own_batch", [False, True])
def test_a_trained_model_normalises_by_its_batch_only_if_asked(first_state, own_batch):
    config = _tiny(infogan.get_config("mnist"), batch_statistics=own_batch)
    method = METHODS["infogan"](config)
    state = first_state(method, BATCH)
    encode, decode = jax.jit(method.encode), jax.jit(method.decode)

    def read(others):
        images = np.concatenate([BATCH["image"][:6], others])
        return encode(state, {"image": images})["category"].logits[:6]

    def show(others):
        codes = {"category": np.eye(4)[[0, 1, *others]], "noise": np.zeros((4, 3))}
        return decode(state, codes)[:2]

    images = BATCH["image"][6:]
    for one, other in (
        (read(images), read(0.2 * images)),
        (show([2, 3]), show([2, 2])),
    ):
        assert np.allclose(one, other, rtol=1e-4, atol=1e-5) != own_batch


@pytest.mark.parametrize("distance", infogan_terms.DISTANCES)
def test_copies_are_compared_by_the_distance_that_is_named(distance):
    config = _tiny(elastic_infogan.get_config("mnist,elastic"), distance=distance)
    rng = np.random.default_rng(3)
    first, second = rng.normal(size=(2, 5, 4)).astype(np.float32)
    estimates = [
        infogan_terms.networks.CodeEstimate(scores, None, None, None)
        for scores in (first, second)
    ]
    hparams = {"transformation_weight": 2.0, "entropy_weight": 0.5}
    parts = infogan_terms.Parts(config, {}, {}, {}, hparams)
    total, terms = jax.jit(lambda: infogan_terms.elastic(parts, *estimates))()
    a, b = (np.exp(_log_softmax(scores)) for scores in (first, second))
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    expected = {
        "squared": ((a - b) ** 2).sum(axis=1),
        "symmetric_kl": ((a - b) * (np.log(a) - np.log(b))).sum(axis=1),
        "cosine": 1 - (a * b).sum(axis=1) / length,
    }
    transformation = expected[distance].mean()
    entropy = -(a * np.log(a) + b * np.log(b)).sum(axis=1).mean()
    assert terms["transformation"] == pytest.approx(transformation, rel=1e-4)
    assert terms["entropy"] == pytest.approx(entropy, rel=1e-4)
    assert total == pytest.approx(2 * transformation + 0.5 * entropy, rel=1e-4)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("prior", "even", "prior is 'even'"),
        ("distance", "far", "distance is 'far'"),
        ("elastic", ("rotation",), "elastic has"),
        ("prior_probabilities", (0.5, 0.5), "expected 4 probabilities"),
    ],
)
def test_unknown_values_are_named(field, value, message):
    config = _tiny(infogan.get_config("mnist"))
    if field == "prior_probabilities":
        config.prior = "given"
    config[field] = value
    with pytest.raises(ValueError, match=message):
        METHODS["infogan"](config)


def test_the_eight_settings_and_their_splits():
    found = {}
    for name, (prior, elastic) in elastic_infogan.SETTINGS.items():
        config = elastic_infogan.get_config(f"mnist,split3,{name}")
        assert (config.prior, config.elastic) == (prior, elastic)
        assert max(config.sampler.class_counts) == 6300
        config.image_shape = (28, 28, 1)
        batch = training.make_method(config).batch
        assert batch == ("augmented" if elastic else "images")
        found[name] = config.sampler.class_counts
    assert len(set(found.values())) == 1
    given = elastic_infogan.get_config("mnist,split3,given").prior_probabilities
    assert sum(given) == pytest.approx(1.0)
    assert given[0] == pytest.approx(found["given"][0] / sum(found["given"]))
