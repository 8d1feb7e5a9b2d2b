"""Studies of correlated factors and of splits: what they train and what they score."""

import jax
import jax.numpy as jnp
import pytest

from dis_jax import studies, training


def untrained(config):
    """A model of a row before its first step."""
    config = config.copy_and_resolve_references()
    config.image_shape = (64, 64, 1)
    method = training.make_method(config)
    batch = {"image": jnp.zeros((2, 64, 64, 1))}
    state = jax.jit(method.init)(jax.random.key(0), batch)
    return studies.Trained(method, state, config, 0, None)


def scored(study, row):
    """The score with a few codes."""
    return study.score.func(untrained(study.rows[row]), codes=(120, 60))


def test_correlated_models_are_scored_on_both_sets_with_chance():
    study = studies.load_study(
        "shift_correlated:rendered_dsprites,small,steps2000,seeds1,beta_vae,width.2"
    )
    assert list(study.rows) == ["beta_vae, independent", "beta_vae, width 0.2"]
    dataset = study.rows["beta_vae, width 0.2"].dataset
    assert dataset == "rendered_dsprites+correlated(pos_x,pos_y,0.2)"
    found = scored(study, "beta_vae, width 0.2")
    columns = {"DCI disentanglement", "MIG", "MCC", "R2", "pair", "others"}
    assert {line: {*cells} for line, cells in found.lines.items()} == {
        "uniform": columns,
        "trained": columns,
    }
    assert found.chance["uniform"].keys() == {"MIG", "MCC", "R2"}
    assert found.lines["uniform"] != found.lines["trained"]


@pytest.mark.parametrize(
    ("split", "unseen"),
    [
        ("composition", None),
        ("extrapolation", {"scale", "orientation", "pos_x", "pos_y"}),
    ],
)
def test_splits_are_scored_inside_and_outside(split, unseen):
    study = studies.load_study(f"shift_splits:rendered_dsprites,small,beta_vae,{split}")
    (row,) = study.rows
    assert study.rows[row].dataset == f"rendered_dsprites+split({split}):train"
    found = scored(study, row)
    factors = {"scale", "orientation", "pos_x", "pos_y", "mean"}  # shape has no order
    assert found["inside"].keys() == found["outside"].keys() == factors
    assert found["inside"] != found["outside"]
    if unseen is None:
        assert "unseen value" not in found
    else:
        assert found["unseen value"].keys() == unseen | {"mean"}


def test_the_small_size_gives_all_methods_as_many_images():
    rows = studies.load_study("shift_correlated:small,rendered_dsprites").rows
    sizes = {row.split(",")[0]: config.batch_size for row, config in rows.items()}
    assert sizes == dict.fromkeys(sizes, 64) | {"ada_gvae": 32}
    assert rows["factor_vae, independent"].discriminator.widths == (128,) * 4
    assert {config.hparams.learning_rate for config in rows.values()} == {1e-3}
