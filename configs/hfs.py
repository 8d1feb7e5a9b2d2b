r"""HFS (Roth et al. 2023, arXiv 2210.07347): a factorised support of the codes.

  dis-jax train --config=hfs:rendered_dsprites --workdir=runs/hfs
  dis-jax train --workdir=runs/correlated \
      --config="hfs:rendered_shapes3d+correlated(floor_hue,wall_hue,.1)"

beta KL + gamma times the squared distance of the support from a product of marginals. The
paper chooses both weights by a search; gamma 100 is ours.
"""

from dis_jax.training import base_config


def get_config(argument="rendered_dsprites"):
    return base_config.get_config("hfs", argument, beta=1.0, gamma=100.0)
