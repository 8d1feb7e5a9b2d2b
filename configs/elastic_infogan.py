r"""Elastic-InfoGAN (Ojha et al., arXiv 1910.01112): InfoGAN with a learned class prior.

  dis-jax train --config=elastic_infogan:mnist,split3,as_coded \
      --workdir=runs/elastic

The default is the full model of the paper's first version. Other settings of the
paper's tables are arguments: mnist,split3,published. "as_coded" stops gradients where
the public code does. Use it in short runs; without it, elastic terms spoil them
(docs/uneven_classes.md). The 50 splits of the public code are not part of this package:
`data.imbalanced_counts` samples 50 similar ones. We found no numbers in the paper's
tables; configs/studies/elastic_infogan_mnist.py compares the settings with each other.
"""

from dis_jax import shipped
from dis_jax.training import base_config

infogan = shipped.load("configs", "infogan")

# prior and elastic terms; the eighth setting, JointVAE, is configs/joint_vae.py
SETTINGS = {
    "uniform": ("uniform", ()),
    "given": ("given", ()),
    "given_transformation": ("given", ("transformation",)),
    "gumbel": ("learned", ()),
    "gumbel_transformation": ("learned", ("transformation",)),
    "elastic": ("learned", ("transformation", "entropy")),
    "published": ("learned", ("contrastive",)),
}


def get_config(argument="mnist,split0"):
    asked = base_config.read(argument, (*SETTINGS, *infogan.OPTIONS), infogan.SPLITS)
    names = [word for word in asked.options if word in SETTINGS]
    if len(names) > 1:
        raise ValueError(f"one setting at a time; found {', '.join(names)}.")
    prior, elastic = SETTINGS[names[0] if names else "elastic"]
    return infogan.infogan_config(asked, prior=prior, elastic=elastic)
