r"""SDIM and EDIM on coloured MNIST: the paper's table.

  dis-jax study --study=sdim_edim_coloured_mnist \
      --workdir=runs/digits

Arguments after the colon: those of configs/sdim.py, "steps5000" (per row), "seeds2"
(three by default). "two_images" pairs two images of one digit, as the paper does. A
model takes hours on a CPU; "half" halves all widths but those of EDIM's discriminator.
"""

from dis_jax.studies import pair_studies

# Sanchez et al. 2020, coloured MNIST: colour and digit, %
PUBLISHED = {
    "SDIM": {
        "shared_x colour": 8.22,
        "shared_x digit": 94.48,
        "shared_y colour": 8.83,
        "shared_y digit": 94.27,
    },
    "EDIM": {
        "exclusive_x colour": 99.99,
        "exclusive_x digit": 13.20,
        "exclusive_y colour": 99.92,
        "exclusive_y digit": 13.75,
    },
}


def get_study(argument=""):
    return pair_studies.study(
        "sdim_edim_coloured_mnist",
        "SDIM and EDIM on coloured MNIST",
        "mnist",
        argument,
        published=PUBLISHED,
        read_by=pair_studies.PAPER,
        source="Sanchez et al. 2020",
    )
