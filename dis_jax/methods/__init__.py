"""Methods that learn a representation, each a `Method` of pure functions."""

from collections.abc import Callable

from dis_jax.methods.ada_gvae import ada_gvae, ada_ml_vae, group_vae
from dis_jax.methods.contract import CONTRACT, check
from dis_jax.methods.edim import edim
from dis_jax.methods.factor_vae import factor_vae
from dis_jax.methods.gaussian_tc import gaussian_tc
from dis_jax.methods.infogan import infogan
from dis_jax.methods.joint_vae import joint_vae
from dis_jax.methods.method import (
    Batch,
    Categorical,
    Code,
    Gaussian,
    Method,
    Metrics,
    State,
    point,
)
from dis_jax.methods.ml_vae import ml_vae
from dis_jax.methods.qlae import qlae
from dis_jax.methods.sdim import sdim
from dis_jax.methods.slow_vae import slow_vae
from dis_jax.methods.tripod import tripod
from dis_jax.methods.vae import (
    annealed_vae,
    beta_tcvae,
    beta_vae,
    dip_vae_i,
    dip_vae_ii,
    hfs,
    regularised_vae,
    vae,
)

METHODS: dict[str, Callable[..., Method]] = {
    "ada_gvae": ada_gvae,
    "ada_ml_vae": ada_ml_vae,
    "annealed_vae": annealed_vae,
    "beta_tcvae": beta_tcvae,
    "beta_vae": beta_vae,
    "dip_vae_i": dip_vae_i,
    "dip_vae_ii": dip_vae_ii,
    "edim": edim,
    "factor_vae": factor_vae,
    "gaussian_tc": gaussian_tc,
    "group_vae": group_vae,
    "hfs": hfs,
    "infogan": infogan,
    "joint_vae": joint_vae,
    "ml_vae": ml_vae,
    "qlae": qlae,
    "sdim": sdim,
    "slow_vae": slow_vae,
    "tripod": tripod,
    "vae": vae,
}

__all__ = [
    "CONTRACT",
    "METHODS",
    "Batch",
    "Categorical",
    "Code",
    "Gaussian",
    "Method",
    "Metrics",
    "State",
    "ada_gvae",
    "ada_ml_vae",
    "annealed_vae",
    "beta_tcvae",
    "beta_vae",
    "check",
    "dip_vae_i",
    "dip_vae_ii",
    "edim",
    "factor_vae",
    "gaussian_tc",
    "group_vae",
    "hfs",
    "infogan",
    "joint_vae",
    "ml_vae",
    "point",
    "qlae",
    "regularised_vae",
    "sdim",
    "slow_vae",
    "tripod",
    "vae",
]
