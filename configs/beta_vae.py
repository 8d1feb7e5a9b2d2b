r"""beta-VAE (Higgins et al. 2017): more weight on the KL divergence.

  dis-jax train --config=beta_vae:rendered_dsprites \
      --workdir=runs/beta_vae

Kim & Mnih 2018 report a FactorVAE score of .73 on dSprites for beta = 4 (300,000
steps). On rendered dSprites it is .563 after 20,000 steps, 58 minutes on one CPU core
(results/beta_vae_rendered_dsprites.json). Three models of 97,000 steps have .621, .748 and
.750 (results/beta_vae_rendered_dsprites_seeds3_steps97000.json). Three models of 300,000
steps have .649 (results/beta_vae_rendered_dsprites_steps300000.json), .704 and .653
(results/beta_vae_rendered_dsprites_seeds12_steps300000.json). On an NVIDIA H200 with other
training runs, the first took 7.4 minutes; the other two, trained in parallel, took 8.3.
"""

from dis_jax.training import base_config


def get_config(argument="rendered_dsprites"):
    return base_config.get_config("beta_vae", argument, beta=4.0)
