r"""Transfer from rendered Shapes3D to COIL-100 and SmallNORB (Dapueto et al. 2024).

  dis-jax transfer --study=transfer_shapes3d \
      --workdir=runs/transfer_shapes3d --data_dir=DIR
  dis-jax transfer --workdir=runs/isaac3d --data_dir=DIR \
      --study=transfer_shapes3d:isaac3d,rgbd_objects

The source is rendered. The second command computes the paper's Table 2; it needs the files
of Isaac3D (DIR/isaac3d) and of RGB-D Objects (DIR/rgbd_objects). See
dis_jax/studies/transfer_studies.py for the arguments after the colon.
"""

from dis_jax.studies import transfer_studies

TARGETS = ("coil100_augmented", "smallnorb+coloured:test")


def get_study(argument=""):
    return transfer_studies.study(
        "transfer_shapes3d",
        "Transfer from rendered Shapes3D",
        "rendered_shapes3d",
        TARGETS,
        argument,
    )
