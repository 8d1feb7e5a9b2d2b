"""NumPy's `.npz` files: users' own, and those of published sets."""

from __future__ import annotations

import io
import pathlib
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from dis_jax import data
from dis_jax.data.data_dir import DSPRITES_NPZ
from tests.faults.format import Change, Format, by_name, numbers, placed, with_value


def _npz(*parts: str, **arrays: Any) -> Callable[[pathlib.Path], pathlib.Path]:
    def write(folder: pathlib.Path) -> pathlib.Path:
        path = placed(folder, *parts)
        np.savez(path, **arrays)
        return path

    return write


def _but(arrays: Mapping[str, Any], **changes: Any) -> Change:
    """Returns a function that writes an .npz with changed arrays, without those of None."""
    kept = {k: v for k, v in (dict(arrays) | changes).items() if v is not None}
    return lambda path: np.savez(path, **kept)


def _labels_of(name: str, arrays: Mapping[str, Any]) -> dict[str, Change]:
    """Faults of one array of labels of a named set."""
    good = np.asarray(arrays[name])
    return {
        f"{name}: {what}": _but(arrays, **{name: values})
        for what, values in {
            "NaN": with_value(good, 3, np.nan, float),
            "infinite": with_value(good, 3, np.inf, float),
            "a fraction": with_value(good, 3, 0.5, float),
            "negative": with_value(good, 3, -2, int),
            "too large": with_value(good, 3, 2**40, np.int64),
            "uint64": with_value(good, 3, 2**63, np.uint64),
            "words": good.astype(str),
            "objects": good.astype(object),
            "one missing": good[:-1],
            "two axes": np.stack([good, good], -1),
            "a single number": np.array(1),
            "complex": good.astype(complex),
            "dates": good.astype("datetime64[D]"),
            "left out": None,
        }.items()
    }


def _images_of(name: str, arrays: Mapping[str, Any], **more: Any) -> dict[str, Change]:
    """Faults of an array of images."""
    good = np.asarray(arrays[name])
    return {
        f"{name}: {what}": _but(arrays, **{name: values})
        for what, values in {
            "objects": good.astype(object),
            "words": good.astype(str),
            "whole numbers of 64 bits": good.astype(np.int64),
            "NaN": with_value(good / 255, (2, 1), np.nan, float),
            "0 to 255 in floating point": good.astype(np.float32),
            "one missing": good[:-1],
            "none": good[:0],
            "a row": good.reshape(len(good), -1),
            "seven channels": np.repeat(good[..., None], 7, -1),
            "one number": np.array(1, np.uint8),
            "left out": None,
            **more,
        }.items()
    }


_OWN = {"images": numbers(20, 16, 16), "kind": np.arange(20) % 3}


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def _zip_of(**members: bytes) -> Change:
    def change(path: pathlib.Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members.items():
                archive.writestr(f"{name}.npy", content)

    return change


def _encoded(path: pathlib.Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert content.count(old) >= 1
    path.write_bytes(content.replace(old, new))


own_npz = Format(
    "own .npz",
    _npz("mine.npz", **_OWN),
    lambda folder: data.load(f"{folder}/mine.npz"),
    flips=-1,
    wrong={k: v for k, v in _images_of("images", _OWN).items() if "missing" not in k}
    | {
        "a header of half the images": lambda p: _encoded(p, b"(20, ", b"(10, "),
        "labels below -1": _but(_OWN, kind=np.arange(20) - 5),
        "labels of -1 and 1": _but(_OWN, kind=np.where(np.arange(20) % 2, 1, -1)),
        "labels of 64 bits": _but(_OWN, kind=np.arange(20) + 2**40),
        "bytes of 0 and 1": _but(_OWN, images=_OWN["images"] % 2),
        "an .npy": lambda p: p.write_bytes(_npy(_OWN["images"])),
        "no arrays in the archive": _zip_of(),
        "members that are no arrays": _zip_of(images=b"not an array"),
        "nothing but a pickle": _zip_of(images=_npy(np.array([{}], object))),
    },
    fine={
        "words beside": _but(_OWN, extra=np.array(["cat"] * 20)),
        "objects beside": _but(_OWN, extra=np.array([{}], object)),
        "real numbers beside": _but(_OWN, extra=np.linspace(0, 1, 20)),
        "labels of bytes": _but(_OWN, kind=(np.arange(20) % 3).astype(np.uint8)),
        "compressed": lambda p: np.savez_compressed(p, **_OWN),
        "Fortran's order": _but(_OWN, images=np.asfortranarray(_OWN["images"])),
        "a note beside": lambda p: zipfile.ZipFile(p, "a").writestr("a.txt", "note"),
    },
)


_COIL = {
    "images": numbers(6, 64, 64, 3),
    "object": np.arange(6) + 1,
    "angle_deg": np.arange(6) * 5,
}
coil = Format(
    "COIL-100, .npz",
    _npz("coil100", "coil100_64x64.npz", **_COIL),
    by_name("coil100"),
    flips=-1,
    wrong=_labels_of("object", _COIL)
    | _labels_of("angle_deg", _COIL)
    | _images_of("images", _COIL)
    | {
        "an angle of 7 degrees": _but(
            _COIL, angle_deg=with_value(_COIL["angle_deg"], 1, 7)
        ),
        "object 0": _but(_COIL, object=np.arange(6)),
    },
)

SPRITES = {
    "imgs": numbers(10, 64, 64, high=2),
    "latents_classes": np.c_[
        np.zeros(10, int),
        np.random.default_rng(0).integers(0, [3, 6, 40, 32, 32], (10, 5)),
    ],
}
CLASSES = SPRITES["latents_classes"]
sprites_npz = Format(
    "dSprites, .npz",
    _npz("dsprites", DSPRITES_NPZ, metadata=np.array({"a": 1}, object), **SPRITES),
    by_name("dsprites"),
    flips=-1,
    wrong={
        "classes: NaN": _but(
            SPRITES, latents_classes=with_value(CLASSES, (3, 2), np.nan, float)
        ),
        "classes: too large": _but(
            SPRITES, latents_classes=with_value(CLASSES, (3, 2), 6)
        ),
        "classes: five columns": _but(SPRITES, latents_classes=CLASSES[:, 1:]),
        "classes: a colour": _but(
            SPRITES, latents_classes=with_value(CLASSES, (3, 0), 1)
        ),
        "images: 0 to 255": _but(SPRITES, imgs=numbers(10, 64, 64)),
        "images: one missing": _but(SPRITES, imgs=SPRITES["imgs"][:-1]),
        "images: 32 pixels": _but(SPRITES, imgs=SPRITES["imgs"][:, ::2, ::2]),
        "images: left out": _but(SPRITES, imgs=None),
    },
    fine={
        "no pickle": _but(SPRITES),
        "bits": _but(SPRITES, imgs=SPRITES["imgs"] > 0),
    },
)

_NORB = {"images": numbers(10, 64, 64)} | {
    name: np.arange(10) % size
    for name, size in (
        ("category", 5),
        ("elevation", 9),
        ("azimuth", 18),
        ("lighting", 6),
    )
}
_NORB["instance"] = np.array([0, 1, 2, 3, 5] * 2)
norb_npz = Format(
    "SmallNORB, .npz",
    _npz("smallnorb", "smallnorb_test_left_64x64.npz", **_NORB),
    by_name("smallnorb", "test"),
    flips=-1,
    wrong=_labels_of("azimuth", _NORB)
    | {
        "instances of the other half": _but(_NORB, instance=_NORB["instance"] + 4),
        "images: 32 pixels": _but(_NORB, images=_NORB["images"][:, ::2, ::2]),
    },
    names=("SmallNORB's test half",),
)

_SMALL_GRID = (1, 2, 1, 1, 1, 2, 2)


def _load_mpi3d(folder: pathlib.Path) -> data.ImageSet:
    from dis_jax.data import raw_sets

    found = raw_sets.mpi3d(folder / "mpi3d", sizes=(_SMALL_GRID,))
    return data.from_arrays(
        found.images,
        found.factors,
        name="mpi3d",
        factor_names=found.factor_names,
        sizes=found.sizes,
    )


_MPI3D = {"images": numbers(8, 16, 16, 3)}
mpi3d = Format(
    "MPI3D, .npz",
    _npz("mpi3d", "mpi3d_toy.npz", **_MPI3D),
    _load_mpi3d,
    flips=-1,
    wrong=_images_of("images", _MPI3D),
)


FORMATS = (own_npz, coil, sprites_npz, norb_npz, mpi3d)
