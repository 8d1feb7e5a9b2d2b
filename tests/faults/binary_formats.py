"""Published files in binary formats: IDX, NORB's matrices, HDF5, .mat, .npy."""

from __future__ import annotations

import gzip
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np

from dis_jax.data import catalogue
from tests.faults.format import Change, Format, by_name, numbers, placed, with_value
from tests.faults.npz_formats import CLASSES, SPRITES


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    shape = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, kind, array.ndim]) + shape + array.tobytes()


def _write_mnist(
    name: str, images: np.ndarray, digits: np.ndarray
) -> Callable[[pathlib.Path], pathlib.Path]:
    def write(folder: pathlib.Path) -> pathlib.Path:
        for half in ("images-idx3", "labels-idx1"):
            array = images if "images" in half else digits
            path = placed(folder, "mnist", f"t10k-{half}-ubyte.gz")
            path.write_bytes(gzip.compress(idx(array), mtime=0))
        return folder / "mnist" / name

    return write


def _gz(array: np.ndarray, kind: int = 8) -> Change:
    return lambda path: path.write_bytes(gzip.compress(idx(array, kind), mtime=0))


_DIGITS = (numbers(6, 28, 28), np.arange(6, dtype=np.uint8))
mnist_images = Format(
    "MNIST, IDX images",
    _write_mnist("t10k-images-idx3-ubyte.gz", *_DIGITS),
    by_name("mnist", "test"),
    flips=-1,
    wrong={
        "27 pixels": _gz(numbers(6, 27, 27)),
        "one missing": _gz(numbers(5, 28, 28)),
        "a vector": _gz(numbers(6)),
        "signed": _gz(numbers(6, 28, 28), 9),
        "of an unknown type": _gz(numbers(6, 28, 28), 7),
        "a header of more": lambda p: p.write_bytes(
            gzip.compress(idx(_DIGITS[0]).replace(b"\0\0\0\6", b"\0\0\0\7", 1))
        ),
        "not packed": lambda p: p.write_bytes(idx(_DIGITS[0])),
    },
)
mnist_labels = Format(
    "MNIST, IDX labels",
    _write_mnist("t10k-labels-idx1-ubyte.gz", *_DIGITS),
    by_name("mnist", "test"),
    flips=-1,
    wrong={
        "digit 10": _gz(np.arange(5, 11, dtype=np.uint8)),
        "two axes": _gz(numbers(6, 2)),
        "the images": _gz(_DIGITS[0]),
        "one missing": _gz(np.arange(5, dtype=np.uint8)),
    },
)


def _norb_matrix(array: np.ndarray, magic: int | None = None) -> bytes:
    magic = magic or (0x1E3D4C55 if array.dtype == np.uint8 else 0x1E3D4C54)
    shape = [*array.shape, 1, 1][: max(3, array.ndim)]
    return np.array([magic, array.ndim, *shape], "<i4").tobytes() + array.tobytes()


_MATRICES = {
    "dat": numbers(4, 2, 96, 96),
    "cat": np.arange(4, dtype=np.int32),
    "info": np.array(
        [[0, 1, 2, 3], [1, 8, 34, 5], [5, 0, 0, 0], [2, 3, 4, 5]], np.int32
    ),
}


def _norb(part: str, **wrong: np.ndarray) -> Format:
    """One of the three files of SmallNORB's test half."""
    files = catalogue.SMALLNORB.files["test"]

    def write(folder: pathlib.Path) -> pathlib.Path:
        for file, array in zip(files, _MATRICES.values(), strict=True):
            path = placed(folder, "smallnorb", file.name)
            path.write_bytes(gzip.compress(_norb_matrix(array), mtime=0))
        return folder / "smallnorb" / files[list(_MATRICES).index(part)].name

    put = lambda content: lambda path: path.write_bytes(gzip.compress(content))
    header = _norb_matrix(_MATRICES[part])
    return Format(
        f"SmallNORB, -{part}.mat.gz",
        write,
        by_name("smallnorb_96", "test"),
        flips=-1,
        wrong={
            **{name: put(_norb_matrix(array)) for name, array in wrong.items()},
            "another magic": put(_norb_matrix(_MATRICES[part], 0x1E3D4C51)),
            "no axes": put(header[:4] + bytes(4) + header[8:]),
            "a thousand axes": put(header[:4] + b"\xe8\3\0\0" + header[8:]),
            "negative axes": put(header[:4] + b"\xff\xff\xff\xff" + header[8:]),
            "a negative length": put(header[:8] + b"\xff\xff\xff\xff" + header[12:]),
        },
        names=("SmallNORB's test half",),
    )


_INFO = _MATRICES["info"]
norb = (
    _norb("dat", one_camera=_MATRICES["dat"][:, :1], one_missing=_MATRICES["dat"][:3]),
    _norb("cat", category_5=_MATRICES["cat"] + 2, one_missing=_MATRICES["cat"][:3]),
    _norb(
        "info",
        odd_azimuth=with_value(_INFO, (0, 2), 3),
        azimuth_36=with_value(_INFO, (0, 2), 36),
        negative=with_value(_INFO, (0, 1), -1),
        instance_of_the_other_half=with_value(_INFO, (0, 0), 4),
        three_columns=np.ascontiguousarray(_INFO[:, :3]),
        one_missing=_INFO[:3],
        bytes=_INFO.astype(np.uint8)[:2],
    ),
)


def _hdf5(
    set_name: str, file_name: str, images: np.ndarray, labels: np.ndarray, names: tuple
) -> Format:
    """The HDF5 file of dSprites or of Shapes3D, compressed like the published one."""
    import h5py

    def put(
        path: pathlib.Path, images: Any = images, labels: Any = labels, **kept: Any
    ) -> pathlib.Path:
        with h5py.File(path, "w") as file:
            for name, array in zip(names, (images, labels), strict=True):
                if callable(array):
                    array(file, name)
                elif array is not None:
                    chunks = {"chunks": (2, *array.shape[1:])} if array.ndim > 1 else {}
                    options = chunks | {"compression": "gzip"} if chunks else {}
                    file.create_dataset(name, data=array, **options, **kept)
        return path

    def link(target: Any) -> Callable[[Any, str], None]:
        def make(file: Any, name: str) -> None:
            file[name] = target

        return make

    def outside(file: Any, name: str) -> None:
        storage = [(os.path.abspath(__file__), 0, images.size)]
        file.create_dataset(name, images.shape, np.uint8, external=storage)

    def empty(file: Any, name: str) -> None:
        shape = images.shape
        file.create_dataset(name, shape, np.uint8, chunks=(2, *shape[1:]))

    def virtual(file: Any, name: str) -> None:
        layout = h5py.VirtualLayout(images.shape, np.uint8)
        layout[:] = h5py.VirtualSource(
            os.path.abspath(__file__), "images", images.shape
        )
        file.create_virtual_dataset(name, layout)

    return Format(
        f"{set_name}, HDF5",
        lambda folder: put(placed(folder, set_name, file_name)),
        by_name(set_name),
        flips=-1,
        wrong={
            "labels: NaN": lambda p: put(
                p, labels=with_value(labels, (3, 2), np.nan, float)
            ),
            "labels: infinite": lambda p: put(
                p, labels=with_value(labels, 3, np.inf, float)
            ),
            "labels: words": lambda p: put(p, labels=labels.astype("S4")),
            "labels: a vector": lambda p: put(p, labels=labels[:, 0]),
            "labels: one column less": lambda p: put(p, labels=labels[:, 1:]),
            "labels: one missing": lambda p: put(p, labels=labels[:-1]),
            "labels: left out": lambda p: put(p, labels=None),
            "labels: many values": lambda p: put(
                p, labels=labels + np.arange(len(labels))[:, None] * 5
            ),
            "images: left out": lambda p: put(p, images=None),
            "images: floating point": lambda p: put(p, images=images / 255),
            "images: half the pixels": lambda p: put(p, images=images[:, ::2, ::2]),
            "images: one missing": lambda p: put(p, images=images[:-1]),
            "images: a group": lambda p: put(p, images=lambda f, n: f.create_group(n)),
            "images: never written": lambda p: put(p, images=empty),
            "images: stored in another file": lambda p: put(p, images=outside),
            "images: virtual": lambda p: put(p, images=virtual),
            "images: link to another file": lambda p: put(
                p, images=link(h5py.ExternalLink("/etc/passwd", "a"))
            ),
            "images: link to itself": lambda p: put(
                p, images=link(h5py.SoftLink(f"/{names[0]}"))
            ),
            "images: link to nothing": lambda p: put(
                p, images=link(h5py.SoftLink("/no"))
            ),
        },
        fine={"checksums": lambda p: put(p, fletcher32=True)},
    )


hdf5 = (
    _hdf5(
        "dsprites",
        catalogue.DSPRITES.files["train"][0].name,
        SPRITES["imgs"],
        CLASSES,
        ("imgs", "latents/classes"),
    ),
    _hdf5(
        "shapes3d",
        "3dshapes.h5",
        numbers(15, 64, 64, 3),
        np.c_[np.zeros((15, 5)), np.linspace(-30, 30, 15)],
        ("images", "labels"),
    ),
)


def _cars3d() -> Format:
    import scipy.io

    def put(views: Any, name: str = "im") -> Change:
        return lambda path: scipy.io.savemat(path, {name: views}, do_compression=True)

    def write(folder: pathlib.Path) -> pathlib.Path:
        path = placed(folder, "cars3d", "car_001_mesh.mat")
        put(views)(path)
        return path

    views = numbers(8, 8, 3, 24, 4)
    hidden = lambda path: path.with_name(f"._{path.name}").write_bytes(b"\0\5\26\7")
    return Format(
        "Cars3D, .mat",
        write,
        by_name("cars3d"),
        flips=-1,
        wrong={
            "two axes": put(views[:, :, 0, 0, 0]),
            "three elevations": put(views[..., :3]),
            "floating point": put(views / 255),
            "words": put("im"),
            "a structure": put({"a": views}),
            "no pixels": put(views[:0]),
            "another name": put(views, "image"),
        },
        fine={"._ beside it": hidden},
    )


def _isaac3d() -> Format:
    from PIL import Image

    labels = np.random.default_rng(0).integers(0, 2, (6, 9)) / 2

    def write(folder: pathlib.Path) -> pathlib.Path:
        for number, image in enumerate(numbers(6, 16, 16, 3)):
            path = placed(folder, "isaac3d", f"{number:06}.png")
            Image.fromarray(image).save(path)
        np.save(folder / "isaac3d" / "labels.npy", labels)
        return folder / "isaac3d" / "labels.npy"

    put = lambda values: lambda path: np.save(path, values, allow_pickle=True)
    return Format(
        "Isaac3D, .npy labels",
        write,
        by_name("isaac3d"),
        flips=128,  # the header: .npy has no checksum
        wrong={
            "NaN": put(with_value(labels, (3, 2), np.nan)),
            "infinite": put(with_value(labels, (3, 2), np.inf)),
            "words": put(labels.astype(str)),
            "objects": put(labels.astype(object)),
            "one missing": put(labels[:-1]),
            "eight columns": put(labels[:, 1:]),
            "a vector": put(labels[:, 0]),
            "nine shapes": put(labels + np.arange(6)[:, None]),
        },
        fine={"single precision": put(labels.astype(np.float32))},
    )


FORMATS = (mnist_images, mnist_labels, *norb, *hdf5, _cars3d(), _isaac3d())
