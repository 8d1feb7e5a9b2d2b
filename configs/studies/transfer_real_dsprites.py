r"""Transfer of the original dSprites to those that this package draws.

  python -m launch.transfer --study=configs/studies/transfer_real_dsprites.py \
      --workdir=runs/transfer_real_dsprites --data_dir=DIR

The two differ in few pixels, so that little should be lost; from the 46,080 images of the
original's coarser grid, positions in between are new. See configs/transfer_studies.py for
what may follow a colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("rendered_dsprites+coloured",)


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_real_dsprites",
        "Transfer of real dSprites",
        "dsprites+coloured",
        TARGETS,
        argument,
    )
