"""Disentangled representation learning in JAX.

The rooms, in the order in which data flows through them (each imports only from those
before it; `data`, `networks` and `losses` do not know each other):

- `dis_jax.data`: what an image set is, and how batches are drawn from one.
- `dis_jax.networks`: Flax encoders, decoders, discriminators.
- `dis_jax.losses`: one equation, one pure function.
- `dis_jax.methods`: losses and networks put together into systems that train.
- `dis_jax.training`: runs any method on any data, on any number of devices.
- `dis_jax.probing`: encodes images, and fits simple models to codes.
- `dis_jax.metrics`: one metric, one file; `dis_jax.evaluation` exports them all.
- `dis_jax.evaluation`: scores any code, from this package or from anywhere else.
- `dis_jax.studies`: trains and compares many models; carries models to other sets.
- `dis_jax.figures`: pictures and the report page.

Use them as `from dis_jax import losses`; importing `dis_jax` itself loads nothing.
"""

__version__ = "0.1.0"
