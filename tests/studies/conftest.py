"""Fixtures of the tests of studies."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import studies, training
from dis_jax.methods import State
from dis_jax.training.workdir import write_config


@pytest.fixture
def make_study(tiny_config, small_images):
    """A study of beta-VAEs of a few steps; each score identifies its model."""

    def make(steps=2, betas=(1.0, 4.0), seeds=(0, 1), **fields):
        rows = {}
        for beta in betas:
            config = tiny_config(
                "beta_vae", steps=steps, checkpoint_every=2, dataset=small_images
            )
            config.hparams.beta = beta
            rows[f"beta {beta:g}"] = config
        scored = []

        def score(trained):
            scored.append((float(trained.state.hparams["beta"]), trained.seed))
            kernel = jax.tree.leaves(trained.state.params)[0]
            return {
                "": {"steps": int(trained.state.step), "sum": float(kernel.sum())},
                "own": {"beta": float(trained.config.hparams.beta)},
            }

        study = studies.Study("tiny", "Tiny", rows, tuple(seeds), score, **fields)
        return study, scored

    return make


@pytest.fixture
def untrained(monkeypatch):
    """Replaces training: runs have a config and no model, to test the order of models."""

    def train(config, folder, data_dir=None):
        with training.held(folder / ".lock"):
            config = config.copy_and_resolve_references()
            config.image_shape = (8, 8, 1)
            write_config(folder, config)
        beta = np.float32(config.hparams.beta)
        params = {"w": beta + config.seed}
        return State(jnp.int32(config.steps), None, params, {}, {}, {"beta": beta})

    monkeypatch.setattr(training, "train", train)
