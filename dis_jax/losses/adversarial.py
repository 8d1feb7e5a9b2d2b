"""Adversarial losses of a discriminator and of a generator."""

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
      real_logits: (batch, *positions), log-odds of being real, on real data.
      fake_logits: (batch2, *positions2), the same on generated data.

    Returns:
      A scalar, nats, the sum of two means; 2 log 2 for a discriminator at chance, 0
      at best.

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
    # -log D = softplus(-logit) and -log(1 - D) = softplus(logit): exact for large
    # logits, where a rounded sigmoid would give log 0.
    return jax.nn.softplus(-real_logits).mean() + jax.nn.softplus(fake_logits).mean()


def generator_loss(
    fake_logits: Float[Array, " batch *positions"], *, saturating: bool = False
) -> Float[Array, ""]:
    """Generator loss: low where the discriminator classifies generated data as real.

    `E[softplus(-fake)]` = -E[log D], whose gradient stays large while the discriminator
    is right; `saturating=True` gives `-E[softplus(fake)]` = E[log(1 - D)], the original
    minimax loss.

    Eq.: Goodfellow et al. 2014, section 3

    Args:
      fake_logits: (batch, *positions), log-odds of being real, on generated data.
      saturating: whether to return the minimax loss.

    Returns:
      A scalar, nats; smaller means that the discriminator rates the data as more real.

    Raises:
      ValueError: if there is no batch axis.

    Example:
      >>> print(losses.generator_loss(jnp.zeros(4)).round(4))
      0.6931
    """
    check_shapes(fake_logits=(fake_logits, "batch *positions"))
    if saturating:
        # The slope is -sigmoid(fake): it vanishes where D is right on every image.
        return -jax.nn.softplus(fake_logits).mean()
    return jax.nn.softplus(-fake_logits).mean()
