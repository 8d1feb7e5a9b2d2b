r"""SDIM and EDIM on pairs of SmallNORB's toys, three seeds.

  python -m launch.study --study=configs/studies/sdim_edim_smallnorb.py \
      --workdir=runs/toys

After a colon, words with commas between them, as in "coloured,half,steps5000,seeds2":
those of configs/sdim.py ("category" for pairs that share the category alone, "coloured"
for coloured pairs, "half" for half the widths), a number of steps for every row, and a
number of seeds.
"""

from dis_jax.studies import pair_studies

# the source's SmallNORB report, %: all instances of a half, other networks' sizes
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
    "Those whose poses are known are the test half's five instances of each category: "
    "seed 0 trains on the first four and tests on the fifth, seed 1 tests on the fourth, "
    "and so on, so that the deviation over seeds is over what is held out as well. The "
    "source trains on the other half's five and tests on these, at 96x96, and scores "
    "with batch statistics."
)
HALVES = (
    "Trained on the training half and tested on the test half, five other instances of "
    "each category, as in the source, which takes 96x96 and scores with batch statistics."
)


def notes_of(words):
    """What the tables say of training and test toys."""
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
