"""ML-VAE: gradients of the class code, and a batch of three groups by hand."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import data, losses, training
from dis_jax.methods import autoencoder
from dis_jax.methods.optimiser import scalars

GROUP = np.array([0, 1, 0, 3, 1, 0, 6, 3])


@pytest.fixture(scope="module")
def make(tiny_config):
    image, _ = data.load("rendered_dsprites").take(np.arange(8) * 40_009)
    batch = {"image": image, "group": GROUP}

    @functools.cache
    def start():
        method = training.make_method(tiny_config("ml_vae"))
        return jax.jit(method.init)(jax.random.key(0), batch)

    def make(noise_scale=1.0, **fields):
        config = tiny_config("ml_vae", **fields)
        method = training.make_method(config)
        hparams = {**config.hparams, "noise_scale": noise_scale}
        state = jax.tree.map(lambda leaf: leaf, start())
        # logvar heads of untrained networks would hide a wrong use of the variance
        head = state.params["encoder"]["logvar"]
        head["bias"] = jnp.array([-1.0, 0.5, -0.7])
        return config, method, state._replace(hparams=scalars(hparams)), batch

    return make


@pytest.fixture(scope="module")
def compiled(make):
    """Compiled updates by mode."""
    return functools.cache(lambda mode: jax.jit(make(mode=mode)[1].update))


def metrics_of(method):
    """The metrics of a step, jitted: gradients are not compiled."""
    return jax.jit(lambda state, batch: method.update(state, batch)[1])


def heads(state, config):
    """The parameters of the style's heads, and of the class code's."""
    style = config.network.latent - config.class_latent
    found = [
        state.params["encoder"][head][part]
        for head in ("mean", "logvar")
        for part in ("kernel", "bias")
    ]
    return [p[..., :style] for p in found], [p[..., style:] for p in found]


def moved(before, after):
    return [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize("mode", ["paper", "as_coded"])
def test_the_class_path_trains_in_paper_mode_alone(make, compiled, mode):
    config, _, state, batch = make(mode=mode)
    after, _ = compiled(mode)(state, batch)
    (style, own), (style_after, own_after) = (heads(s, config) for s in (state, after))
    assert all(moved(style, style_after))
    assert moved(own, own_after) == [mode == "paper"] * 4
    # the decoder uses the class code in both modes
    kernel = [s.params["decoder"]["Dense_0"]["kernel"][-1] for s in (state, after)]
    assert not np.array_equal(*kernel)


def styled(config, state, batch):
    """Means and log-variances of the images, and styles as a step samples them."""
    nets = autoencoder.make_networks(config)

    @jax.jit
    def sample(state):
        mean, logvar = autoencoder.encode(nets, state.params, batch["image"])
        key = jax.random.split(autoencoder.step_key(state, None), 4)[0]
        noise = jax.random.normal(key, (8, 2))
        return mean, logvar, mean[:, :2] + jnp.exp(logvar[:, :2] / 2) * noise

    return map(np.asarray, sample(state))


# covers each pair of values of two fields
@pytest.mark.parametrize(
    ("mode", "normaliser", "likelihood"),
    [
        ("paper", "groups", "bernoulli"),
        ("paper", "values", "squared_error"),
        ("as_coded", "groups", "squared_error"),
        ("as_coded", "values", "bernoulli"),
    ],
)
def test_the_loss_by_hand(make, mode, normaliser, likelihood):
    config, method, state, batch = make(
        mode=mode, normaliser=normaliser, likelihood=likelihood, noise_scale=0.0
    )
    state = state._replace(
        hparams=state.hparams
        | {"style_beta": jnp.float32(2.0), "class_beta": jnp.float32(3.0)}
    )
    metrics = metrics_of(method)(state, batch)

    mean, logvar, style = styled(config, state, batch)
    class_code, class_kl = np.zeros((8, 1)), {}
    for g in set(GROUP.tolist()):
        rows = np.flatnonzero(g == GROUP)
        precision = np.exp(-logvar[rows, 2])
        variance = 1 / precision.sum()
        centre = variance * (precision * mean[rows, 2]).sum()
        class_code[rows] = centre
        class_kl[g] = 0.5 * (centre**2 + variance - np.log(variance) - 1)
    codes = {"style": style, "class": np.float32(class_code)}
    p = np.asarray(jax.jit(method.decode)(state, codes))
    x = np.asarray(batch["image"])
    error = (p - x) ** 2
    if likelihood == "bernoulli":
        error = -x * np.log(p) - (1 - x) * np.log1p(-p)
    style_kl = np.asarray(jax.jit(losses.gaussian_kl)(mean[:, :2], logvar[:, :2]))
    kl_g = sum(class_kl.values())
    if mode == "as_coded":
        kl_g = sum(class_kl[g] for g in GROUP.tolist())  # once per image
    divisor = {"groups": 4, "values": 8 * 64 * 64}[normaliser]
    total = (error.sum() + 2 * style_kl.sum() + 3 * kl_g) / divisor

    np.testing.assert_allclose(metrics.loss, total, rtol=1e-4)
    np.testing.assert_allclose(metrics.reconstruction, error.sum() / 8, rtol=1e-4)
    np.testing.assert_allclose(metrics.style_kl, style_kl.mean(), rtol=1e-4)
    mean_kl = sum(class_kl.values()) / 4
    np.testing.assert_allclose(metrics.class_kl, mean_kl, rtol=1e-4)
    assert metrics.groups == 4


def test_group_numbers_mean_nothing_but_equality(make, compiled):
    _, _, state, batch = make(mode="paper")
    renamed = batch | {"group": GROUP * 1000 + 17}
    a, b = (compiled("paper")(state, x) for x in (batch, renamed))
    jax.tree.map(np.testing.assert_array_equal, a[1], b[1])
    jax.tree.map(np.testing.assert_array_equal, a[0].params, b[0].params)


@pytest.mark.parametrize("noise", ["group", "example"])
def test_members_of_a_group_share_their_noise_or_not(make, noise, monkeypatch):
    _, method, state, batch = make(noise=noise)
    seen = []
    group_noise = losses.group_noise

    def spy(*args, **options):
        drawn = group_noise(*args, **options)
        jax.debug.callback(seen.append, drawn)
        return drawn

    monkeypatch.setattr(losses, "group_noise", spy)
    jax.block_until_ready(metrics_of(method)(state, batch))
    jax.effects_barrier()
    drawn = np.asarray(seen[0])[:, 0]
    assert (drawn[0] == drawn[2] == drawn[5]) == (noise == "group")
    assert drawn[0] != drawn[1]


def test_the_swap_term_needs_another_member(make):
    """A group of one image has no member to swap with."""
    _, method, state, batch = make(swap=True)
    measure = metrics_of(method)
    metrics = measure(state, batch)
    assert metrics.swap_reconstruction > 0
    alone = measure(state, batch | {"group": np.arange(8)})
    assert alone.swap_reconstruction == 0
    without = metrics_of(make(swap=False)[1])(state, batch)
    assert without.swap_reconstruction == 0
    weight = state.hparams["swap_weight"]
    expected = without.loss + weight * metrics.swap_reconstruction * 8 / 4
    np.testing.assert_allclose(metrics.loss, expected, rtol=1e-5)


def test_the_swap_term_takes_the_partners_code_from_its_image_alone(make):
    config, method, state, batch = make(swap=True, noise_scale=0.0)
    # spread out, so that the decoder distinguishes the codes of members
    head = state.params["encoder"]["mean"]
    head["kernel"] = 100 * head["kernel"]
    metrics = metrics_of(method)(state, batch)
    mean, _, style = styled(config, state, batch)
    key = jax.random.split(autoencoder.step_key(state, None), 4)[2]
    partner = jax.jit(losses.swap_partners)(key, batch["group"])
    z = np.concatenate([style, mean[np.asarray(partner), 2:]], axis=1)
    nets = autoencoder.make_networks(config)
    logits = jax.jit(nets.decoder.apply)({"params": state.params["decoder"]}, z)
    nll = np.asarray(jax.jit(losses.bernoulli_nll)(logits, batch["image"]))
    wanted = nll.sum() - nll[6]  # the seventh is alone in its group
    np.testing.assert_allclose(metrics.swap_reconstruction, wanted / 8, rtol=1e-4)


@pytest.mark.parametrize("bias", [-30.0, 30.0])
def test_gradients_stay_finite_where_a_variance_goes_to_an_extreme(
    make, compiled, bias
):
    _, _, state, batch = make(mode="paper")
    state.params["encoder"]["logvar"]["bias"] = jnp.array([0.0, 0.0, bias])
    after, _ = compiled("paper")(state, batch)
    assert all(np.isfinite(p).all() for p in jax.tree.leaves(after.params))


@pytest.mark.parametrize(
    ("field", "value"),
    [("mode", "both"), ("noise", "none"), ("likelihood", "l1"), ("normaliser", "one")],
)
def test_a_wrong_choice_is_named(tiny_config, field, value):
    with pytest.raises(ValueError, match=field):
        training.make_method(tiny_config("ml_vae", **{field: value}))


@pytest.mark.parametrize("class_latent", [0, 3])
def test_each_code_needs_a_dimension(tiny_config, class_latent):
    with pytest.raises(ValueError, match="class_latent"):
        training.make_method(tiny_config("ml_vae", class_latent=class_latent))
