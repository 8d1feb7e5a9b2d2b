"""Web pages of published sets, and the files of SmallNORB, dSprites, Shapes3D and MNIST.

The checksums come from the catalogue of tensorflow_datasets; MNIST's second checksums are
those of the unpacked files.
"""

from __future__ import annotations

from dis_jax.data.download import (
    File,
    Published,
    read_dsprites,
    read_mnist,
    read_shapes3d,
    read_smallnorb,
)

# Where each set is published, for messages about missing or damaged files.
OFFERED = {
    "smallnorb": "https://cs.nyu.edu/~ylclab/data/norb-v1.0-small/",
    "dsprites": "https://github.com/google-deepmind/dsprites-dataset",
    "shapes3d": "https://github.com/google-deepmind/3d-shapes",
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "coil100": "https://www.cs.columbia.edu/CAVE/software/softlib/coil-100.php",
    "mpi3d": "https://github.com/rr-learning/disentanglement_dataset",
    "cars3d": "http://www.scottreed.info/files/nips2015-analogy-data.tar.gz",
    "isaac3d": "https://github.com/NVlabs/High-res-disentanglement-datasets",
    "rgbd_objects": "https://rgbd-dataset.cs.washington.edu/",
    "nar": "https://github.com/threewisemonkeys-as/nar",
}
# Stored next to a prepared set, because a stream needs all factors before the first image.
KEPT_FACTORS = "factors_{split}.npy"
DSPRITES_FACTORS = ("shape", "scale", "orientation", "pos_x", "pos_y")
SHAPES3D_FACTORS = (
    "floor_hue", "wall_hue", "object_hue", "scale", "shape", "orientation"
)  # fmt: skip
_NORB_URL, _MNIST_URL = OFFERED["smallnorb"], OFFERED["mnist"]


def _norb_files(half: str, name: str, *parts: tuple[int, str]) -> tuple[File, ...]:
    stem = f"smallnorb-5x{half}x9x18x6x2x96x96-{name}"
    return tuple(
        File(f"{stem}-{part}.mat.gz", f"{_NORB_URL}{stem}-{part}.mat.gz", size, (sha,))
        for part, (size, sha) in zip(("dat", "cat", "info"), parts, strict=True)
    )


def _mnist_files(half: str, *parts: tuple[int, str, str]) -> tuple[File, ...]:
    names = (f"{half}-images-idx3-ubyte.gz", f"{half}-labels-idx1-ubyte.gz")
    return tuple(
        File(name, _MNIST_URL + name, size, tuple(digests))
        for name, (size, *digests) in zip(names, parts, strict=True)
    )


SMALLNORB = Published(
    files={
        "train": _norb_files(
            "46789",
            "training",
            (
                131_896_188,
                "5ffd6272a07d32695ee1082a26a41a93a37aab8c28da047f8c34ed348d214873",
            ),
            (348, "2784e542c1922060691090952b6cd6278879a216c90f81476f0f00256d42cdaa"),
            (
                71_052,
                "de7eb932ebe7a4ee16217fead60660d0eb3d23632c2f4d1c51f88c501c17bf32",
            ),
        ),
        "test": _norb_files(
            "01235",
            "testing",
            (
                130_799_817,
                "cf7104eed3e51174d2f65b66d1e5878b9da233b886f161b0d88f4510ba2c7474",
            ),
            (347, "ecaf6d5bb8c3bc5eab9cf0258f6d2198dd474e016e374836fc097f2e5ff509ff"),
            (
                10_428,
                "16adf314226327ee006d1a44db8cfef52773c06c829951d5653a9f6f310248a2",
            ),
        ),
    },
    factor_names=("category", "instance", "elevation", "azimuth", "lighting"),
    sizes=(5, 10, 9, 18, 6),
    image_shape=(96, 96, 1),
    num_images={"train": 24_300, "test": 24_300},
    features=(
        "label_category", "instance", "label_elevation", "label_azimuth",
        "label_lighting",
    ),
    cameras=("image", "image2"),
    binary=False,
    read=read_smallnorb,
)  # fmt: skip
DSPRITES = Published(
    files={
        "train": (
            File(
                "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5",
                "https://github.com/deepmind/dsprites-dataset/blob/master/"
                "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5?raw=true",
                28_024_106,
                ("729fa22e884c9c500e1f17415d580746b4c5894fbbb780a1319bbcfa39a745bb",),
            ),
        )
    },
    factor_names=DSPRITES_FACTORS,
    sizes=(3, 6, 40, 32, 32),
    image_shape=(64, 64, 1),
    num_images={"train": 737_280},
    features=(
        "label_shape", "label_scale", "label_orientation", "label_x_position",
        "label_y_position",
    ),
    cameras=("image",),
    binary=True,
    read=read_dsprites,
)  # fmt: skip
SHAPES3D = Published(
    files={
        "train": (
            File(
                "3dshapes.h5",
                "https://storage.googleapis.com/3d-shapes/3dshapes.h5",
                267_573_662,
                ("0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",),
            ),
        )
    },
    factor_names=SHAPES3D_FACTORS,
    sizes=(10, 10, 10, 8, 4, 15),
    image_shape=(64, 64, 3),
    num_images={"train": 480_000},
    features=tuple(f"label_{name}" for name in SHAPES3D_FACTORS),
    cameras=("image",),
    binary=False,
    read=read_shapes3d,
)
MNIST = Published(
    files={
        "train": _mnist_files(
            "train",
            (
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            (
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
        ),
        "test": _mnist_files(
            "t10k",
            (
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            (
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
    },
    factor_names=("digit",),
    sizes=(10,),
    image_shape=(28, 28, 1),
    num_images={"train": 60_000, "test": 10_000},
    features=("label",),
    cameras=("image",),
    binary=False,
    read=read_mnist,
)
PUBLISHED = {
    "smallnorb": SMALLNORB,
    "dsprites": DSPRITES,
    "shapes3d": SHAPES3D,
    "mnist": MNIST,
}
