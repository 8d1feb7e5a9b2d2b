"""A network that predicts the mean and covariance of the codes of a batch."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dis_jax.networks.precision import widened


class MomentsNetwork(nn.Module):
    """Maps the posteriors of a batch to the mean and covariance of their mixture.

    Dense layers process each posterior; their features are averaged over the batch, so
    that the order of images does not matter (Zaheer et al. 2017); two dense layers give
    the mean and a Cholesky factor, which initially are near 0 and I.

    Attributes:
      widths: of the layers before the average; the last is also that of the layer after.
      dtype: of the computation; parameters are float32, results at least float32.
    """

    widths: tuple[int, ...] = (64, 64)
    dtype: jnp.dtype = jnp.dtype("float32")

    @nn.compact
    def __call__(
        self, mean: Float[Array, "batch latent"], logvar: Float[Array, "batch latent"]
    ) -> tuple[Float[Array, " latent"], Float[Array, "latent latent"]]:
        """Returns the mean (latent,), and the covariance (latent, latent)."""
        x = jnp.concatenate([mean, logvar], axis=-1).astype(self.dtype)
        for width in self.widths:
            x = nn.relu(nn.Dense(width, dtype=self.dtype)(x))
        x = nn.relu(nn.Dense(self.widths[-1], dtype=self.dtype)(x.mean(axis=0)))
        latent = mean.shape[-1]
        rows, columns = np.tril_indices(latent)
        small = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")
        x = nn.Dense(latent + len(rows), kernel_init=small, dtype=self.dtype)(x)
        centre, entries = jnp.split(widened(x), [latent])
        # softplus(x + log(e - 1)) is positive, and 1 at x = 0: the initial factor is
        # near I.
        diagonal = nn.softplus(entries + np.log(np.e - 1))
        entries = jnp.where(rows == columns, diagonal, entries)
        # factor @ factor.T is symmetric and positive semi-definite for any output.
        factor = jnp.zeros((latent, latent)).at[rows, columns].set(entries)
        return centre, factor @ factor.T
