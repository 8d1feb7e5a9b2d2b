r"""SDIM on coloured MNIST without each of its parts.

  python -m launch.study --study=configs/studies/sdim_ablation.py --workdir=runs/ablation

After a colon: "half" for half the widths.
"""

from configs import pair_studies, sdim

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
    argument = f"mnist,{argument}" if argument else "mnist"
    rows = {row: sdim.get_config(argument) for row in PUBLISHED}
    rows["no switch"].switched = False
    rows["no L1"].hparams.gamma = 0.0
    rows["no global"].hparams.alpha = 0.0
    rows["no local"].hparams.beta = 0.0
    return pair_studies.table(
        "sdim_ablation",
        "SDIM on coloured MNIST without each of its parts",
        rows,
        (0, 1, 2),
        "",
        PUBLISHED,
        "Sanchez et al. 2020",
        pair_studies.NOTES,
    )
