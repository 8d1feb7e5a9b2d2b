"""Losses of a discriminator and of what it judges."""

from __future__ import annotations

import jax
from jaxtyping import Array, Float

from dis_jax.losses._shapes import check_shapes


def discriminator_loss(
    real_logits: Float[Array, " batch *positions"],
    fake_logits: Float[Array, " batch2 *positions2"],
) -> Float[Array, ""]:
    """Binary cross-entropy of a discriminator: real is 1, fake is 0.

    `E[softplus(-real)] + E[softplus(fake)]`, the negative of `jensen_shannon`.

    Eq.: Goodfellow et al. 2014, (1)

    Args:
      real_logits: (batch, *positions), the log-odds of real that real data get.
      fake_logits: (batch2, *positions2), those that generated data get.

    Returns:
      A scalar, nats, the sum of two means; 2 log 2 for a discriminator that knows
      nothing, 0 at best.

    Raises:
      ValueError: if an argument has no batch axis.

    Example:
      >>> print(losses.discriminator_loss(jnp.zeros(4), jnp.zeros(4)).round(4))
      1.3863
    """
    check_shapes(
        real_logits=(real_logits, "batch *positions"),
        fake_logits=(fake_logits, "batch2 *positions2"),
    )
    return jax.nn.softplus(-real_logits).mean() + jax.nn.softplus(fake_logits).mean()


def generator_loss(
    fake_logits: Float[Array, " batch *positions"], *, saturating: bool = False
) -> Float[Array, ""]:
    """What the generator minimises to be taken for real.

    `E[softplus(-fake)]` = -E[log D], whose gradient is large while the discriminator
    wins; `saturating=True` gives `-E[softplus(fake)]` = E[log(1 - D)], the original
    game.

    Eq.: Goodfellow et al. 2014, section 3

    Args:
      fake_logits: (batch, *positions), the log-odds of real that generated data get.
      saturating: which of the two.

    Returns:
      A scalar, nats; smaller means better fakes.

    Raises:
      ValueError: if there is no batch axis.

    Example:
      >>> print(losses.generator_loss(jnp.zeros(4)).round(4))
      0.6931
    """
    check_shapes(fake_logits=(fake_logits, "batch *positions"))
    if saturating:
        return -jax.nn.softplus(fake_logits).mean()
    return jax.nn.softplus(-fake_logits).mean()
