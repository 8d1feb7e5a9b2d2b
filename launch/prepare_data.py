r"""Prepares a published data set, without tensorflow.

    python -m launch.prepare_data --dataset=smallnorb --data_dir=DIR
    python -m launch.prepare_data --dataset=smallnorb --data_dir=DIR --raw_dir=RAW

The first command downloads the published files, the second reads them from a folder. The
set is written to DIR/<dataset>/1.0.0, where data.load and launch.train find it.
"""

import time

import numpy as np
from absl import flags, logging

from . import start

_SETS = ["smallnorb", "dsprites", "shapes3d", "mnist"]
_DATASET = flags.DEFINE_enum("dataset", None, _SETS, "Name of the set.", required=True)
_DATA_DIR = flags.DEFINE_string(
    "data_dir", None, "Folder of real data sets.", required=True
)
_RAW_DIR = flags.DEFINE_string("raw_dir", None, "Folder with the published files.")
_CHECK = flags.DEFINE_bool("check", True, "Compare checksums with the published ones.")

_IMAGES_A_SECOND = 10_000  # written by one core; only for the message


def _say_what_comes(name: str) -> None:
    from dis_jax.data.catalogue import PUBLISHED

    published = PUBLISHED[name]
    raw = sum(file.size for files in published.files.values() for file in files)
    images = sum(published.num_images.values())
    pixels = int(np.prod(published.image_shape)) * len(published.cameras)
    logging.info(
        "%s: %.0f MB %s, %.2f GB prepared, %s images, about %.0f s of writing",
        name,
        raw / 1e6,
        "to download" if _RAW_DIR.value is None else f"in {_RAW_DIR.value}",
        images * pixels / 1e9,
        f"{images:,}",
        images / _IMAGES_A_SECOND,
    )


def main(_) -> None:
    from dis_jax import data

    _say_what_comes(_DATASET.value)
    began = time.monotonic()
    directory = data.prepare(
        _DATASET.value, _DATA_DIR.value, raw_dir=_RAW_DIR.value, check=_CHECK.value
    )
    logging.info("%s is ready after %.0f s", directory, time.monotonic() - began)


if __name__ == "__main__":
    start.run(main, unwinds=True)
