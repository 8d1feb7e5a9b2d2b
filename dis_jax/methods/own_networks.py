"""Encoder and decoder from a user's function, for methods that have both."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jaxtyping import Array

from dis_jax import networks, own_code
from dis_jax.methods.method import Batch, Gaussian, Method, point

_INITIALISATIONS = 5


def make(name: Any, config: Any, output_shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Makes the networks of a user's function.

    Args:
      name: `my_module:my_networks`, a function `(config, output_shape) -> (encoder,
        decoder)`, or the function itself. Each network is a linen module, or a function
        of `rngs` that makes an nnx module. The encoder takes images and returns mean and
        log-variance, each (batch, `config.network.latent`); the decoder takes latents and
        returns (batch, *output_shape), before any sigmoid, which the likelihood applies.
      config: of the method.
      output_shape: (height, width, outputs per pixel); the likelihood sets the number of
        outputs, often that of channels.

    Returns:
      Encoder and decoder.

    Raises:
      ValueError: if there is no such function, or its networks do not fit; says why.
    """
    name = own_code.name_of(name) if callable(name) else name
    if not own_code.is_own(name):
        raise ValueError(
            f"config.network.name is {name!r}; expected 'conv', 'mlp', or "
            "'my_module:my_networks'."
        )
    pair = own_code.resolve(name, "config.network.name")
    try:
        made = pair(config, output_shape)
        encoder, decoder = made
    except Exception as error:  # the user's: anything may be raised
        raise ValueError(
            f"{name}(config, output_shape) fails: {own_code.origin(name, error)}. Expected "
            "it to return (encoder, decoder)."
        ) from error
    encoder, decoder = (_as_linen(name, net) for net in (encoder, decoder))
    latent = (2, config.network.latent)
    _check(name, "encoder", encoder, (2, *config.image_shape), [latent, latent])
    _check(name, "decoder", decoder, latent, [(2, *output_shape)])
    return encoder, decoder


def _as_linen(name: str, network: Any) -> Any:
    """A linen module as it is; a function that makes an nnx module as `FromNnx`."""
    from flax import nnx

    if isinstance(network, nn.Module | networks.FromNnx):
        return network
    if isinstance(network, type) and issubclass(network, nn.Module):
        raise ValueError(
            f"{name} returned the class {network.__name__}; expected an instance of it: "
            f"{network.__name__}(...)."
        )
    if isinstance(network, nnx.Module) or not callable(network):
        raise ValueError(
            f"{name} returned a {type(network).__name__}; expected a linen module, or a "
            "function that makes one of nnx: lambda rngs: MyEncoder(10, rngs=rngs)."
        )
    return networks.FromNnx(network)


def _check(
    name: str,
    role: str,
    network: Any,
    taken: tuple[int, ...],
    wanted: list[tuple[int, ...]],
) -> None:
    """Raises unless a network gives outputs of these shapes; only traces the network."""
    begin = lambda: network.init_with_output(jax.random.key(0), jnp.zeros(taken))
    try:
        outputs, variables = jax.eval_shape(begin)
        # Without random keys, which only the first call has: dropout would need them.
        jax.eval_shape(network.apply, variables, jnp.zeros(taken))
    except Exception as error:  # the user's: anything may be raised
        raise ValueError(
            f"the {role} of {name} fails on an input {taken}: "
            f"{own_code.origin(name, error)}"
        ) from error
    if kinds := sorted({*variables} - {"params"}):
        raise ValueError(
            f"the {role} of {name} has {', '.join(kinds)} in addition to params; "
            "expected parameters only: no batch statistics."
        )
    found = [jnp.shape(leaf) for leaf in jax.tree.leaves(outputs)]
    if found != wanted:
        said = "mean and log-variance" if len(wanted) == 2 else "one array"
        raise ValueError(
            f"the {role} of {name} returns {found} for an input {taken}; expected {said}, "
            f"{wanted}."
        )


def warn_of_ranges(name: str, method: Method, batch: Batch, images: Array) -> None:
    """Warns if the signs of a new network's outputs suggest other quantities.

    The signs are checked for several initialisations: by chance, a correct network with
    few latents can have log-variances of one sign for all images.

    Args:
      name: `my_module:my_networks`.
      method: made with these networks.
      batch: a batch with the shapes that the method takes.
      images: (batch, height, width, channels), some images of the data set.
    """
    lowest, darkest = [], []
    for seed in range(_INITIALISATIONS):
        state = jax.jit(method.init)(jax.random.key(seed), batch)
        codes = _call(method.encode, state, {"image": images})
        logvars = [c.logvar for c in codes.values() if isinstance(c, Gaussian)]
        lowest.append([_lowest(logvar) for logvar in logvars])
        normal = {
            key: jax.random.normal(jax.random.key(seed), point(code).shape)
            for key, code in codes.items()
        }
        if method.decode is not None:
            darkest.append(_lowest(_call(method.decode, state, normal)))
    if any(min(values) >= 0 for values in zip(*lowest, strict=True)):
        logging.warning(
            "the encoder of %s seems to return only positive log-variances. It has to "
            "return log sigma^2, not sigma or sigma^2.",
            name,
        )
    # Pixels are the sigmoid of what the decoder returns.
    if darkest and min(darkest) >= 0.5:
        logging.warning(
            "the decoder of %s seems to return no negative numbers. The likelihood applies "
            "a sigmoid to them: return the values before it.",
            name,
        )


_call = jax.jit(lambda function, *given: function(*given), static_argnums=0)


def _lowest(values: Array) -> float:
    """The smallest value; minus infinity for equal values, such as zeros: no evidence."""
    low = float(values.min())
    return low if low < float(values.max()) else -np.inf
