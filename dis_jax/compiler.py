"""How XLA compiles models: its options, and parts of a batch that run side by side."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from dis_jax.provenance import cpu_cores

# XLA hands a CPU's convolutions to YNNPACK, which runs each on one core. Where a batch is
# not computed in parts, Eigen's are faster on several cores, which use all of them: on two
# cores a step of EDIM takes 6 % less time. Products and sums stay with YNNPACK: the
# gradient of a bias over 64 maps of 32x32 takes .3 ms, without it 3.6.
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
# Parts of a batch that two cores compute side by side, and the least examples of each.
# With more cores, for which this is not measured, Eigen's convolutions use all of them.
_PARTS, _LEAST = 2, 8


def level() -> dict[str, str]:
    """Compiler options for programs with random numbers; a level in XLA_FLAGS stays."""
    return _unless_given({_LEVEL: "2"}) if jax.default_backend() == "cpu" else {}


def _unless_given(option: dict[str, str]) -> dict[str, str]:
    given = os.environ.get("XLA_FLAGS", "")
    return {name: value for name, value in option.items() if name not in given}


@functools.cache
def options(by_parts: bool = False) -> dict[str, str]:
    """Compiler options for large programs on the default device; XLA_FLAGS come first.

    Eigen's convolutions round by the size of a batch, in the seventh digit: with
    YNNPACK's, an image gives the same bits in any batch.

    Args:
      by_parts: see `Method`; then convolutions are those of `parts` of a batch.

    Returns:
      The options by name.
    """
    if jax.default_backend() == "gpu":
        return _known(_unless_given(_WITHOUT_TRITON))
    in_parts = by_parts and cpu_cores() == _PARTS
    if jax.default_backend() != "cpu" or cpu_cores() == 1 or in_parts:
        return level()
    return level() | _known(_SEVERAL_CORES)


def parts(examples: int) -> int:
    """How many parts of a batch a convolutional network computes side by side.

    On a CPU, XLA runs convolutions that do not depend on each other at the same time, one
    on each core. On two cores a step in two parts takes 11 to 18 % less time than with
    Eigen's convolutions, which copy their input more often. Several devices have their own
    parts of a batch already.

    Args:
      examples: in the batch.

    Returns:
      The number of parts: two on a CPU with two cores, if each has at least 8 examples.
    """
    if jax.default_backend() != "cpu" or jax.device_count() > 1:
        return 1
    return _PARTS if cpu_cores() == _PARTS and examples >= _PARTS * _LEAST else 1


def _known(wanted: dict[str, str]) -> dict[str, str]:
    """The options, or none of them if this version of XLA does not have one."""
    try:
        jax.jit(lambda x: x, compiler_options=wanted).lower(0).compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return wanted


def compiled(
    function: Callable[..., Any],
    static_argnums: tuple[int, ...] = (),
    *,
    by_parts: bool = False,
) -> Callable[..., Any]:
    """`function`, compiled with `options` at its first call.

    JAX takes options for an outermost program only. Within another program or a gradient,
    the function is therefore compiled without.
    """
    plain = jax.jit(function, static_argnums=static_argnums)

    @functools.cache  # not before the first call: `options` starts the backend
    def outermost() -> Callable[..., Any]:
        return jax.jit(
            function,
            static_argnums=static_argnums,
            compiler_options=options(by_parts),
        )

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        # Within a program all that is made is traced, even if no argument is.
        values = jax.tree.leaves((args, jnp.zeros(())))
        traced = any(isinstance(value, jax.core.Tracer) for value in values)
        return (plain if traced else outermost())(*args)

    return call
