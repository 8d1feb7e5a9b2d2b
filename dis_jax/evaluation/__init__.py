"""Scores of any code, from this package or from anywhere else."""

from dis_jax.evaluation.beta_vae_score import BetaVaeScore, beta_vae_score
from dis_jax.evaluation.clustering import (
    Clustering,
    PriorError,
    average_entropy,
    clustering,
    prior_rmse,
)
from dis_jax.evaluation.dci import Dci, dci
from dis_jax.evaluation.digit_classifier import (
    DigitClassifier,
    digit_classifier,
    frechet_distance,
)
from dis_jax.evaluation.downstream import Downstream, downstream
from dis_jax.evaluation.encoding import code_fn, encode_all, encode_codes
from dis_jax.evaluation.evaluate import (
    DEFAULT_METRICS,
    METRIC_SETS,
    METRICS,
    evaluate,
    evaluate_codes,
    resolve_metrics,
)
from dis_jax.evaluation.factor_vae_score import (
    FACTOR_VAE_PAPER,
    FactorVaeScore,
    factor_vae_score,
)
from dis_jax.evaluation.gaussian_correlation import (
    GaussianCorrelation,
    gaussian_correlation,
)
from dis_jax.evaluation.generation import (
    CategoryScores,
    class_prior,
    draw_codes,
    generate,
    score_categories,
)
from dis_jax.evaluation.infomec import InfoMec, infomec
from dis_jax.evaluation.irs import Irs, irs
from dis_jax.evaluation.mig import Mig, mig
from dis_jax.evaluation.modularity_explicitness import (
    ModularityExplicitness,
    modularity_explicitness,
)
from dis_jax.evaluation.omes import Omes, omes, omes_from_pairs, omes_on_grid
from dis_jax.evaluation.pair_readings import (
    PairCodes,
    Reading,
    distance_to_ideal,
    encode_pairs,
    read_pairs,
    read_run,
)
from dis_jax.evaluation.probes import Probe, probe
from dis_jax.evaluation.records import format_table, new_file, record
from dis_jax.evaluation.samples import labelled_images
from dis_jax.evaluation.sap import Sap, sap
from dis_jax.evaluation.study import read_scores, run_study
from dis_jax.evaluation.study_table import (
    Study,
    Trained,
    markdown_table,
    paired_bootstrap,
    tabulate,
)
from dis_jax.evaluation.transfer import score_source, transfer
from dis_jax.evaluation.transfer_markdown import transfer_markdown
from dis_jax.evaluation.transfer_mlp import mlp_accuracy
from dis_jax.evaluation.transfer_records import (
    find_runs,
    read_sources,
    read_transfers,
)
from dis_jax.evaluation.transfer_scores import (
    transfer_distances,
    transfer_scores,
)
from dis_jax.evaluation.transfer_setup import (
    TransferSettings,
    transfer_folder,
)
from dis_jax.evaluation.transfer_study import (
    TransferStudy,
    run_transfer_study,
    run_transfers,
)
from dis_jax.evaluation.transfer_table import (
    score_rows,
    tabulate_sources,
    tabulate_transfers,
)
from dis_jax.evaluation.udr import Udr, udr

__all__ = [
    "DEFAULT_METRICS",
    "FACTOR_VAE_PAPER",
    "METRICS",
    "METRIC_SETS",
    "BetaVaeScore",
    "CategoryScores",
    "Clustering",
    "Dci",
    "DigitClassifier",
    "Downstream",
    "FactorVaeScore",
    "GaussianCorrelation",
    "InfoMec",
    "Irs",
    "Mig",
    "ModularityExplicitness",
    "Omes",
    "PairCodes",
    "PriorError",
    "Probe",
    "Reading",
    "Sap",
    "Study",
    "Trained",
    "TransferSettings",
    "TransferStudy",
    "Udr",
    "average_entropy",
    "beta_vae_score",
    "class_prior",
    "clustering",
    "code_fn",
    "dci",
    "digit_classifier",
    "distance_to_ideal",
    "downstream",
    "draw_codes",
    "encode_all",
    "encode_codes",
    "encode_pairs",
    "evaluate",
    "evaluate_codes",
    "factor_vae_score",
    "find_runs",
    "format_table",
    "frechet_distance",
    "gaussian_correlation",
    "generate",
    "infomec",
    "irs",
    "labelled_images",
    "markdown_table",
    "mig",
    "mlp_accuracy",
    "modularity_explicitness",
    "new_file",
    "omes",
    "omes_from_pairs",
    "omes_on_grid",
    "paired_bootstrap",
    "prior_rmse",
    "probe",
    "read_pairs",
    "read_run",
    "read_scores",
    "read_sources",
    "read_transfers",
    "record",
    "resolve_metrics",
    "run_study",
    "run_transfer_study",
    "run_transfers",
    "sap",
    "score_categories",
    "score_rows",
    "score_source",
    "tabulate",
    "tabulate_sources",
    "tabulate_transfers",
    "transfer",
    "transfer_distances",
    "transfer_folder",
    "transfer_markdown",
    "transfer_scores",
    "udr",
]
