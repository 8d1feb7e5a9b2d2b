r"""Ablation of SDIM on coloured MNIST: each row omits one part.

  dis-jax study --study=sdim_ablation --workdir=runs/ablation

Arguments after the colon: those of configs/sdim.py, such as "half" for half the widths;
"steps5000" (per row); "seeds2".
"""

from dis_jax.studies import pair_studies
from dis_jax.training import load_config

# Sanchez et al. 2020, ablation of the shared code: colour and digit, %
_PAPER = {
    "SDIM": (8.22, 94.48),
    "no switch": (99.99, 89.57),
    "no L1": (8.49, 92.36),
    "no global": (11.11, 94.83),
    "no local": (8.51, 80.59),
}
PUBLISHED = {
    row: {"shared_x colour": colour, "shared_x digit": digit}
    for row, (colour, digit) in _PAPER.items()
}


def get_study(argument=""):
    asked = pair_studies.read_words("mnist", argument)
    rows = {row: load_config(f"sdim:{asked.argument}") for row in PUBLISHED}
    rows["no switch"].switched = False
    rows["no L1"].hparams.gamma = 0.0
    rows["no global"].hparams.alpha = 0.0
    rows["no local"].hparams.beta = 0.0
    return pair_studies.table(
        "sdim_ablation",
        "Ablation of SDIM on coloured MNIST",
        rows,
        asked,
        published=PUBLISHED,
        read_by=pair_studies.PAPER,
        source="Sanchez et al. 2020",
    )
