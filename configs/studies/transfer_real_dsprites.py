r"""Transfer from real dSprites to rendered dSprites.

  dis-jax transfer --study=transfer_real_dsprites \
      --workdir=runs/transfer_real_dsprites --data_dir=DIR

The two sets differ in few pixels, so scores should hardly change. If the source is the
subset of 46,080 images, the positions and orientations between its grid points are new
on the target. See dis_jax/studies/transfer_studies.py for the arguments after the
colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("rendered_dsprites+coloured",)


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_real_dsprites",
        "Transfer from real dSprites",
        "dsprites+coloured",
        TARGETS,
        argument,
    )
