r"""Transfer from Color-dSprites to Noisy-Color-dSprites (Dapueto et al. 2024).

  dis-jax transfer --study=transfer_color_dsprites \
      --workdir=runs/transfer_color_dsprites

Shapes have one of seven colours; on the target, the background is noise. See
dis_jax/studies/transfer_studies.py for the arguments after the colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("rendered_dsprites+tinted_on_noise",)


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_color_dsprites",
        "Transfer from rendered Color-dSprites",
        "rendered_dsprites+tinted",
        TARGETS,
        argument,
    )
