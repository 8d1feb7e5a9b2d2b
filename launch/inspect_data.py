"""Writes a page of a data set: samples, the effect of each factor, statistics.

  python -m launch.inspect_data --dataset=rendered_shapes3d --out=shapes.html
  python -m launch.inspect_data --dataset=smallnorb --data_dir=DIR --out=norb.html

The page also shows masks if the set has them, and visual analogies for nar and
rendered_nar. It is a single file. --sheet=FILE.png writes a contact sheet (a row of samples
and a row for each factor), instead of the page or in addition.
"""

import pathlib

from absl import flags

from dis_jax import process

from . import shared_flags, start

_DATASET = flags.DEFINE_string("dataset", None, "Name of the set.", required=True)
_DATA_DIR = shared_flags.data_dir()
_SPLIT = flags.DEFINE_string("split", "all", "all, train or test.")
_OUT = flags.DEFINE_string("out", None, "The page, an HTML file.")
_SHEET = flags.DEFINE_string("sheet", None, "The contact sheet, a PNG file.")
_NUM = shared_flags.count("num", 10_000, "Number of images for statistics.")
_SEED = shared_flags.seed("random samples")


def main(argv):
    del argv
    if _OUT.value is None and _SHEET.value is None:
        raise ValueError("nothing to write: pass --out=FILE.html, or --sheet=FILE.png.")
    process.set_up_jax()
    from dis_jax import data, figures, own_code

    own_code.permit(*own_code.names_in({"dataset": _DATASET.value}))
    image_set = data.load(_DATASET.value, _DATA_DIR.value, _SPLIT.value)
    if _SHEET.value is not None:
        sheet = figures.contact_sheet(image_set, seed=_SEED.value)
        pathlib.Path(_SHEET.value).write_bytes(figures.to_png(sheet))
        print(f"wrote {_SHEET.value}")
    if _OUT.value is not None:
        page = figures.write_dataset_page(
            image_set, _OUT.value, num=_NUM.value, seed=_SEED.value
        )
        print(f"wrote {page}")


if __name__ == "__main__":
    start.run(main)
