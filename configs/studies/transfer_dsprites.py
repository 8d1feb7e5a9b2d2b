r"""Transfer from rendered dSprites to noisy and to real dSprites (Dapueto et al. 2024).

  dis-jax transfer --study=transfer_dsprites \
      --workdir=runs/transfer_dsprites
  dis-jax transfer --workdir=runs/small \
      --study=transfer_dsprites:2,20000,5000,ada_gvae,beta_vae

The second command suits a CPU: 2 seeds, 20,000 steps on the source, 5,000 of
fine-tuning. It takes about 20 hours of one core; several processes can share it. The
source is rendered and has three equal channels. See dis_jax/studies/transfer_studies.py
for the arguments after the colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("rendered_dsprites+noisy", "dsprites+coloured")


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_dsprites",
        "Transfer from rendered dSprites",
        "rendered_dsprites+coloured",
        TARGETS,
        argument,
    )
