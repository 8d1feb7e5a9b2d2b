"""Scores of any code, from this package or from anywhere else."""

from dis_jax.evaluation.encoding import code_fn, encode_all
from dis_jax.evaluation.factor_vae_score import (
    FACTOR_VAE_PAPER,
    FactorVaeScore,
    factor_vae_score,
)
from dis_jax.evaluation.mig import Mig, mig

__all__ = [
    "FACTOR_VAE_PAPER",
    "FactorVaeScore",
    "Mig",
    "code_fn",
    "encode_all",
    "factor_vae_score",
    "mig",
]
