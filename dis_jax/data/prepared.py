"""Writes and reads sets of tensorflow_datasets; only tfrecord files need tensorflow."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dis_jax import shipped
from dis_jax.data.catalogue import KEPT_FACTORS, PUBLISHED
from dis_jax.data.download import Arrays, Published, fetch, found, verify
from dis_jax.data.numpy_files import read_npy
from dis_jax.data.reading import whole
from dis_jax.progress import progress_bar

VERSION = "1.0.0"
_ARRAY_RECORD = "array_record"
_AGAIN = "remove the folder and prepare the set again"


def prepare(
    name: str,
    data_dir: str | os.PathLike[str],
    *,
    raw_dir: str | os.PathLike[str] | None = None,
    check: bool = True,
) -> pathlib.Path:
    """Writes a published set as array_record files; no partial set is left behind.

    If two processes prepare the same set, both write it and the result of the first to
    finish stays. A killed process leaves a folder `incomplete.*`, which may be removed.

    Args:
      name: "smallnorb", "dsprites", "shapes3d" or "mnist".
      data_dir: the folder of real sets; the set goes to `<data_dir>/<name>/1.0.0`.
      raw_dir: a folder with the published files; by default they are downloaded to
        `<data_dir>/<name>/raw`.
      check: whether the files' checksums are compared with the published ones.

    Returns:
      The directory; an existing one is not changed.

    Raises:
      FileNotFoundError: if `raw_dir` lacks a file.
      ConnectionError: if a file cannot be downloaded.
      ValueError: if a file is damaged, or the set is not known.
    """
    if name not in PUBLISHED:
        raise ValueError(
            f"{name!r} cannot be prepared; expected {', '.join(PUBLISHED)}."
        )
    published = PUBLISHED[name]
    target = pathlib.Path(data_dir) / name / VERSION
    if target.is_dir():
        check_complete(target)
        return target
    raw = None if raw_dir is None else pathlib.Path(raw_dir)
    paths = raw_files(published, target.parent, raw, check=check)
    try:
        _write(name, paths, pathlib.Path(data_dir))
    except OSError:
        if not target.is_dir():  # otherwise another process finished first
            raise
    return target


def raw_files(
    published: Published,
    folder: pathlib.Path,
    raw_dir: pathlib.Path | None,
    *,
    check: bool,
) -> dict[str, list[pathlib.Path]]:
    """The published files of each split, downloaded unless a folder of them is given."""
    paths = {}
    for split, files in published.files.items():
        if raw_dir is None:
            paths[split] = [fetch(file, folder / "raw") for file in files]
            continue
        paths[split] = [found(raw_dir, file) for file in files]
        for path, file in zip(paths[split], files, strict=True):
            if check:
                verify(path, file)
    return paths


def newest(folder: pathlib.Path) -> pathlib.Path | None:
    """The newest version in a set's folder, prepared by this package or by tfds.

    Versions in array_record files take precedence over others, which need tensorflow.
    """
    versions = []
    for path in folder.glob("[0-9]*/dataset_info.json"):  # no incomplete.*
        with whole(path, "description of a prepared set", _AGAIN):
            text = path.read_text(encoding="utf-8")
        # As numbers: as text, version 10 comes before version 2.
        version = tuple(map(int, re.findall(r"\d+", path.parent.name)))
        versions.append((f'"{_ARRAY_RECORD}"' in text, version, path.parent))
    return max(versions)[-1] if versions else None


def check_complete(directory: pathlib.Path) -> None:
    """Checks that a prepared directory contains all files of its own list.

    Args:
      directory: the prepared directory.

    Raises:
      ValueError: if the list or a file is missing; the message names it.
    """
    advice = f"Remove {directory} and prepare the set again."
    if not (directory / "dataset_info.json").is_file():
        raise ValueError(
            f"{directory} has no dataset_info.json: the set is incomplete. {advice}"
        )
    for split in _builder(directory).info.splits.values():
        for path in split.filepaths:
            if not pathlib.Path(path).is_file():
                raise ValueError(f"{path} is missing: the set is incomplete. {advice}")


def source(directory: pathlib.Path, split: str) -> Any:
    """The examples of a split, by position: `len(source)`, `source[i]`.

    Args:
      directory: the prepared directory; array_record files need no tensorflow, others
        do.
      split: "train" or "test".

    Returns:
      A `tfds.data_source`, of dicts of arrays.

    Raises:
      ValueError: if the directory is incomplete, or a file in it is damaged, or if it
        contains tfrecord files and tensorflow is not installed.
    """
    check_complete(directory)
    builder = _builder(directory)
    file_format = builder.info.file_format.value
    if file_format != _ARRAY_RECORD:
        return _TfrecordSource(builder, split, directory)
    with whole(directory, f"prepared set, split {split!r}", _AGAIN):
        return builder.as_data_source(split)


def read(name: str, directory: pathlib.Path, splits: Sequence[str]) -> Arrays:
    """All images and factors of some splits of a prepared directory.

    Args:
      name: the name of the published set.
      directory: the prepared directory.
      splits: the splits, which are concatenated in this order.

    Returns:
      `image`, `image2` if there are two cameras, and `factors`.
    """
    published = PUBLISHED[name]
    sources = [source(directory, split) for split in splits]
    total = sum(len(examples) for examples in sources)
    shape = (total, *published.image_shape)
    images = {camera: np.empty(shape, np.uint8) for camera in published.cameras}
    factors = np.empty((total, len(published.features)), np.int32)
    with progress_bar(
        total=total, desc=f"{name} from {directory}", unit="image"
    ) as bar:
        row = 0
        for examples in sources:
            with whole(directory, "prepared set", _AGAIN):
                for example in _in_batches(examples):
                    for camera in published.cameras:
                        images[camera][row] = example[camera]
                    factors[row] = [example[key] for key in published.features]
                    row += 1
                    bar.update()
    return images | {"factors": factors}


def read_factors(
    name: str, directory: pathlib.Path, splits: Sequence[str]
) -> np.ndarray:
    """The factors of some splits, (image, factor), without decoding images.

    Args:
      name: the name of the published set.
      directory: the prepared directory.
      splits: the splits, which are concatenated in this order.

    Returns:
      The factors of all images.
    """
    parts = []
    for split in splits:
        kept = directory / KEPT_FACTORS.format(split=split)
        if kept.is_file():
            parts.append(_load_factors(kept, len(PUBLISHED[name].features)))
            continue
        keys = PUBLISHED[name].features
        examples = source(directory, split)
        with whole(directory, "prepared set", _AGAIN):
            rows = [[e[key] for key in keys] for e in _in_batches(examples)]
            parts.append(np.array(rows, np.int32))
    return np.concatenate(parts)


def _load_factors(path: pathlib.Path, count: int) -> np.ndarray:
    try:
        factors = read_npy(path)
    except ValueError as error:
        raise _damaged_factors(path, error.__cause__ or error) from error
    if factors.ndim != 2 or factors.shape[1] != count or factors.dtype.kind not in "iu":
        found = f"shape {factors.shape}, dtype {factors.dtype}"
        raise _damaged_factors(path, f"{found}; expected integers (images, {count})")
    return factors


def _damaged_factors(path: pathlib.Path, reason: object) -> ValueError:
    return ValueError(
        f"{path} is damaged ({reason}). Remove it: the factors are then read from the "
        "records, which is slower."
    )


def reader(
    directory: pathlib.Path, splits: Sequence[str]
) -> Callable[[np.ndarray], np.ndarray]:
    """A function that reads images of a prepared directory by their positions.

    Args:
      directory: the prepared directory.
      splits: the splits, which are concatenated in this order.

    Returns:
      Positions (n,) -> bytes (n, height, width, channels), for any number of threads.
    """
    sources = [source(directory, split) for split in splits]
    lengths = [len(examples) for examples in sources]
    image_at = [_image_at(examples) for examples in sources]
    ends = np.cumsum(lengths)

    def read(index: np.ndarray) -> np.ndarray:
        which = np.searchsorted(ends, index, side="right")
        places = index - (ends - lengths)[which]
        found = zip(which.tolist(), places.tolist(), strict=True)
        with whole(directory, "prepared set", _AGAIN):
            return np.stack([image_at[i](place) for i, place in found])

    return read


def _image_at(examples: Any) -> Callable[[int], np.ndarray]:
    """Position -> image, without decoding labels, which would take most of the time."""
    if isinstance(examples, _TfrecordSource):
        return lambda place: examples[place]["image"]
    import tensorflow_datasets as tfds

    feature = examples.dataset_info.features["image"]
    # One record at a time: a batch of records starts its own thread pool.
    records = examples.data_source
    is_plain = type(feature) is tfds.features.Tensor  # not Image, which is compressed
    if is_plain and feature.to_json_content().encoding == "bytes":
        from tensorflow_datasets.proto import tf_example_pb2

        example: Any = tf_example_pb2
        shape: Any = feature.shape

        # Parses the record directly: a third of the time of tfds for the same bytes.
        def unpacked(place: int) -> np.ndarray:
            parts = example.Example.FromString(records[place]).features.feature
            raw = parts["image"].bytes_list.value[0]
            return np.frombuffer(raw, np.uint8).reshape(shape)

        return unpacked
    image: Any = tfds.features.FeaturesDict({"image": feature})
    return lambda place: image.deserialize_example_np(records[place])["image"]


def _in_batches(examples: Any, size: int = 1024) -> Iterator[dict[str, np.ndarray]]:
    for start in range(0, len(examples), size):
        stop = min(start + size, len(examples))
        yield from examples.__getitems__(range(start, stop))


def _builder(directory: pathlib.Path) -> Any:
    import tensorflow_datasets as tfds

    path = directory / "dataset_info.json"
    with whole(path, "description of a prepared set", _AGAIN):
        return tfds.builder_from_directory(str(directory))


def _write(
    name: str, paths: dict[str, list[pathlib.Path]], data_dir: pathlib.Path
) -> None:
    from dis_jax.data.tfds_builders import BUILDERS

    builder = BUILDERS[name](data_dir=str(data_dir), file_format=_ARRAY_RECORD)
    builder.paths = paths
    builder.download_and_prepare()


class _TfrecordSource:
    """The examples of tfrecord files, read once by tensorflow."""

    def __init__(self, builder: Any, split: str, directory: pathlib.Path):
        try:
            import tensorflow  # noqa: F401
        except ModuleNotFoundError as error:
            raise ValueError(
                f"{directory} contains tfrecord files, which need tensorflow. Install it, "
                f"or prepare the set again: {shipped.command('prepare_data')} "
                f"--dataset={directory.parent.name} --data_dir={directory.parent.parent}"
            ) from error
        import tensorflow_datasets as tfds

        self._examples = list(tfds.as_numpy(builder.as_dataset(split=split)))

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        return self._examples[index]

    def __getitems__(self, indices: Sequence[int]) -> list[dict[str, np.ndarray]]:
        return [self._examples[i] for i in indices]
