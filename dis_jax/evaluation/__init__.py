"""Scores any code, from this package or from anywhere else."""

import importlib
from typing import TYPE_CHECKING, Any

from dis_jax.evaluation.baselines import untrained_encoder
from dis_jax.evaluation.comparison import compare_codes
from dis_jax.evaluation.evaluate import evaluate, evaluate_codes
from dis_jax.evaluation.member_table import member_table
from dis_jax.evaluation.records import format_table, new_file, record
from dis_jax.evaluation.registry import (
    DEFAULT_METRICS,
    METRIC_SETS,
    METRICS,
    resolve_metrics,
)
from dis_jax.metrics.beta_vae_score import BetaVaeScore, beta_vae_score
from dis_jax.metrics.clustering import (
    Clustering,
    PriorError,
    average_entropy,
    clustering,
    prior_rmse,
)
from dis_jax.metrics.dci import Dci, dci
from dis_jax.metrics.dci_es import DciEs, dci_es
from dis_jax.metrics.dcimig import Dcimig, dcimig
from dis_jax.metrics.downstream import Downstream, downstream
from dis_jax.metrics.factor_vae_score import (
    FACTOR_VAE_PAPER,
    FactorVaeScore,
    factor_vae_score,
)
from dis_jax.metrics.gaussian_correlation import (
    GaussianCorrelation,
    gaussian_correlation,
)
from dis_jax.metrics.grouped_scores import (
    grouped_beta_vae_score,
    grouped_factor_vae_score,
)
from dis_jax.metrics.hausdorff_support import HausdorffSupport, hausdorff_support
from dis_jax.metrics.held_out_r2 import held_out_r2
from dis_jax.metrics.infomec import InfoMec, infomec
from dis_jax.metrics.irs import Irs, irs
from dis_jax.metrics.jemmig import Jemmig, jemmig
from dis_jax.metrics.mask_variance import MaskVariance, mask_variance
from dis_jax.metrics.mcc import Mcc, mcc
from dis_jax.metrics.mig import Mig, mig
from dis_jax.metrics.modularity_explicitness import (
    ModularityExplicitness,
    modularity_explicitness,
)
from dis_jax.metrics.omes import Omes, omes, omes_from_pairs
from dis_jax.metrics.omes_on_grid import omes_on_grid
from dis_jax.metrics.pairwise_entanglement import pairwise_entanglement
from dis_jax.metrics.r2 import R2, r2
from dis_jax.metrics.sap import Sap, sap
from dis_jax.metrics.udr import Udr, udr
from dis_jax.probing.encoding import code_fn, encode_all, encode_codes
from dis_jax.probing.labelled_codes import labelled_images
from dis_jax.probing.scenes import (
    Scenes,
    factor_scenes,
    foreground_masks,
    recoloured_scenes,
)
from dis_jax.probing.torch_encoding import encode_with

if TYPE_CHECKING:
    from dis_jax.evaluation.digits import (
        DigitClassifier,
        digit_classifier,
        frechet_distance,
    )
    from dis_jax.evaluation.generation import (
        CategoryScores,
        class_prior,
        draw_codes,
        generate,
        score_categories,
    )
    from dis_jax.evaluation.group_probes import Probe, probe
    from dis_jax.evaluation.pair_probes import (
        PairCodes,
        Reading,
        distance_to_ideal,
        encode_pairs,
        encode_run,
        left_out_attributes,
        read_pairs,
        read_run,
    )
    from dis_jax.probing.mlp_classifier import mlp_accuracy

# Modules that need the training stack, or are slow to load, are loaded on first use.
_LATER = (
    "dis_jax.evaluation.digits",
    "dis_jax.evaluation.generation",
    "dis_jax.evaluation.group_probes",
    "dis_jax.evaluation.pair_probes",
    "dis_jax.probing.mlp_classifier",
)

__all__ = [
    "DEFAULT_METRICS",
    "FACTOR_VAE_PAPER",
    "METRICS",
    "METRIC_SETS",
    "R2",
    "BetaVaeScore",
    "CategoryScores",
    "Clustering",
    "Dci",
    "DciEs",
    "Dcimig",
    "DigitClassifier",
    "Downstream",
    "FactorVaeScore",
    "GaussianCorrelation",
    "HausdorffSupport",
    "InfoMec",
    "Irs",
    "Jemmig",
    "MaskVariance",
    "Mcc",
    "Mig",
    "ModularityExplicitness",
    "Omes",
    "PairCodes",
    "PriorError",
    "Probe",
    "Reading",
    "Sap",
    "Scenes",
    "Udr",
    "average_entropy",
    "beta_vae_score",
    "class_prior",
    "clustering",
    "code_fn",
    "compare_codes",
    "dci",
    "dci_es",
    "dcimig",
    "digit_classifier",
    "distance_to_ideal",
    "downstream",
    "draw_codes",
    "encode_all",
    "encode_codes",
    "encode_pairs",
    "encode_run",
    "encode_with",
    "evaluate",
    "evaluate_codes",
    "factor_scenes",
    "factor_vae_score",
    "foreground_masks",
    "format_table",
    "frechet_distance",
    "gaussian_correlation",
    "generate",
    "grouped_beta_vae_score",
    "grouped_factor_vae_score",
    "hausdorff_support",
    "held_out_r2",
    "infomec",
    "irs",
    "jemmig",
    "labelled_images",
    "left_out_attributes",
    "mask_variance",
    "mcc",
    "member_table",
    "mig",
    "mlp_accuracy",
    "modularity_explicitness",
    "new_file",
    "omes",
    "omes_from_pairs",
    "omes_on_grid",
    "pairwise_entanglement",
    "prior_rmse",
    "probe",
    "r2",
    "read_pairs",
    "read_run",
    "recoloured_scenes",
    "record",
    "resolve_metrics",
    "sap",
    "score_categories",
    "udr",
    "untrained_encoder",
]


def __getattr__(name: str) -> Any:
    """Names of `_LATER`, and those of studies, which scripts import from here."""
    if name in __all__:
        for module in map(importlib.import_module, _LATER):
            if hasattr(module, name):
                return getattr(module, name)
    if not name.startswith("__"):
        from dis_jax import studies  # not above: that subpackage imports this one

        if name in studies.__all__:
            return getattr(studies, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
