r"""SDIM and EDIM on rendered Shapes3D: pairs of one object in different colours.

  dis-jax study --study=sdim_edim_rendered_shapes3d \
      --workdir=runs/shapes3d

Arguments after the colon, as in "half,steps5000,seeds2": those of configs/sdim.py, the
steps per row, and the number of seeds (three by default).
"""

from dis_jax.studies import pair_studies

_NAMES = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
# Sanchez et al. 2020, %, on the original Shapes3D
_SHARED = (9.96, 10.08, 9.95, 99.99, 99.99, 99.99)
_EXCLUSIVE = (95.10, 99.79, 96.17, 17.25, 30.73, 6.79)
PUBLISHED = {
    row: {f"{code} {name}": value for name, value in zip(_NAMES, values, strict=True)}
    for row, code, values in (
        ("SDIM", "shared_x", _SHARED),
        ("EDIM", "exclusive_x", _EXCLUSIVE),
    )
}


def get_study(argument=""):
    return pair_studies.study(
        "sdim_edim_rendered_shapes3d",
        "SDIM and EDIM on rendered Shapes3D",
        "rendered_shapes3d",
        argument,
        published=PUBLISHED,
        read_by=pair_studies.PAPER,
        source="Sanchez et al. 2020 (Shapes3D)",
        notes="Test pairs are new samples of the same 480,000 images.",
    )
