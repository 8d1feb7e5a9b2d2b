"""Disentangled representation learning in JAX.

The subpackages, in the order of the data flow (each imports only from those before it;
`data`, `networks` and `losses` are independent of each other):

- `dis_jax.data`: image sets, and samplers that draw batches from them.
- `dis_jax.networks`: Flax encoders, decoders, discriminators.
- `dis_jax.losses`: one equation, one pure function.
- `dis_jax.methods`: learning algorithms, made of losses and networks.
- `dis_jax.training`: runs any method on any data, on any number of devices.
- `dis_jax.probing`: encodes images, and fits simple models to codes.
- `dis_jax.metrics`: one metric, one file; `dis_jax.evaluation` exports them all.
- `dis_jax.evaluation`: scores any code, from this package or from anywhere else.
- `dis_jax.studies`: trains and compares many models; transfers models to other sets.
- `dis_jax.figures`: pictures and the report page.

Use them as `from dis_jax import losses`; `import dis_jax` loads no subpackage.
"""

__version__ = "0.1.0"
