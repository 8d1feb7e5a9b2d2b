"""Compiler options of the step."""

import jax
import numpy as np
import pytest

from dis_jax import compiler, data, training
from dis_jax.training import loop, program


@pytest.fixture(autouse=True)
def several_cores(monkeypatch):
    monkeypatch.setattr(compiler, "cpu_cores", lambda: 2)


def test_each_device_computes_its_share_of_a_batch(tiny_config):
    config = tiny_config("beta_vae", mesh=(1, -1), batch_size=16)
    config.network.update(encoder=(24,), decoder=(24,))
    run = loop.set_up(config)
    method, images, sampler = run.method, run.image_set, run.sampler
    state = program.init(method, sampler, images, run.members, population=False)
    steps = program._compile(method, sampler, run.mesh, False, vectorised=False)
    lowered = steps.lower(state, images, sampler.args, None, 2)  # type: ignore[attr-defined]
    text = lowered.compile().as_text()
    assert "f32[2,24]" in text
    assert "f32[16,24]" not in text
    assert "all-reduce" in text


@pytest.mark.slow
def test_gradients_are_the_same_with_either_library(tiny_config, monkeypatch):
    config = tiny_config("beta_vae")
    config.network = {"name": "conv", "latent": 3, "hidden": 16, "form": "pair"}
    method = training.make_method(config)._replace(by_parts=False)
    sprites = data.load("rendered_dsprites")
    sampler = data.images(sprites, 16)
    members = [training.Member(0, config.hparams)]
    state = program.init(method, sampler, sprites, members, population=False)
    plain = compiler.options.__wrapped__  # does not cache the cores
    monkeypatch.setattr(compiler, "options", plain)
    moments = []
    for cores in (1, 2):
        monkeypatch.setattr(compiler, "cpu_cores", lambda cores=cores: cores)
        mesh = training.make_mesh(1, 1, jax.devices()[:1])
        compiled = training.compile_program(method, sampler, sprites, mesh, unroll=True)
        carry, _ = compiled.run(compiled.load(state), 1)
        moments.append(compiled.dump(carry).opt_state["vae"].mu)
    for one, several in zip(*map(jax.tree.leaves, moments), strict=True):
        np.testing.assert_allclose(several, one, atol=1e-5 * np.abs(one).max())
