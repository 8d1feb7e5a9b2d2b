r"""SDIM and EDIM on rendered rooms: one thing in other colours, three seeds.

  python -m launch.study --study=configs/studies/sdim_edim_rendered_shapes3d.py \
      --workdir=runs/rooms

After a colon, words with commas between them, as in "half,steps5000,seeds2": those of
configs/sdim.py, a number of steps for every row, and a number of seeds.
"""

from dis_jax.studies import pair_studies

_NAMES = ("floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation")
# Sanchez et al. 2020, Shapes3D, %: of images that they did not render
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
        "SDIM and EDIM on rendered rooms",
        "rendered_shapes3d",
        argument,
        published=PUBLISHED,
        read_by=pair_studies.PAPER,
        source="Sanchez et al. 2020 (Shapes3D)",
        notes="Test pairs are other draws from the same 480,000 images.",
    )
