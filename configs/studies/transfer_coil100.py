r"""Transfer from COIL-100 to SmallNORB, both photographs (Dapueto et al. 2024).

  dis-jax transfer --study=transfer_coil100 \
      --workdir=runs/transfer_coil100 --data_dir=DIR

Images of COIL-100 are rotated and shrunk on the device. Sources train for 300,000
steps, as in the paper. See dis_jax/studies/transfer_studies.py for the arguments after
the colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("smallnorb+coloured:test",)


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_coil100",
        "Transfer from augmented COIL-100",
        "coil100_augmented",
        TARGETS,
        argument,
        steps=300_000,
    )
