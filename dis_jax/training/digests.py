"""Digests of arrays and files, to detect changes between writing and reading."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from dis_jax.files import write_whole

_FILES = "digests.json"  # next to the files of a checkpoint
_SEAL = "seal"  # a key of the facts: the digest of all others
_LENGTH = 32  # hexadecimal digits of SHA-256 that are kept: 128 bits


def digests(tree: Any) -> dict[str, str]:
    """A digest of type, shape and bytes of each array of a tree, by path.

    With several processes, each gets the digests of the whole arrays.

    Args:
      tree: arrays, also typed random keys.

    Returns:
      Hexadecimal digits by path.

    Example:
      >>> import jax.numpy as jnp
      >>> from dis_jax.training.digests import digests
      >>> digests({"w": jnp.zeros(2)}) == digests({"w": jnp.array([0.0, -0.0])})
      False
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path): _digest(leaf) for path, leaf in leaves}


def _digest(leaf: Any) -> str:
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    if isinstance(leaf, jax.Array) and not (
        leaf.is_fully_addressable or leaf.is_fully_replicated
    ):
        # Gathers the shards of all processes. A collective: every process must call it.
        whole = NamedSharding(leaf.sharding.mesh, PartitionSpec())  # pyright: ignore[reportAttributeAccessIssue]
        leaf = jax.jit(lambda x: x, out_shardings=whole)(leaf)
    array = np.ascontiguousarray(leaf)
    # Type and shape first: reinterpreted or reshaped bytes must differ too.
    found = hashlib.sha256(f"{array.dtype} {array.shape} ".encode())
    found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()[:_LENGTH]


def differing(saved: Mapping[str, str], tree: Any) -> list[str]:
    """The paths of arrays whose digests differ from the saved ones.

    Args:
      saved: from `digests`.
      tree: the arrays that were read.

    Returns:
      Paths, also of arrays that only one side has.
    """
    found = digests(tree)
    paths = sorted(saved.keys() | found.keys())
    return [path for path in paths if saved.get(path) != found.get(path)]


def sealed(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Adds a digest of the facts to the facts.

    Args:
      facts: JSON.

    Returns:
      The facts and their seal.
    """
    return {**facts, _SEAL: _seal(facts)}


def is_sealed(facts: Mapping[str, Any]) -> bool:
    """Whether facts contain a seal that matches them.

    Args:
      facts: as they were read.

    Returns:
      False if the seal is missing or belongs to other facts.

    Example:
      >>> from dis_jax.training.digests import is_sealed, sealed
      >>> is_sealed(sealed({"step": 3})), is_sealed({**sealed({"step": 3}), "step": 4})
      (True, False)
    """
    rest = {name: value for name, value in facts.items() if name != _SEAL}
    return facts.get(_SEAL) == _seal(rest)


def _seal(facts: Mapping[str, Any]) -> str:
    # Through JSON first, as when read: numeric keys become strings, which sort
    # differently.
    text = json.dumps(json.loads(json.dumps(facts)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def add_file_digests(folder: str | os.PathLike[str]) -> None:
    """Writes a file with a digest of each other file into a folder.

    Args:
      folder: its files must be complete.
    """
    folder = pathlib.Path(folder)
    found = {
        path.relative_to(folder).as_posix(): _file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    found.pop(_FILES, None)
    write_whole(folder / _FILES, json.dumps(sealed({"files": found}), indent=1))


def check_file_digests(folder: str | os.PathLike[str]) -> None:
    """Checks the files of a folder against its digests, if it has any.

    Args:
      folder: with digests from `add_file_digests`. Files added later are ignored.

    Raises:
      OSError: if a file is missing, or a file or the digests have changed.

    Example:
      >>> import pathlib, tempfile
      >>> from dis_jax.training.digests import add_file_digests, check_file_digests
      >>> folder = pathlib.Path(tempfile.mkdtemp())
      >>> _ = (folder / "w").write_bytes(b"abc")
      >>> add_file_digests(folder)
      >>> check_file_digests(folder)
      >>> _ = (folder / "w").write_bytes(b"abd")
      >>> check_file_digests(folder)
      Traceback (most recent call last):
      OSError: its file w differs from what was saved
    """
    folder = pathlib.Path(folder)
    if not (folder / _FILES).is_file():
        return
    try:
        listed = json.loads((folder / _FILES).read_text())
    except ValueError:
        listed = {}
    if not isinstance(listed, dict) or not is_sealed(listed):
        raise OSError(f"its file {_FILES} differs from what was saved")
    for name, digest in listed["files"].items():
        if not (folder / name).is_file():
            raise OSError(f"its file {name} is missing")
        if _file_digest(folder / name) != digest:
            raise OSError(f"its file {name} differs from what was saved")


def _file_digest(path: pathlib.Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_LENGTH]
