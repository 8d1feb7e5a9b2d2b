"""Settings that a run would not use are refused before it begins."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest

from dis_jax import methods, networks, own_code, training
from dis_jax.methods import optimiser
from dis_jax.training import effects, fields


@pytest.mark.parametrize(
    ("name", "group"),
    [("beta", "hparams"), ("latent", "network"), ("b1", "optimiser")],
)
def test_a_field_beside_its_group_is_refused_and_can_still_be_read(name, group):
    config = training.load_config("beta_vae")
    config[name] = 3
    fields.check(config)
    with pytest.raises(ValueError, match=rf"config\.{name}; did you mean .*{group}\."):
        effects.check(config)
    config.method = "my_module:my_method"  # may read any field
    effects.check(config)


def test_a_list_without_effect_makes_no_population(tiny_config):
    config = tiny_config("infogan", elastic=())
    config.population.contrastive_weight = (1.0, 2.0)
    message = (
        r"population\.contrastive_weight has no effect.*other fields of this config"
    )
    with pytest.raises(ValueError, match=message):
        training.set_up(config)
    config.elastic = ("contrastive",)
    assert training.set_up(config).population == 2


def _frozen(config, axis_name=None):
    """A beta-VAE with the beta of the config."""
    beta = float(config.hparams.beta)
    return methods.regularised_vae(
        lambda state, terms: beta * terms.kl, config, axis_name
    )


def _penalised(config, axis_name=None):
    """The same with the beta of each member, from step 3 on."""
    part = lambda state, terms: jax.lax.cond(
        state.step < 3, lambda: terms.kl, lambda: state.hparams["beta"] * terms.kl
    )
    return methods.regularised_vae(part, config, axis_name)


def test_members_of_a_method_that_reads_the_config_would_be_equal(tiny_config):
    config = tiny_config("beta_vae")
    config.method = own_code.name_of(_frozen)
    training.set_up(config)  # a single model has this beta
    config.population.beta = (1.0, 4.0)
    message = r"population\.beta has no effect.*Read it from `state\.hparams`"
    with pytest.raises(ValueError, match=message):
        training.set_up(config)
    config.population.beta = (
        {
            "schedule": "linear",
            "init_value": 0.0,
            "end_value": 1.0,
            "transition_steps": 2,
        },
        4.0,
    )  # its values are only metrics of a step
    with pytest.raises(ValueError, match=message):
        training.set_up(config)
    config.method = own_code.name_of(_penalised)
    assert training.set_up(config).population == 2


def test_a_hyperparameter_of_another_method_is_refused(tiny_config):
    config = tiny_config("beta_vae")
    config.hparams.gamma = 1.0
    with pytest.raises(
        ValueError, match=r"hparams\.gamma has no effect: beta_vae has no"
    ):
        training.set_up(config)


@pytest.mark.parametrize(
    ("made_for", "changes", "message"),
    [
        ("vae", {"method": "beta_vae"}, r"lacks hparams\.beta\. Use --config=beta_vae"),
        ("vae", {"method": "factor_vae"}, "lacks discriminator, .*--config=factor_vae"),
        ("beta_vae", {"network.name": "mlp"}, r"lacks network\.decoder.*=beta_vae:mlp"),
        ("beta_vae:mlp", {"network.name": "conv"}, r"lacks network\.form.*=beta_vae,"),
    ],
)
def test_a_config_of_another_method_or_network_is_named(made_for, changes, message):
    config = training.load_config(made_for)
    config.update_from_flattened_dict(changes)
    with pytest.raises(ValueError, match=message):
        training.set_up(config)


def test_a_field_that_networks_do_not_take_is_named_with_those_that_they_take(
    tiny_config,
):
    config = tiny_config("beta_vae", **{"network.dropout": 0.3})
    with pytest.raises(
        ValueError, match=r"network\.dropout: the networks of beta_vae take"
    ):
        training.set_up(config)


def _with_dropout(config, output_shape):
    """User-defined networks that read fields of their own."""
    assert config.hparams.dropout + config.depth == 2
    return networks.MLPEncoder(3, widths=(8,)), networks.MLPDecoder(output_shape, (8,))


def test_networks_of_ones_own_may_read_fields_of_their_own(tiny_config):
    config = tiny_config("beta_vae", **{"hparams.dropout": 1.0})
    config.depth = 1
    config.network = {
        "name": own_code.name_of(_with_dropout),
        "latent": 3,
        "depth": 0,
    }
    training.set_up(config)


class _Hparams(NamedTuple):
    beta: jax.Array


def _named(config, axis_name=None):
    """A method whose hyperparameters are not a dict."""
    method = methods.beta_vae(config, axis_name)

    def as_dict(state):
        rest = optimiser.scalars(config.hparams)
        return state._replace(hparams=rest | state.hparams._asdict())

    def update(state, batch):
        after, metrics = method.update(as_dict(state), batch)
        return after._replace(hparams=state.hparams), metrics

    def init(key, batch):
        return method.init(key, batch)._replace(hparams=_Hparams(jnp.float32(4)))

    return method._replace(init=init, update=update)


def _uncounted(config, axis_name=None):
    """A method that does not count its steps."""
    method = methods.beta_vae(config, axis_name)

    def update(state, batch):
        after, metrics = method.update(state, batch)
        return after._replace(step=state.step), metrics

    return method._replace(update=update)


def test_a_step_that_is_not_counted_ends_a_run_before_its_first(tiny_config, tmp_path):
    config = tiny_config("beta_vae", steps=2, tensorboard=False)
    config.method = own_code.name_of(_uncounted)
    for seeds in ((), (0, 1)):
        config.population.seed = seeds
        with pytest.raises(
            ValueError, match=r"state\.step from 0 into 0; expected step=s"
        ):
            training.train(config, tmp_path / f"run{len(seeds)}")


def test_hyperparameters_of_another_form_are_left_alone(tiny_config):
    config = tiny_config("beta_vae")
    config.method = own_code.name_of(_named)
    training.set_up(config)


def test_a_run_that_has_a_field_without_effect_goes_on(
    tiny_config, small_images, tmp_path, monkeypatch
):
    config = tiny_config("beta_vae", dataset=small_images, steps=2, checkpoint_every=2)
    config.image_shape, config.tensorboard = (8, 8, 1), False
    config.hparams.warmth = 1.0
    with monkeypatch.context() as earlier:
        earlier.setattr(effects, "check_hparams", lambda *arguments: None)
        training.train(config, tmp_path)
    config.steps = 4
    assert int(training.train(config, tmp_path).step) == 4


def test_other_errors_of_a_method_stay_what_they_are(tiny_config):
    with (
        pytest.raises(OSError, match="a disk"),
        effects.fields_of_another(tiny_config("beta_vae")),
    ):
        raise OSError("a disk")
