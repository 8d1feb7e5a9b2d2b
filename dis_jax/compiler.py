"""Compiler options of XLA, and the number of parts of a batch that run in parallel."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.core
import jax.numpy as jnp

from dis_jax.provenance import cpu_cores

# On a CPU, XLA computes convolutions with YNNPACK, which runs each on one core. If a batch
# is not split into parts, Eigen's convolutions are faster on several cores, because each
# uses all cores: on two cores a step of EDIM takes 6 % less time. Products and sums stay
# with YNNPACK: the gradient of a bias over 64 maps of 32x32 takes .3 ms, and 3.6 ms
# without YNNPACK.
_SEVERAL_CORES = {
    "xla_cpu_experimental_ynn_fusion_type": (
        "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"
    )
}

# XLA compiles many versions of Triton's matrix products and takes the fastest. On an NVIDIA
# H200 this takes 70 of the 90 s of compile time of a population of three FactorVAEs;
# without Triton their step takes 30 % less time. The step of one FactorVAE takes 1.5 %
# more.
_WITHOUT_TRITON = {"xla_gpu_enable_triton_gemm": "False"}

# At XLA's default level 3, LLVM copies the loops of random numbers for each outcome of
# their conditions. This takes two thirds of the compile time of an initial state, and a
# fifth to a third of the compile time of a step. Steps at level 2 are as fast and give the
# same bits; at level 1 the results differ.
_LEVEL = "xla_backend_optimization_level"
# Number of parts of a batch that two cores compute in parallel, and the least number of
# examples in a part. More cores (not measured) use Eigen's convolutions instead.
_PARTS, _LEAST = 2, 8


def level() -> dict[str, str]:
    """Compiler options for programs with random numbers; XLA_FLAGS take precedence."""
    return _unless_given({_LEVEL: "2"}) if jax.default_backend() == "cpu" else {}


def _unless_given(option: dict[str, str]) -> dict[str, str]:
    given = os.environ.get("XLA_FLAGS", "")
    return {name: value for name, value in option.items() if name not in given}


@functools.cache
def options(by_parts: bool = False) -> dict[str, str]:
    """Compiler options for large programs on the default device; XLA_FLAGS take precedence.

    The rounding of Eigen's convolutions depends on the batch size, in the seventh digit.
    With YNNPACK's convolutions, an image gives the same bits in any batch.

    Args:
      by_parts: see `Method`; if true, convolutions run on `parts` of a batch.

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
    """The number of parts of a batch that a convolutional network computes in parallel.

    On a CPU, XLA runs convolutions that do not depend on each other in parallel, one on
    each core. On two cores a step in two parts takes 11 to 18 % less time than with
    Eigen's convolutions, which copy their input more often. With several devices, each
    already has its own part of the batch.

    Args:
      examples: number of examples in the batch.

    Returns:
      The number of parts: two on a CPU with two cores, if each has at least 8 examples.
    """
    if jax.default_backend() != "cpu" or jax.device_count() > 1:
        return 1
    return _PARTS if cpu_cores() == _PARTS and examples >= _PARTS * _LEAST else 1


def _known(wanted: dict[str, str]) -> dict[str, str]:
    """Returns the options, or none of them if this version of XLA lacks one."""
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

    JAX accepts compiler options only for an outermost program. Inside another program or a
    gradient, the function is therefore compiled without them.
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
        # Inside a program every new array is traced, even if no argument is.
        values = jax.tree.leaves((args, jnp.zeros(())))
        traced = any(isinstance(value, jax.core.Tracer) for value in values)
        return (plain if traced else outermost())(*args)

    return call
