r"""SlowVAE (Klindt et al. 2021, arXiv 2007.10930): a sparse prior on how codes change.

  dis-jax train --config=slow_vae:rendered_dsprites \
      --workdir=runs/slow_vae
  dis-jax train --config=slow_vae:rendered_dsprites,shape.5 \
      --workdir=runs/slow_vae_sparse

Arguments: by default factors move by truncated Laplace steps (the paper's LAP); "uniform"
resamples a random number of factors (UNI); "shape.5" samples generalised Laplace steps with
this exponent, sparser than LAP below 1. They imitate the statistics of natural videos; the
paper's Natural Sprites and KITTI Masks are not part of this package. "as_coded" is the
loss of the public code. gamma 10 and rate 6 are the public code's.
"""

from dis_jax.training import base_config


def get_config(argument="rendered_dsprites"):
    asked = base_config.read(argument, ("uniform", "as_coded"), {"shape": 1.0})
    config = base_config.get_config("slow_vae", asked, beta=1.0, gamma=10.0, rate=6.0)
    order = config.sampler.get("order", "keyed")
    config.as_coded = "as_coded" in asked.options
    if "uniform" in asked.options:
        if asked.given:
            raise ValueError(
                "uniform and shape are two kinds of transitions; give one."
            )
        config.pairs = "pairs"
        config.sampler = {"num_changed": None, "must_differ": True, "order": order}
    else:
        config.pairs = "transitions"
        shape = asked.numbers["shape"]
        config.sampler = {"rate": 1.0, "shape": shape, "order": order}
    return config
