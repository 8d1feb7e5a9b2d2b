r"""Transfer of dSprites to noisy and to real dSprites (Dapueto et al. 2024).

  python -m launch.transfer --study=configs/studies/transfer_dsprites.py \
      --workdir=runs/transfer_dsprites
  python -m launch.transfer --workdir=runs/small \
      --study=configs/studies/transfer_dsprites.py:2,20000,5000,ada_gvae,beta_vae

The second line is a CPU's: 2 seeds, 20,000 steps on the source, 5,000 of fine-tuning; some
20 hours of one core, and several processes may share them. The source is drawn, its grey
in three channels; see configs/transfer_studies.py for what may follow the colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("rendered_dsprites+noisy", "dsprites+coloured")


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_dsprites",
        "Transfer of rendered dSprites",
        "rendered_dsprites+coloured",
        TARGETS,
        argument,
    )
