"""Studies: many models trained, scored, compared, and transferred to other sets."""

from dis_jax.studies.analogies import (
    Answers,
    DrawnProblems,
    accuracy_by_length,
    accuracy_interval,
    draw_problems,
    solve_analogies,
)
from dis_jax.studies.decoder_surrogate import fit_surrogate
from dis_jax.studies.fine_tuning import TransferSettings, transfer_folder
from dis_jax.studies.latent_search import SOLVERS, WITHOUT_SEARCH, Features, Search
from dis_jax.studies.markdown import markdown_table
from dis_jax.studies.scored import read_scores
from dis_jax.studies.selection import (
    Candidate,
    find_candidates,
    rank_models,
    ranking_table,
    with_udr,
)
from dis_jax.studies.study import run_study
from dis_jax.studies.study_files import load_study
from dis_jax.studies.study_table import (
    Scored,
    Study,
    Trained,
    paired_interval,
    tabulate,
)
from dis_jax.studies.transfer import score_source, transfer
from dis_jax.studies.transfer_markdown import transfer_markdown
from dis_jax.studies.transfer_scores import (
    score_rows,
    transfer_distances,
    transfer_scores,
)
from dis_jax.studies.transfer_study import (
    TransferStudy,
    find_runs,
    read_divergences,
    read_sources,
    read_transfers,
    run_transfer_study,
    run_transfers,
)
from dis_jax.studies.transfer_table import tabulate_sources, tabulate_transfers

__all__ = [
    "SOLVERS",
    "WITHOUT_SEARCH",
    "Answers",
    "Candidate",
    "DrawnProblems",
    "Features",
    "Scored",
    "Search",
    "Study",
    "Trained",
    "TransferSettings",
    "TransferStudy",
    "accuracy_by_length",
    "accuracy_interval",
    "draw_problems",
    "find_candidates",
    "find_runs",
    "fit_surrogate",
    "load_study",
    "markdown_table",
    "paired_interval",
    "rank_models",
    "ranking_table",
    "read_divergences",
    "read_scores",
    "read_sources",
    "read_transfers",
    "run_study",
    "run_transfer_study",
    "run_transfers",
    "score_rows",
    "score_source",
    "solve_analogies",
    "tabulate",
    "tabulate_sources",
    "tabulate_transfers",
    "transfer",
    "transfer_distances",
    "transfer_folder",
    "transfer_markdown",
    "transfer_scores",
    "with_udr",
]
