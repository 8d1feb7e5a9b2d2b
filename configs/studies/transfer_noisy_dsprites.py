r"""OMES over beta on Noisy-dSprites (Dapueto et al. 2024, Figure 1).

  dis-jax transfer --study=transfer_noisy_dsprites \
      --workdir=runs/noisy_dsprites

The study has no target: it scores the sources on their own set, for the figures of OMES
over beta and of the association matrices with and without supervision. See
dis_jax/studies/transfer_studies.py for the arguments after the colon.
"""

from dis_jax.studies import transfer_studies

BETAS = (1.0, 2.0, 4.0, 8.0, 16.0)


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_noisy_dsprites",
        "OMES over beta on rendered Noisy-dSprites",
        "rendered_dsprites+noisy",
        (),
        argument,
        betas=BETAS,
    )
