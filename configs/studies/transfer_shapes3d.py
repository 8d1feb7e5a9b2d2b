r"""Transfer of Shapes3D to photographs: COIL-100, SmallNORB (Dapueto et al. 2024).

  python -m launch.transfer --study=configs/studies/transfer_shapes3d.py \
      --workdir=runs/transfer_shapes3d --data_dir=DIR
  python -m launch.transfer --workdir=runs/isaac3d --data_dir=DIR \
      --study=configs/studies/transfer_shapes3d.py:isaac3d,rgbd_objects

The source is drawn. The second line is the paper's Table 2 for whoever has Isaac3D's files
(DIR/isaac3d), and RGB-D Objects (DIR/rgbd_objects). See configs/transfer_studies.py for
what may follow the colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("coil100_augmented", "smallnorb+coloured:test")


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_shapes3d",
        "Transfer of rendered Shapes3D",
        "rendered_shapes3d",
        TARGETS,
        argument,
    )
