r"""SDIM (Sanchez et al. 2020, arXiv 1912.03915): a code of what two views share.

  dis-jax train --config=sdim:mnist --workdir=runs/sdim
  dis-jax train --config=sdim:smallnorb --workdir=runs/norb
  dis-jax evaluate_pairs --workdir=runs/sdim

mnist: one image, with a coloured background in x and a coloured digit in y; with
"two_images" two images of one digit, as in the paper. smallnorb: pairs that share
category, instance and azimuth; x varies in elevation, y in lighting. With "category",
pairs share only the category; "coloured" uses coloured pairs. Trains on four instances
of the test half and tests on the fifth; in studies, each seed holds out another
instance. "halves" trains on the training half, whose poses only the published files
contain. "augmented" zooms into each training view independently, by up to 1.25. "half"
halves all widths (in EDIM, not those of the discriminator). With "published", the
global statistics network receives the whole feature map. In the paper, classifiers on
the shared code of mnist reach 94.5 % for the digit and 8.2 % for colour.
"""

from dis_jax.training import pair_config, pair_data


def get_config(argument="mnist"):
    config = pair_config.get_config("sdim", argument, gamma=0.1)
    config.switched = True
    config.heads = pair_data.heads(config, "shared")
    return config
