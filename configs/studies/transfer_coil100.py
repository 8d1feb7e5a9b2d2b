r"""Transfer of photographs to photographs: COIL-100 to SmallNORB.

  python -m launch.transfer --study=configs/studies/transfer_coil100.py \
      --workdir=runs/transfer_coil100 --data_dir=DIR

COIL-100 is turned and shrunk on the device (Dapueto et al. 2024, 300,000 steps). See
configs/transfer_studies.py for what may follow a colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("smallnorb+coloured:test",)


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_coil100",
        "Transfer of COIL-100, augmented",
        "coil100_augmented",
        TARGETS,
        argument,
        steps=300_000,
    )
