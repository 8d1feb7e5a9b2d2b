"""Options of XLA's compiler for models."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from dis_jax.provenance import cpu_cores

# XLA hands a CPU's convolutions to YNNPACK, which runs each on one core; Eigen's use
# all, 4 against 7 ms for one of 32 channels on two cores. Products and sums stay with
# YNNPACK: the gradient of a bias over 64 maps of 32x32 takes .3 ms, without it 3.6.
_SEVERAL_CORES = {
    "xla_cpu_experimental_ynn_fusion_type": (
        "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"
    )
}

# XLA compiles many versions of Triton's matrix products and takes the fastest. On an NVIDIA
# H200 this is 70 of the 90 s in which three FactorVAEs side by side compile; without it
# their step takes 30 % less time. The step of one FactorVAE takes 1.5 % more.
_WITHOUT_TRITON = {"xla_gpu_enable_triton_gemm": "False"}

# XLA's default is level 3, at which LLVM copies the loops of random numbers for each
# outcome of their conditions: two thirds of the time that an initial state takes to
# compile, a fifth to a third of that of a step. Steps are as fast at level 2, bit for bit
# the same; at level 1 they differ.
_LEVEL = "xla_backend_optimization_level"


def level() -> dict[str, str]:
    """Compiler options for programs with random numbers; a level in XLA_FLAGS stays."""
    return _unless_given({_LEVEL: "2"}) if jax.default_backend() == "cpu" else {}


def _unless_given(option: dict[str, str]) -> dict[str, str]:
    given = os.environ.get("XLA_FLAGS", "")
    return {name: value for name, value in option.items() if name not in given}


@functools.cache
def options() -> dict[str, str]:
    """Compiler options for large programs on the default device; XLA_FLAGS come first.

    Eigen rounds by the size of a batch, in the seventh digit: without the options, an
    image gives the same bits in any batch.
    """
    if jax.default_backend() == "gpu":
        return _known(_unless_given(_WITHOUT_TRITON))
    if jax.default_backend() != "cpu" or cpu_cores() == 1:
        return level()
    return level() | _known(_SEVERAL_CORES)


def _known(wanted: dict[str, str]) -> dict[str, str]:
    """The options, or none of them if this version of XLA does not have one."""
    try:
        jax.jit(lambda x: x, compiler_options=wanted).lower(0).compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return wanted


def compiled(
    function: Callable[..., Any], static_argnums: tuple[int, ...] = ()
) -> Callable[..., Any]:
    """`function`, compiled with `options` at its first call.

    JAX takes options for an outermost program only. Within another program or a gradient,
    the function is therefore compiled without.
    """
    plain = jax.jit(function, static_argnums=static_argnums)

    @functools.cache  # not before the first call: `options` starts the backend
    def outermost() -> Callable[..., Any]:
        return jax.jit(
            function, static_argnums=static_argnums, compiler_options=options()
        )

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        # Within a program all that is made is traced, even if no argument is.
        values = jax.tree.leaves((args, jnp.zeros(())))
        traced = any(isinstance(value, jax.core.Tracer) for value in values)
        return (plain if traced else outermost())(*args)

    return call
