r"""SDIM and EDIM on pairs of SmallNORB images.

  dis-jax study --study=sdim_edim_smallnorb \
      --workdir=runs/smallnorb

Arguments after the colon, as in "coloured,half,steps5000,seeds2": those of
configs/sdim.py ("category" for pairs that share only the category, "coloured" for
coloured pairs, "half" for half the widths), the steps per row, and the number of seeds
(three by default).
"""

from dis_jax.studies import pair_studies

# the source's report on SmallNORB, %: all instances of a half, other layer sizes
PUBLISHED = {
    "SDIM": {
        "shared_x category": 93.5,
        "shared_y category": 93.5,
        "shared_x elevation": 12.1,
        "shared_y lighting": 20.2,
    },
    "EDIM": {
        "exclusive_x elevation": 74.4,
        "exclusive_y lighting": 97.9,
        "exclusive_x category": 32.0,
        "exclusive_y category": 32.0,
    },
}
NOTES = (
    "Only the test half, with five instances of each category, has pose labels. Seed 0 "
    "trains on the first four instances and tests on the fifth, seed 1 tests on the "
    "fourth, and so on; the deviation over seeds includes the choice of the held-out "
    "instance. The source trains on the five instances of the training half and tests "
    "on the test half, at 96x96, with batch statistics."
)
HALVES = (
    "Trained on the training half and tested on the test half (five other instances of "
    "each category), as in the source, which uses 96x96 images and batch statistics."
)


def notes_of(words):
    """The note of a table on its training and test instances."""
    return HALVES if "halves" in words else NOTES


def get_study(argument=""):
    words = argument.split(",")
    return pair_studies.study(
        "sdim_edim_smallnorb",
        "SDIM and EDIM on SmallNORB",
        "smallnorb",
        argument,
        published={} if "coloured" in words else PUBLISHED,
        read_by="head, batch",
        source="Vaona 2024",
        notes=notes_of(words),
    )
