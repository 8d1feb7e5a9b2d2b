"""Scores of any code, from this package or from anywhere else."""

from dis_jax.evaluation.encoding import code_fn, encode_all
from dis_jax.evaluation.evaluate import (
    DEFAULT_METRICS,
    METRIC_SETS,
    METRICS,
    evaluate,
    evaluate_codes,
    format_table,
    new_file,
    resolve_metrics,
)
from dis_jax.evaluation.factor_vae_score import (
    FACTOR_VAE_PAPER,
    FactorVaeScore,
    factor_vae_score,
)
from dis_jax.evaluation.mig import Mig, mig
from dis_jax.evaluation.provenance import provenance

__all__ = [
    "DEFAULT_METRICS",
    "FACTOR_VAE_PAPER",
    "METRICS",
    "METRIC_SETS",
    "FactorVaeScore",
    "Mig",
    "code_fn",
    "encode_all",
    "evaluate",
    "evaluate_codes",
    "factor_vae_score",
    "format_table",
    "mig",
    "new_file",
    "provenance",
    "resolve_metrics",
]
