"""What a run would not use is refused before it begins."""

import jax
import pytest

from dis_jax import methods, own_code, training
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
    config.method = "my_module:my_method"  # reads what it wants
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
    """The same with that of each member, for some of the batch."""
    part = lambda state, terms: jax.lax.cond(
        state.step < 3, lambda: terms.kl, lambda: state.hparams["beta"] * terms.kl
    )
    return methods.regularised_vae(part, config, axis_name)


def test_members_of_a_method_that_reads_the_config_would_be_equal(tiny_config):
    config = tiny_config("beta_vae")
    config.method = own_code.name_of(_frozen)
    training.set_up(config)  # a single model has that beta
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
    )  # whose values are metrics of a step, and nothing else
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


def test_other_errors_of_a_method_stay_what_they_are(tiny_config):
    with (
        pytest.raises(OSError, match="a disk"),
        effects.fields_of_another(tiny_config("beta_vae")),
    ):
        raise OSError("a disk")
