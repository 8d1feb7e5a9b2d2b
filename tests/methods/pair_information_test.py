"""SDIM and EDIM: which codes are paired, which networks are trained, which are frozen."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import edim, sdim
from dis_jax import losses, networks, training
from dis_jax.methods import pair_information
from dis_jax.training import pair_config

HEADS = {
    "sdim": {"shared_x": ("shape", "colour"), "shared_y": ("colour",)},
    "edim": {"exclusive_x": ("colour",), "exclusive_y": ("colour",)},
}


def make_batch(seed=0, size=16, batch=6):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (2, batch, 5), np.int32)
    return {
        "x": rng.random((batch, size, size, 3), np.float32),
        "y": rng.random((batch, size, size, 3), np.float32),
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
        config.heads = HEADS[name]
        return config

    return make_config


@pytest.fixture(scope="module")
def make(make_config, first_state):
    """Method and first state."""

    @functools.cache
    def make(name, **fields):
        method = training.make_method(make_config(name, **fields))
        return method, first_state(method, BATCH)

    return make


@pytest.fixture(scope="module")
def compiled(make):
    """Compiled update and first state."""

    @functools.cache
    def compiled(name):
        method, state = make(name)
        return jax.jit(method.update), state

    return compiled


@pytest.fixture(scope="module")
def measure(make_config, compiled):
    """Metrics of a step; for other fields, without gradients, which compile slowly."""

    def measure(name, state, batch, **fields):
        if not fields:
            return compiled(name)[0](state, batch)[1]
        method = training.make_method(make_config(name, **fields))
        return jax.jit(lambda *given: method.update(*given)[1])(state, batch)

    return measure


@pytest.fixture(scope="module", params=["sdim", "edim"])
def parts(request, compiled):
    return compiled(request.param)


def differ(a, b, names=None):
    """Names of the networks whose parameters differ between two states."""
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
    """Map and vector of a view, computed by the networks alone."""
    network = state.params[f"{role}_{side}"], state.stats[f"{role}_{side}"]
    return _codes(*network, BATCH[side], train=train)


@functools.partial(jax.jit, static_argnames="train")
def _codes(params, stats, images, *, train):
    encoder = networks.MapEncoder(params["vector"]["bias"].shape[0], (4, 4, 4))
    variables = {"params": params, "batch_stats": stats}
    mutable = ["batch_stats"] if train else False
    made = encoder.apply(variables, images, train=train, mutable=mutable)
    return made[0] if train else made


@jax.jit
def by_hand(state, meets):
    """Global and local Jensen-Shannon objectives; negatives permute only the map."""
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
    update, state = parts
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
def test_switched_maps_meet_the_other_views_code(make, measure, switched):
    _, state = make("sdim")
    metrics = measure("sdim", state, BATCH, **({} if switched else {"switched": False}))
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
def test_exclusive_maps_meet_the_shared_code_in_inference_mode(make, measure, crossed):
    _, state = make("edim")
    # running statistics that differ from those of any batch
    moved = jax.tree.map(lambda s: np.asarray(s) + 0.3, state.stats["shared_x"])
    state = state._replace(stats=state.stats | {"shared_x": moved})
    metrics = measure("edim", state, BATCH, **({} if crossed else {"crossed": False}))
    shared = {s: codes(state, "shared", s, train=False) for s in "xy"}
    exclusive = {s: codes(state, "exclusive", s, train=True) for s in "xy"}
    meets = {}
    for side, other in (("x", "y"), ("y", "x")):
        s = shared[other if crossed else side][1]
        maps = np.concatenate([shared[side][0], exclusive[side][0]], axis=-1)
        meets[side] = maps, np.concatenate([s, exclusive[side][1]], axis=1)
    whole, local = by_hand(state, meets)
    np.testing.assert_allclose(metrics.global_information, whole, rtol=1e-4)
    np.testing.assert_allclose(metrics.local_information, local, rtol=1e-4)
    critic = jax.jit(networks.CodeDiscriminator((8,)).apply)
    fooling = found = 0.0
    for side, (_, r) in meets.items():
        variables = {"params": state.params[f"discriminator_{side}"]}
        apart = np.concatenate([np.roll(r[:, :4], 1, axis=0), r[:, 4:]], axis=1)
        joint, apart = (np.asarray(critic(variables, c)) for c in (r, apart))
        fooling += np.logaddexp(0, -joint).mean()  # softplus
        found += np.logaddexp(0, -apart).mean() + np.logaddexp(0, joint).mean()
    np.testing.assert_allclose(metrics.adversarial_loss, fooling, rtol=1e-4)
    np.testing.assert_allclose(metrics.discriminator_loss, found, rtol=1e-4)
    wanted = -0.5 * whole - local + 0.1 * fooling
    np.testing.assert_allclose(metrics.loss, wanted, rtol=1e-4)


def test_labels_move_the_heads_alone(parts):
    update, state = parts
    other = {k: (2 - v if v.dtype == np.int32 else v) for k, v in BATCH.items()}
    (a, _), (b, _) = update(state, BATCH), update(state, other)
    assert differ(a, b) == by_role(state, "head")


def test_unknown_labels_move_nothing(parts):
    update, state = parts
    unknown = {
        k: (np.full_like(v, -1) if v.dtype == np.int32 else v) for k, v in BATCH.items()
    }
    after, metrics = update(state, unknown)
    assert metrics.head_loss == 0
    assert not differ(after, state, by_role(state, "head"))
    assert differ(after, state, by_role(state, "local", "global"))


@functools.partial(jax.jit, static_argnames="classes")
def predict(params, stats, code, *, classes):
    variables = {"params": params, "batch_stats": stats}
    return networks.AttributeHead(classes).apply(
        variables, code, train=True, mutable=["batch_stats"]
    )[0]


@pytest.mark.parametrize("name", HEADS)
def test_heads_read_their_own_attribute_of_their_own_view(compiled, name):
    update, state = compiled(name)
    after, metrics = update(state, BATCH)
    total = 0.0
    for source, attributes in HEADS[name].items():
        role, side = source.split("_")
        _, code = codes(state, role, side, train=True)
        for attribute in attributes:
            colour = attribute == "colour"
            labels = BATCH[f"colour_{side}" if colour else f"factors_{side}"]
            labels = labels if colour else labels[:, 0]  # the shape
            head = f"head_{source}_{attribute}"
            network = state.params[head], state.stats[head]
            logits = predict(*network, code, classes=12 if colour else 3)
            logits = np.asarray(logits, np.float64)
            given = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
            total -= given[np.arange(6), labels].mean()
            right = (logits.argmax(axis=1) == labels).mean()
            said = getattr(metrics, f"{source}_{attribute}")
            np.testing.assert_allclose(said, right)
    np.testing.assert_allclose(metrics.head_loss, total, rtol=1e-4)
    later = metrics
    for _ in range(30):
        after, later = update(after, BATCH)
    assert later.head_loss < 0.9 * metrics.head_loss


def test_frozen_networks_and_their_statistics_never_change(compiled):
    update, state = compiled("edim")
    after = state
    for seed in range(3):
        after, _ = update(after, make_batch(seed))
    frozen = by_role(state, "shared")
    assert differ(after, state) == set(state.params) - frozen
    for name in frozen:
        jax.tree.map(
            np.testing.assert_array_equal, after.stats[name], state.stats[name]
        )
    assert set(after.stats) == set(state.stats)
    assert all(frozen.isdisjoint(found.mu) for found in state.opt_state.values())


def test_the_discriminators_see_stopped_codes_and_the_codes_a_stopped_discriminator(
    compiled,
):
    update, state = compiled("edim")

    def run(weight, shift=0.0):
        hparams = state.hparams | {"lambda_adversarial": jnp.float32(weight)}
        params = {
            name: jax.tree.map(lambda p: np.asarray(p) + np.float32(shift), tree)
            if name.startswith("discriminator")
            else tree
            for name, tree in state.params.items()
        }
        return update(state._replace(hparams=hparams, params=params), BATCH)

    critics = by_role(state, "discriminator")
    (a, metrics_a), (b, metrics_b) = run(0.0), run(0.0, shift=0.2)
    assert metrics_a.discriminator_loss != metrics_b.discriminator_loss
    assert differ(a, b) == critics  # without the weight, no encoder depends on them
    c, _ = run(10.0)
    assert differ(a, c) == by_role(state, "exclusive")


def test_views_may_share_weights(make, measure):
    method, state = make("sdim", share_weights=True)
    assert by_role(state, "shared", "local", "global") == {"shared", "local", "global"}
    found = measure("sdim", state, BATCH | {"y": BATCH["x"]}, share_weights=True)
    assert found.distance == 0
    said = jax.jit(method.encode)(state, {"image": BATCH["x"]})
    np.testing.assert_array_equal(said["shared_x"], said["shared_y"])


def test_encoding_is_of_each_image_alone_unless_batch_statistics_are_asked_for(
    make, make_config
):
    _, state = make("sdim")
    half = BATCH["x"].copy()
    half[3:] = 0.0
    halves = {"image": BATCH["x"]}, {"image": half}
    for flag in (False, True):
        method = training.make_method(make_config("sdim", batch_statistics=flag))
        encode = jax.jit(method.encode)
        whole, half = (encode(state, batch) for batch in halves)
        same = np.allclose(whole["shared_x"][:3], half["shared_x"][:3], atol=1e-6)
        assert same != flag
    assert whole["shared_x_shape"].logits.shape == (6, 3)


def test_grey_images_are_encoded_as_ones_of_three_equal_channels(make):
    method, state = make("sdim")
    encode = jax.jit(method.encode)
    grey = BATCH["x"][..., :1]
    white = encode(state, {"image": np.repeat(grey, 3, axis=-1)})
    found = encode(state, {"image": grey})
    np.testing.assert_allclose(found["shared_y"], white["shared_y"], rtol=1e-4)


def test_estimates_are_the_losses_of_the_scores_of_all_that_meet(make_config):
    module = networks.GlobalStatistics(0, (8,))
    rng = np.random.default_rng(0)
    maps = rng.normal(size=(5, 2, 2, 3)).astype(np.float32)
    vector = rng.normal(size=(5, 4)).astype(np.float32)
    variables = jax.jit(module.init)(jax.random.key(2), maps, vector)

    @jax.jit
    def by_matrix():
        score = lambda v, m: module.apply(variables, m[None], v[None])[0, 0]
        over_maps = jax.vmap(score, in_axes=(None, 0))
        matrix = jax.vmap(over_maps, in_axes=(0, None))(vector, maps)
        joint, marginal = jnp.diag(matrix), matrix[np.arange(5), np.arange(5) - 1]
        return {
            "jensen_shannon": losses.jensen_shannon(joint, marginal),
            "donsker_varadhan": losses.donsker_varadhan(joint, marginal),
            "nwj": losses.nwj(joint, marginal),
            "info_nce": losses.info_nce(matrix),
        }

    @jax.jit
    def by_method():
        return {
            estimator: pair_information.information(
                *(module, variables["params"], maps, vector),
                make_config("sdim", estimator=estimator),
                losses.roll_negatives,
            )
            for estimator in pair_information.ESTIMATORS
        }

    found, wanted = by_method(), by_matrix()
    assert set(wanted) == set(found)
    for estimator, value in wanted.items():
        np.testing.assert_allclose(found[estimator], value, rtol=1e-4)


def test_shared_encoders_come_from_sdim_with_their_statistics(make, make_config):
    def trained(**fields):
        moved = lambda tree: jax.tree.map(lambda leaf: np.asarray(leaf) + 0.1, tree)
        _, state = make("sdim", **fields)
        return state._replace(params=moved(state.params), stats=moved(state.stats))

    source = trained()
    _, state = make("edim")
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

    # one network for both views, copied from one such network
    source = trained(share_weights=True)
    _, shared = make("edim", share_weights=True)
    grafted = training.graft(shared, source, tuple(config.init_from.networks))
    assert not differ(grafted, source, {"shared"})
    assert not any("shared" in found.mu for found in shared.opt_state.values())
    with pytest.raises(ValueError, match="cannot copy network 'shared'"):
        training.graft(state, source, ("shared",))


def test_instances_are_seen_as_often_however_they_are_paired():
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
