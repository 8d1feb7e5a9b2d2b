"""What the step is compiled with."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax.training import program


@pytest.fixture(autouse=True)
def several_cores(monkeypatch):
    monkeypatch.setattr(program, "cpu_cores", lambda: 2)


def test_convolutions_are_taken_from_ynnpack_and_products_are_not():
    @jax.jit
    def both(x, kernel):
        y = jax.lax.conv_general_dilated(
            x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return y.reshape(len(y), -1) @ jnp.ones((y[0].size, 64))

    arrays = jnp.ones((8, 16, 16, 32)), jnp.ones((4, 4, 32, 32))
    options = program._compiler_options.__wrapped__()
    plain, ours = (
        both.lower(*arrays).compile(compiler_options=o) for o in ({}, options)
    )
    np.testing.assert_allclose(plain(*arrays), ours(*arrays), rtol=1e-5)
    fused = [body for body in ours.as_text().split("\n\n") if " convolution(" in body]
    assert len(fused) == 1
    assert fused[0].lstrip().startswith("ENTRY")  # by itself, in no library's fusion


def test_an_option_that_this_xla_lacks_is_left_out(monkeypatch):
    monkeypatch.setattr(program, "_SEVERAL_CORES", {"xla_cpu_no_such_option": "1"})
    assert program._compiler_options.__wrapped__() == {}


def test_one_core_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(program, "cpu_cores", lambda: 1)
    assert program._compiler_options.__wrapped__() == {}
