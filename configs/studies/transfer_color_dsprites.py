r"""Transfer of Color-dSprites to Noisy-Color-dSprites (Dapueto et al. 2024).

  python -m launch.transfer --study=configs/studies/transfer_color_dsprites.py \
      --workdir=runs/transfer_color_dsprites

Seven colours; on the target the background is noise. See configs/transfer_studies.py for
what may follow a colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("rendered_dsprites+tinted_on_noise",)


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_color_dsprites",
        "Transfer of Color-dSprites, rendered",
        "rendered_dsprites+tinted",
        TARGETS,
        argument,
    )
