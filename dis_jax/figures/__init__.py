"""Pictures of what a model has learned, and the report page of a run."""

from __future__ import annotations

from dis_jax.figures.analogy_page import write_analogy_page
from dis_jax.figures.charts import kl_bars, prior_bars, scatter, score_lines, tsne
from dis_jax.figures.compare import write_comparison
from dis_jax.figures.compare_inputs import Comparison, read_comparison
from dis_jax.figures.curves import Curve, loss_curves, read_curves
from dis_jax.figures.dataset_page import (
    contact_sheet,
    factor_sweep,
    label_counts,
    samples,
    statistics,
    write_dataset_page,
)
from dis_jax.figures.latents import (
    by_kl,
    kl_per_dimension,
    reconstructions,
    sweep_gif,
    traversal_gif,
    traversal_values,
    traversals,
    traverse,
)
from dis_jax.figures.mask_sections import problem_picture, program_name
from dis_jax.figures.matrices import confusion_matrix, matrix
from dis_jax.figures.model_card import write_model_card
from dis_jax.figures.pixels import (
    image_grid,
    image_rows,
    to_gif,
    to_png,
    to_uint8,
    to_webp,
)
from dis_jax.figures.report import write_report
from dis_jax.figures.study_chart import study_chart
from dis_jax.figures.swaps import (
    interpolations,
    nearest,
    retrieval_grid,
    swap_grid,
)
from dis_jax.figures.transfer_pictures import (
    association_matrix,
    omes_over_beta,
    transfer_matrix,
    transfer_picture,
    transfer_traversals,
    write_transfer,
)

__all__ = [
    "Comparison",
    "Curve",
    "association_matrix",
    "by_kl",
    "confusion_matrix",
    "contact_sheet",
    "factor_sweep",
    "image_grid",
    "image_rows",
    "interpolations",
    "kl_bars",
    "kl_per_dimension",
    "label_counts",
    "loss_curves",
    "matrix",
    "nearest",
    "omes_over_beta",
    "prior_bars",
    "problem_picture",
    "program_name",
    "read_comparison",
    "read_curves",
    "reconstructions",
    "retrieval_grid",
    "samples",
    "scatter",
    "score_lines",
    "statistics",
    "study_chart",
    "swap_grid",
    "sweep_gif",
    "to_gif",
    "to_png",
    "to_uint8",
    "to_webp",
    "transfer_matrix",
    "transfer_picture",
    "transfer_traversals",
    "traversal_gif",
    "traversal_values",
    "traversals",
    "traverse",
    "tsne",
    "write_analogy_page",
    "write_comparison",
    "write_dataset_page",
    "write_model_card",
    "write_report",
    "write_transfer",
]
