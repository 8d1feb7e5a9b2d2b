"""Folders of images, their tables, and a prepared set."""

from __future__ import annotations

import functools
import gzip
import pathlib
import shutil
import tempfile
from typing import Any

import numpy as np
from PIL import Image

from dis_jax import data
from dis_jax.data.data_dir import PUBLISHED
from tests.faults.binary_formats import idx
from tests.faults.format import Change, Format, by_name, numbers, placed


def _folder(ending: str, flips: int = 0, **options: Any) -> Format:
    """Three images in a user's folder, of which the second is malformed."""

    def write(folder: pathlib.Path) -> pathlib.Path:
        for number, image in enumerate(numbers(3, 24, 24, 3)):
            path = placed(folder, "photos", f"{number}{ending}")
            Image.fromarray(image).save(path, **options)
        return folder / "photos" / f"1{ending}"

    def put(image: Any) -> Change:
        return lambda path: image.save(
            path, format="tiff" if image.mode == "F" else None
        )

    rgb = lambda *size: Image.fromarray(numbers(*size, 3))
    return Format(
        f"a folder of {ending}",
        write,
        lambda folder: data.load(f"{folder}/photos"),
        flips=flips,
        wrong={
            "another width": put(rgb(24, 25)),
            "another size": put(rgb(12, 12)),
            "floating point": put(Image.fromarray(np.zeros((24, 24), np.float32))),
        },
        fine={
            "._ beside it": lambda p: p.with_name(f"._{p.name}").write_bytes(b"\0\5"),
            ".DS_Store beside it": lambda p: p.with_name(".DS_Store").write_bytes(
                b"\0"
            ),
            "a note beside it": lambda p: p.with_name("note.txt").write_bytes(b"a"),
        },
    )


def _coil_pngs() -> Format:
    def write(folder: pathlib.Path) -> pathlib.Path:
        for number, image in enumerate(numbers(2, 128, 128, 3)):
            path = placed(folder, "coil100", f"obj7__{5 * number}.png")
            Image.fromarray(image).save(path)
        return folder / "coil100" / "obj7__5.png"

    def renamed(name: str) -> Change:
        return lambda path: path.rename(path.with_name(name))

    names = ("obj7__6.png", "obj0__5.png", "obj101__5.png", "obj7__360.png")
    return Format(
        "COIL-100, PNG",
        write,
        by_name("coil100"),
        flips=-1,
        wrong={f"named {name}": renamed(name) for name in names}
        | {"of 64 pixels": lambda p: Image.fromarray(numbers(64, 64, 3)).save(p)},
        names=names,
    )


def _rgbd() -> Format:
    def write(folder: pathlib.Path) -> pathlib.Path:
        for pose in (1, 2):
            path = placed(folder, "rgbd_objects", "apple", f"apple_1_4_{pose}_crop.png")
            Image.fromarray(numbers(9, 7, 3, seed=pose)).save(path)
        return path

    def renamed(name: str) -> Change:
        return lambda path: path.rename(path.with_name(name))

    names = ("apple_crop.png", "apple_0_4_2_crop.png", f"apple_1_4_{2**40}_crop.png")
    return Format(
        "RGB-D Objects, PNG",
        write,
        by_name("rgbd_objects"),
        flips=-1,
        wrong={f"named {name}": renamed(name) for name in names},
        names=names,
    )


def _table() -> Format:
    def write(folder: pathlib.Path) -> pathlib.Path:
        for number, image in enumerate(numbers(3, 24, 24, 3)):
            Image.fromarray(image).save(placed(folder, "photos", f"{number}.png"))
        path = folder / "photos" / "labels.csv"
        path.write_text(rows("0,heart", "1,oval", "-1,heart"))
        return path

    def rows(*cells: str, head: str = "file,size,shape") -> str:
        lines = (f"{number}.png,{cell}" for number, cell in enumerate(cells))
        return "\n".join((head, *lines)) + "\n"

    good = ("0,heart", "1,oval", "-1,heart")
    put = lambda text: lambda path: path.write_text(text, encoding="utf-8")
    cell = lambda text: put(rows(text, *good[1:]))
    return Format(
        "labels.csv",
        write,
        lambda folder: data.load(f"{folder}/photos"),
        wrong={
            "NaN": cell("nan,heart"),
            "nothing": cell(",heart"),
            "a fraction": cell("0.5,heart"),
            "below -1": cell("-7,heart"),
            "too large": cell(f"{2**31},heart"),
            "far too large": cell(f"{10**30},heart"),
            "a word among numbers": cell("big,heart"),
            "a number among words": cell("0,3"),
            "a column more": cell("0,heart,1"),
            "a column less": cell("0"),
            "a factor twice": put(rows(*good, head="file,size,size")),
            "a factor without a name": put(rows(*good, head="file,size,")),
            "another head": put(rows(*good, head="name,size,shape")),
            "a file that is not there": put(rows(*good, "0,heart")),
            "a file outside": put(rows(*good).replace("0.png", "/etc/passwd")),
            "a file above": put(rows(*good).replace("0.png", "../../a.png")),
            "only the labels -1 and 1": put(rows("1,heart", "-1,oval", "1,oval")),
            "Latin-1": lambda p: p.write_bytes(rows(*good).encode() + b"\xe4\n"),
            "UTF-16": lambda p: p.write_text(rows(*good), encoding="utf-16"),
        },
        fine={
            "a mark of Excel": lambda p: p.write_text(rows(*good), "utf-8-sig"),
            "Windows' lines": lambda p: p.write_bytes(
                rows(*good).replace("\n", "\r\n").encode()
            ),
            "blank lines": put(rows(*good).replace("\n", "\n\n")),
        },
        names=("photos",),
        ends=False,
    )


@functools.cache
def _prepared_once() -> pathlib.Path:
    root = pathlib.Path(tempfile.mkdtemp())
    raw = root / "raw"
    raw.mkdir()
    for split, files in PUBLISHED["mnist"].files.items():
        count = 6 if split == "train" else 4
        images, digits = numbers(count, 28, 28), np.arange(count, dtype=np.uint8)
        for file, array in zip(files, (images, digits), strict=True):
            (raw / file.name).write_bytes(gzip.compress(idx(array)))
    data.prepare("mnist", root / "data", raw_dir=raw, check=False)
    return root / "data"


def _prepared(victim: str, *, resident: bool, flips: int = 0) -> Format:
    """One malformed file among those of MNIST as array_record."""

    def write(folder: pathlib.Path) -> pathlib.Path:
        shutil.copytree(_prepared_once(), folder)
        (path,) = (folder / "mnist" / "1.0.0").glob(victim)
        return path

    return Format(
        f"MNIST prepared, {victim}",
        write,
        lambda folder: data.load("mnist", folder, resident=resident),
        flips=flips,
        names=("1.0.0",),
    )


FORMATS = (
    _coil_pngs(),
    _rgbd(),
    _folder(".png", flips=-1),
    _folder(".jpg"),
    _folder(".gif"),
    _folder(".bmp"),
    _folder(".ppm"),
    _folder(".tif"),
    _folder(".webp"),
    _table(),
    _prepared("factors_train.npy", resident=False, flips=128),
    _prepared("mnist-train.array_record*", resident=True, flips=-1),
    _prepared("dataset_info.json", resident=True),
    _prepared("features.json", resident=True),
)
