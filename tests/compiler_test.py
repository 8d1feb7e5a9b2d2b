"""Compiler options of large programs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dis_jax import compiler


@pytest.fixture(autouse=True)
def several_cores(monkeypatch):
    monkeypatch.setattr(compiler, "cpu_cores", lambda: 2)


def test_convolutions_are_taken_from_ynnpack_and_products_and_sums_are_not():
    @jax.jit
    def both(x, kernel):
        y = jax.lax.conv_general_dilated(
            x, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return y.reshape(len(y), -1) @ jnp.ones((y[0].size, 64)), y.sum((0, 1, 2))

    arrays = jnp.ones((8, 16, 16, 32)), jnp.ones((4, 4, 32, 32))
    options = compiler.options.__wrapped__()
    plain, ours = (
        both.lower(*arrays).compile(compiler_options=o) for o in ({}, options)
    )
    for found, wanted in zip(ours(*arrays), plain(*arrays), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
    bodies = ours.as_text().split("\n\n")
    fused = [body for body in bodies if " convolution(" in body]
    assert len(fused) == 1
    assert fused[0].lstrip().startswith("ENTRY")  # alone, in no library's fusion
    # The sum is in a fusion: by default, XLA makes it a slow loop over windows.
    assert "reduce-window" not in ours.as_text()
    sums = [body for body in bodies if " reduce(" in body]
    assert sums
    assert not any(body.lstrip().startswith("ENTRY") for body in sums)


def test_two_cores_compute_two_parts_of_a_batch_side_by_side(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    assert [compiler.parts(n) for n in (1, 15, 16, 17, 64)] == [1, 1, 2, 2, 2]
    for cores in (1, 4):
        monkeypatch.setattr(compiler, "cpu_cores", lambda cores=cores: cores)
        assert compiler.parts(64) == 1
    monkeypatch.setattr(compiler, "cpu_cores", lambda: 2)
    monkeypatch.setattr(jax, "device_count", lambda: 8)
    assert compiler.parts(64) == 1
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert compiler.parts(64) == 1


def test_convolutions_of_parts_are_ynnpacks(monkeypatch):
    assert compiler.options.__wrapped__(True) == compiler.level()
    of_all_cores = compiler.options.__wrapped__()
    assert of_all_cores != compiler.level()
    monkeypatch.setattr(compiler, "cpu_cores", lambda: 4)
    assert compiler.options.__wrapped__(True) == of_all_cores


def test_an_option_that_this_xla_lacks_is_left_out(monkeypatch):
    monkeypatch.setattr(compiler, "_SEVERAL_CORES", {"xla_cpu_no_such_option": "1"})
    assert compiler.options.__wrapped__() == {}


def test_a_gpu_compiles_no_triton_products_unless_asked_for(monkeypatch):
    compiled = jax.jit(lambda x: x).lower(0).compile  # shows that XLA has the option
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setenv("XLA_FLAGS", "")
    options = compiler.options.__wrapped__()
    assert options == {"xla_gpu_enable_triton_gemm": "False"}
    compiled(compiler_options=options)
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_enable_triton_gemm=true")
    assert compiler.options.__wrapped__() == {}


def test_one_core_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(compiler, "cpu_cores", lambda: 1)
    assert compiler.options.__wrapped__() == {}


def test_fewer_optimisations_give_the_same_bits(monkeypatch):
    @jax.jit
    def draws(key):
        normal = jax.random.normal(key, (100,))
        return jnp.exp(0.5 * normal) * normal + normal

    monkeypatch.setenv("XLA_FLAGS", "")
    key = jax.random.key(0)
    of_xla = {"xla_backend_optimization_level": "3"}
    found = [
        draws.lower(key).compile(compiler_options=o)(key)
        for o in (of_xla, compiler.level())
    ]
    assert compiler.level() != {}
    np.testing.assert_array_equal(*found)


def test_a_level_that_the_user_sets_stays(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    assert compiler.level() == {}


def test_a_compiled_function_is_part_of_the_program_around_it():
    """JAX refuses options inside another program."""
    halve = compiler.compiled(lambda how, x: how(x) / 2, static_argnums=(0,))
    x = np.arange(3.0)
    np.testing.assert_array_equal(halve(jnp.square, x), [0, 0.5, 2])
    around = jax.jit(lambda y: halve(jnp.square, x) + y)  # none of its arguments traced
    np.testing.assert_array_equal(around(1.0), [1, 1.5, 3])
    slopes = jax.grad(lambda x: halve(jnp.square, x).sum())(x)
    np.testing.assert_array_equal(slopes, x)
