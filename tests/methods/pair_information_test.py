"""SDIM and EDIM: what meets what, what is moved by what, and what stays as it is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import edim, sdim
from dis_jax import losses, networks, training
from dis_jax.methods import pair_information
from dis_jax.training import pair_config

SPRITE_HEADS = {"shared": ("shape", "colour"), "exclusive": ("colour",)}


def make_batch(seed=0, size=16, batch=6):
    keys = jax.random.split(jax.random.key(seed), 4)
    labels = jax.random.randint(keys[2], (2, batch, 5), 0, 3)
    return {
        "x": jax.random.uniform(keys[0], (batch, size, size, 3)),
        "y": jax.random.uniform(keys[1], (batch, size, size, 3)),
        "factors_x": labels[0],
        "factors_y": labels[1],
        "colour_x": labels[0, :, 4],
        "colour_y": labels[1, :, 4],
    }


BATCH = make_batch()


@pytest.fixture(scope="module")
def make_config(tiny_config):
    def make_config(name, **fields):
        config = tiny_config(name, negatives="roll", **fields)
        role = "shared" if name == "sdim" else "exclusive"
        config.heads = {f"{role}_{side}": SPRITE_HEADS[role] for side in "xy"}
        return config

    return make_config


@pytest.fixture(scope="module")
def make(make_config):
    """Method, its compiled update, and the first state."""

    @functools.cache
    def begin(name, **networks):
        method = training.make_method(make_config(name, **networks))
        return jax.jit(method.init)(jax.random.key(0), BATCH)

    @functools.cache
    def make(name, **fields):
        method = training.make_method(make_config(name, **fields))
        # what meets what is no matter of the first state, which is long to compile
        networks = {k: v for k, v in fields.items() if k == "share_weights"}
        return method, jax.jit(method.update), begin(name, **networks)

    return make


@pytest.fixture(scope="module", params=["sdim", "edim"])
def parts(request, make):
    return make(request.param)


def differ(a, b, names=None):
    """The networks of two states whose parameters differ."""
    return {
        name
        for name in names or a.params
        if any(
            not np.array_equal(p, q)
            for p, q in zip(
                *map(jax.tree.leaves, (a.params[name], b.params[name])), strict=True
            )
        )
    }


def by_role(state, *roles):
    return {name for name in state.params if name.startswith(roles)}


def codes(state, role, side, *, train):
    """Map and vector of a view, by the networks alone."""
    latent = state.params[f"{role}_{side}"]["vector"]["bias"].shape[0]
    variables = {
        "params": state.params[f"{role}_{side}"],
        "batch_stats": state.stats[f"{role}_{side}"],
    }
    encoder = networks.MapEncoder(latent, (4, 4, 4))
    made = encoder.apply(
        variables, BATCH[side], train=train, mutable=["batch_stats"] if train else False
    )
    return made[0] if train else made


def by_hand(state, meets):
    """Global and local Jensen-Shannon objectives; only the map meets other rows."""
    found = []
    for role, module in (
        ("global", networks.GlobalStatistics(2, (8,))),
        ("local", networks.LocalStatistics((8,))),
    ):
        total = 0.0
        for side, (maps, vector) in meets.items():
            variables = {"params": state.params[f"{role}_{side}"]}
            joint = module.apply(variables, maps, vector)[0]
            marginal = module.apply(variables, jnp.roll(maps, 1, axis=0), vector)[0]
            total += losses.jensen_shannon(joint, marginal)
        found.append(total)
    return found


def test_no_rate_moves_another_networks_weights(parts):
    _, update, state = parts
    rates = sorted(name for name in state.hparams if name.endswith("learning_rate"))
    moved = {}
    for rate in rates:
        only = {name: jnp.float32(1e-3 * (name == rate)) for name in rates}
        after, _ = update(state._replace(hparams=state.hparams | only), BATCH)
        moved[rate] = differ(state, after)
    heads = {name for name in state.params if "shape" in name or "colour" in name}
    critics = by_role(state, "discriminator")
    assert heads
    assert moved["head_learning_rate"] == heads
    assert moved.get("discriminator_learning_rate", set()) == critics
    frozen = by_role(state, "shared") if critics else set()
    assert moved["learning_rate"] == {*state.params} - heads - critics - frozen


@pytest.mark.parametrize("switched", [True, False])
def test_switched_maps_meet_the_other_views_code(make, switched):
    _, update, state = make("sdim", **({} if switched else {"switched": False}))
    _, metrics = update(state, BATCH)
    (m_x, s_x), (m_y, s_y) = (codes(state, "shared", s, train=True) for s in "xy")
    meets = {"x": (m_x, s_y), "y": (m_y, s_x)}
    if not switched:
        meets = {"x": (m_x, s_x), "y": (m_y, s_y)}
    whole, local = by_hand(state, meets)
    np.testing.assert_allclose(metrics.global_information, whole, rtol=1e-4)
    np.testing.assert_allclose(metrics.local_information, local, rtol=1e-4)
    distance = np.abs(s_x - s_y).mean()
    np.testing.assert_allclose(metrics.distance, distance, rtol=1e-4)
    wanted = -0.5 * whole - local + 0.1 * distance
    np.testing.assert_allclose(metrics.loss, wanted, rtol=1e-4)


@pytest.mark.parametrize("crossed", [True, False])
def test_exclusive_maps_meet_the_shared_code_in_inference_mode(make, crossed):
    _, update, state = make("edim", **({} if crossed else {"crossed": False}))
    # running statistics that no batch has
    moved = jax.tree.map(lambda s: s + 0.3, state.stats["shared_x"])
    state = state._replace(stats=state.stats | {"shared_x": moved})
    _, metrics = update(state, BATCH)
    shared = {s: codes(state, "shared", s, train=False) for s in "xy"}
    exclusive = {s: codes(state, "exclusive", s, train=True) for s in "xy"}
    meets = {}
    for side, other in (("x", "y"), ("y", "x")):
        s = shared[other if crossed else side][1]
        maps = jnp.concatenate([shared[side][0], exclusive[side][0]], axis=-1)
        meets[side] = maps, jnp.concatenate([s, exclusive[side][1]], axis=1)
    whole, local = by_hand(state, meets)
    np.testing.assert_allclose(metrics.global_information, whole, rtol=1e-4)
    np.testing.assert_allclose(metrics.local_information, local, rtol=1e-4)
    critic = networks.CodeDiscriminator((8,))
    fooling = found = 0.0
    for side, (_, r) in meets.items():
        variables = {"params": state.params[f"discriminator_{side}"]}
        apart = jnp.concatenate([jnp.roll(r[:, :4], 1, axis=0), r[:, 4:]], axis=1)
        joint, apart = (critic.apply(variables, c) for c in (r, apart))
        fooling += jax.nn.softplus(-joint).mean()
        found += jax.nn.softplus(-apart).mean() + jax.nn.softplus(joint).mean()
    np.testing.assert_allclose(metrics.adversarial_loss, fooling, rtol=1e-4)
    np.testing.assert_allclose(metrics.discriminator_loss, found, rtol=1e-4)
    wanted = -0.5 * whole - local + 0.1 * fooling
    np.testing.assert_allclose(metrics.loss, wanted, rtol=1e-4)


def test_labels_move_the_heads_alone(parts):
    _, update, state = parts
    other = {k: (2 - v if v.dtype == jnp.int32 else v) for k, v in BATCH.items()}
    (a, _), (b, _) = update(state, BATCH), update(state, other)
    assert differ(a, b) == by_role(state, "head")


def test_unknown_labels_move_nothing(parts):
    _, update, state = parts
    unknown = {
        k: (jnp.full_like(v, -1) if v.dtype == jnp.int32 else v)
        for k, v in BATCH.items()
    }
    after, metrics = update(state, unknown)
    assert metrics.head_loss == 0
    assert not differ(after, state, by_role(state, "head"))
    assert differ(after, state, by_role(state, "local", "global"))


@pytest.mark.parametrize(("name", "role"), [("sdim", "shared"), ("edim", "exclusive")])
def test_heads_read_their_own_attribute_of_their_own_view(
    make, make_config, name, role
):
    _, update, state = make(name)
    after, metrics = update(state, BATCH)
    total = 0.0
    for side in "xy":
        _, code = codes(state, role, side, train=True)
        for attribute in SPRITE_HEADS[role]:
            colour = attribute == "colour"
            labels = BATCH[f"colour_{side}" if colour else f"factors_{side}"]
            labels = labels if colour else labels[:, 0]  # the shape
            head = f"head_{role}_{side}_{attribute}"
            logits, _ = networks.AttributeHead(12 if colour else 3).apply(
                {"params": state.params[head], "batch_stats": state.stats[head]},
                code,
                train=True,
                mutable=["batch_stats"],
            )
            total -= jax.nn.log_softmax(logits)[jnp.arange(6), labels].mean()
            right = (logits.argmax(axis=1) == labels).mean()
            said = getattr(metrics, f"{role}_{side}_{attribute}")
            np.testing.assert_allclose(said, right)
    np.testing.assert_allclose(metrics.head_loss, total, rtol=1e-4)
    later = metrics
    for _ in range(30):
        after, later = update(after, BATCH)
    assert later.head_loss < 0.9 * metrics.head_loss


def test_frozen_networks_and_their_statistics_never_change(make):
    _, update, state = make("edim", share_weights=True)
    after = state
    for seed in range(3):
        after, _ = update(after, make_batch(seed))
    assert differ(after, state) == set(state.params) - {"shared"}
    pairs = zip(
        *map(jax.tree.leaves, (after.stats["shared"], state.stats["shared"])),
        strict=True,
    )
    assert all(np.array_equal(a, b) for a, b in pairs)
    assert set(after.stats) == set(state.stats)
    assert not any("shared" in found.mu for found in state.opt_state.values())


def test_the_discriminators_see_stopped_codes_and_the_codes_a_stopped_discriminator(
    make,
):
    _, update, state = make("edim")

    def run(weight, shift=0.0):
        hparams = state.hparams | {"lambda_adversarial": jnp.float32(weight)}
        params = {
            name: jax.tree.map(lambda p: p + shift, tree)
            if name.startswith("discriminator")
            else tree
            for name, tree in state.params.items()
        }
        return update(state._replace(hparams=hparams, params=params), BATCH)

    critics = by_role(state, "discriminator")
    (a, metrics_a), (b, metrics_b) = run(0.0), run(0.0, shift=0.2)
    assert metrics_a.discriminator_loss != metrics_b.discriminator_loss
    assert differ(a, b) == critics  # without the weight no encoder knows of them
    c, _ = run(10.0)
    assert differ(a, c) == by_role(state, "exclusive")


def test_views_may_share_weights(make):
    method, update, state = make("sdim", share_weights=True)
    assert by_role(state, "shared", "local", "global") == {"shared", "local", "global"}
    _, found = update(state, BATCH | {"y": BATCH["x"]})
    assert found.distance == 0
    said = jax.jit(method.encode)(state, {"image": BATCH["x"]})
    np.testing.assert_array_equal(said["shared_x"], said["shared_y"])


def test_encoding_is_of_each_image_alone_unless_batch_statistics_are_asked_for(
    make, make_config
):
    _, _, state = make("sdim")
    halves = {"image": BATCH["x"]}, {"image": BATCH["x"].at[3:].set(0.0)}
    for flag in (False, True):
        method = training.make_method(make_config("sdim", batch_statistics=flag))
        encode = jax.jit(method.encode)
        whole, half = (encode(state, batch) for batch in halves)
        same = np.allclose(whole["shared_x"][:3], half["shared_x"][:3], atol=1e-6)
        assert same != flag
    assert whole["shared_x_shape"].logits.shape == (6, 3)


def test_grey_images_are_encoded_as_ones_of_three_equal_channels(make):
    method, _, state = make("sdim")
    encode = jax.jit(method.encode)
    grey = BATCH["x"][..., :1]
    white = encode(state, {"image": jnp.repeat(grey, 3, axis=-1)})
    found = encode(state, {"image": grey})
    np.testing.assert_allclose(found["shared_y"], white["shared_y"], rtol=1e-4)


def test_estimates_are_the_losses_of_the_scores_of_all_that_meet(make_config):
    module = networks.GlobalStatistics(0, (8,))
    maps = jax.random.normal(jax.random.key(0), (5, 2, 2, 3))
    vector = jax.random.normal(jax.random.key(1), (5, 4))
    variables = module.init(jax.random.key(2), maps, vector)
    score = lambda v, m: module.apply(variables, m[None], v[None])[0, 0]
    over_maps = jax.vmap(score, in_axes=(None, 0))
    matrix = jax.vmap(over_maps, in_axes=(0, None))(vector, maps)
    joint, marginal = jnp.diag(matrix), matrix[jnp.arange(5), jnp.arange(5) - 1]
    wanted = {
        "jensen_shannon": losses.jensen_shannon(joint, marginal),
        "donsker_varadhan": losses.donsker_varadhan(joint, marginal),
        "nwj": losses.nwj(joint, marginal),
        "info_nce": losses.info_nce(matrix),
    }
    assert set(wanted) == set(pair_information.ESTIMATORS)
    for estimator, value in wanted.items():
        config = make_config("sdim", estimator=estimator)
        params, shuffle = variables["params"], losses.roll_negatives
        found = pair_information.information(
            module, params, maps, vector, config, shuffle
        )
        np.testing.assert_allclose(found, value, rtol=1e-4)


def test_shared_encoders_come_from_sdim_with_their_statistics(make, make_config):
    _, update, source = make("sdim")
    source, _ = update(source, BATCH)
    _, _, state = make("edim")
    config = make_config("edim")
    grafted = training.graft(state, source, tuple(config.init_from.networks))
    for side in "xy":
        for tree in ("params", "stats"):
            jax.tree.map(
                np.testing.assert_array_equal,
                getattr(grafted, tree)[f"shared_{side}"],
                getattr(source, tree)[f"shared_{side}"],
            )
    config.shared_from = "runs/sdim"
    assert config.init_from.workdir == "runs/sdim"

    # one network of both views, from one such
    _, update, source = make("sdim", share_weights=True)
    source, _ = update(source, BATCH)
    _, _, state = make("edim", share_weights=True)
    grafted = training.graft(state, source, tuple(config.init_from.networks))
    assert not differ(grafted, source, {"shared"})
    with pytest.raises(ValueError, match="cannot copy network 'shared'"):
        training.graft(make("edim")[2], source, ("shared",))


def test_toys_are_seen_as_often_however_they_are_paired():
    for argument in ("smallnorb", "smallnorb,category", "smallnorb,coloured"):
        lengths = [c.get_config(argument).steps for c in (sdim, edim)]
        assert lengths == [pair_config.NORB_STEPS] * 2
    # the coloured pairs are of four instances: 16 epochs, as in the source
    assert pair_config.NORB_STEPS * 64 // (4 * 4860) == 16
    assert edim.get_config("mnist").steps < sdim.get_config("mnist").steps
    for config in (sdim, edim):
        for name in ("mnist", "smallnorb"):
            assert config.get_config(f"{name},demo").steps == 2_000


def test_mistakes_are_named(make_config):
    with pytest.raises(ValueError, match="estimator is 'mine'"):
        training.make_method(make_config("sdim", estimator="mine"))
    config = make_config("sdim")
    config.heads = {"shared_x": ("digit",)}
    with pytest.raises(ValueError, match="attributes describes colour"):
        training.make_method(config)
    config.heads = {"exclusive_x": ("shape",)}
    with pytest.raises(ValueError, match="heads has 'exclusive_x'"):
        training.make_method(config)
