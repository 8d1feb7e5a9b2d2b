"""Builders for tensorflow_datasets that do not need tensorflow.

Importing this module imports tensorflow_datasets. Images are stored as bytes: encoding
them needs no tensorflow, and reading is faster than from PNGs. The features have the same
names as in the catalogue of tfds.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from dis_jax.data.catalogue import KEPT_FACTORS, PUBLISHED
from dis_jax.data.download import Published

_VERSION = "1.0.0"


class _Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Base of the four builders; `paths` lists the published files of each split."""

    VERSION = tfds.core.Version(_VERSION)
    PUBLISHED: ClassVar[Published]
    paths: dict[str, list[pathlib.Path]]

    def _info(self) -> tfds.core.DatasetInfo:
        published = self.PUBLISHED
        image = tfds.features.Tensor(
            shape=published.image_shape, dtype=np.uint8, encoding="bytes"
        )
        labels = {
            feature: tfds.features.ClassLabel(num_classes=size)
            for feature, size in zip(published.features, published.sizes, strict=True)
        }
        features = dict.fromkeys(published.cameras, image) | labels
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(features),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Iterator]:
        return {split: self._generate_examples(split) for split in self.PUBLISHED.files}

    def _generate_examples(self, split: str) -> Iterator[tuple[int, dict[str, Any]]]:
        arrays = self.PUBLISHED.read(self.paths[split])
        # While writing, data_dir is the temporary folder that tfds renames at the end.
        kept = pathlib.Path(self.data_dir) / KEPT_FACTORS.format(split=split)
        np.save(kept, arrays["factors"].astype(np.int32))
        for i, labels in enumerate(arrays["factors"]):
            images = {camera: arrays[camera][i] for camera in self.PUBLISHED.cameras}
            names = zip(self.PUBLISHED.features, labels, strict=True)
            yield i, images | {name: int(label) for name, label in names}


class Smallnorb(_Builder, skip_registration=True):
    """SmallNORB: both cameras at 96x96, all five labels, the official split."""

    PUBLISHED = PUBLISHED["smallnorb"]


class Dsprites(_Builder, skip_registration=True):
    """dSprites: 64x64, black and white as 0 and 1."""

    PUBLISHED = PUBLISHED["dsprites"]


class Shapes3d(_Builder, skip_registration=True):
    """Shapes3D: 64x64 in colour."""

    PUBLISHED = PUBLISHED["shapes3d"]


class Mnist(_Builder, skip_registration=True):
    """MNIST: 28x28, the official split."""

    PUBLISHED = PUBLISHED["mnist"]


BUILDERS = {
    "smallnorb": Smallnorb,
    "dsprites": Dsprites,
    "shapes3d": Shapes3d,
    "mnist": Mnist,
}
