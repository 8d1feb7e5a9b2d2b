"""Exported models: config.json and model.safetensors, as on the Hugging Face Hub."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dis_jax import extras
from dis_jax.files import replacing, write_whole
from dis_jax.methods import Method, State, point

WEIGHTS = "model.safetensors"
_HUB = "hf://"
_VERSION = "1"
_SMALL = 1_000  # values; smaller parts, such as a learned prior, are always kept
_GROUPS = ("params", "stats", "hparams")
_FACTS = ("batch", "data", "run")  # facts of a checkpoint that an exported model keeps

Path = str | os.PathLike[str]


def is_exported(folder: Path) -> bool:
    """Whether a folder contains an exported model, not a run."""
    return (pathlib.Path(folder) / WEIGHTS).is_file()


def check_free(folder: Path) -> None:
    """Checks that an export overwrites nothing except an earlier one without scores.

    Args:
      folder: of the export.

    Raises:
      FileExistsError: if the folder contains a file that an export writes but is not an
        exported model; or if it contains scores or a report, which would seem to belong
        to the new model.
    """
    names = ("config.json", "README.md")
    there = [name for name in names if (pathlib.Path(folder) / name).exists()]
    if there and not is_exported(folder):
        raise FileExistsError(
            f"{folder} contains {' and '.join(there)}, which do not belong to an "
            "exported model and would be overwritten; export to another folder."
        )
    made = [
        n for n in ("evaluation", "report.html") if (pathlib.Path(folder) / n).exists()
    ]
    if made:
        raise FileExistsError(
            f"{folder} contains {' and '.join(made)} of another model; delete them, or "
            "export to another folder."
        )


def local(name: Path) -> Path:
    """The folder of a model; downloads a model of the Hugging Face Hub.

    Args:
      name: a folder, or "hf://owner/name".

    Returns:
      The folder.

    Raises:
      ValueError: if the model cannot be downloaded.
    """
    if not str(name).startswith(_HUB):
        return name
    if lacking := extras.missing("hub"):
        raise ValueError(f"{name}: {lacking}")
    from huggingface_hub import snapshot_download  # pyright: ignore

    try:
        return snapshot_download(str(name).removeprefix(_HUB))
    except Exception as error:  # network, name or access rights
        line = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ValueError(
            f"{name} cannot be downloaded: {line}. Check the name and the network, or "
            "download the files elsewhere and give their folder."
        ) from error


def needed(method: Method, state: State, images: Any) -> dict[str, list[str]]:
    """The networks that encoding and decoding use, by group of the state.

    Only training uses a discriminator or a critic, which may have most of the weights.

    Args:
      method: the system.
      state: of one model.
      images: a batch, or its shape and type.

    Returns:
      {"params": names, "stats": names}.
    """

    def apply(state: State) -> None:
        jax.eval_shape(lambda s, x: _codes_and_images(method, s, x), state, images)

    # A network is needed if encoding and decoding fail without it. Traced, not run. The
    # complete model is traced first: its own errors must not look like a missing network.
    apply(state)
    kept: dict[str, list[str]] = {}
    for group in ("params", "stats"):
        networks = getattr(state, group)
        kept[group] = []
        for name in networks:
            others = {k: v for k, v in networks.items() if k != name}
            if sum(leaf.size for leaf in jax.tree.leaves(networks[name])) <= _SMALL:
                kept[group].append(name)
                continue
            try:
                apply(state._replace(**{group: others}))
            except Exception:  # KeyError, or any other error of a user's method
                kept[group].append(name)
    return kept


def _codes_and_images(method: Method, state: State, images: Any) -> Any:
    codes = method.encode(state, {"image": images})
    if method.decode is None:
        return codes
    return codes, method.decode(state, {k: point(code) for k, code in codes.items()})


def write(
    folder: Path,
    method: Method,
    state: State,
    config: Mapping[str, Any],
    facts: Mapping[str, Any],
    *,
    half: bool = False,
) -> None:
    """Writes the parts of a model that encode and decode, without the optimiser.

    Args:
      folder: created if missing.
      method: the system.
      state: of one model.
      config: of the run, as JSON that every reader accepts.
      facts: of its checkpoint: `batch`, the shapes and types of a training batch; `data`
        and `run`, which describe the images and the networks and which older checkpoints
        lack.
      half: whether to store networks as float16, half the size.

    Raises:
      ValueError: if safetensors is not installed, or a weight is too large for float16.
    """
    if lacking := extras.missing_package("safetensors"):
        raise ValueError(lacking)
    from safetensors.numpy import save

    shape = next(tuple(s) for s, _ in facts["batch"].values() if len(s) == 4)
    kept = needed(method, state, jnp.zeros(shape))
    told = {name: facts[name] for name in _FACTS if name in facts}
    about = {**told, "step": int(state.step), **kept}
    metadata = {"dis_jax": _VERSION, "about": json.dumps(about)}
    arrays = {
        name: np.asarray(value, order="C")
        for name, value in _named(_part(state, kept)).items()
    }
    if half:
        arrays = {name: _halved(name, array) for name, array in arrays.items()}
    folder = pathlib.Path(folder)
    with replacing(folder / WEIGHTS) as fresh:
        fresh.write_bytes(save(arrays, metadata))
    write_whole(folder / "config.json", json.dumps(config, indent=2) + "\n")


def _halved(name: str, array: np.ndarray) -> np.ndarray:
    """A network's array as float16; hyperparameters keep their precision."""
    if array.dtype != np.float32 or name.startswith("hparams."):
        return array
    largest = float(np.abs(array).max(initial=0))
    if largest > float(np.finfo(np.float16).max):
        raise ValueError(
            f"{name} contains {largest:.3g}, more than a float16; export it without half."
        )
    return array.astype(np.float16)


def read(folder: Path, shapes: Callable[[Mapping[str, Any]], State]) -> State:
    """The state of an exported model, which encodes and decodes but cannot be trained.

    Args:
      folder: of the model.
      shapes: function from shapes and types of a training batch to those of the state.

    Returns:
      The state, with the exported networks and no optimiser.

    Raises:
      ValueError: if the file is damaged, or its arrays do not match the config.
    """
    about, found = _opened(folder)
    path = pathlib.Path(folder) / WEIGHTS
    whole = shapes(about["batch"])
    part = _part(whole, about)
    _check(path, found, _named(part))
    leaves = [jnp.asarray(found[n], s.dtype) for n, s in _named(part).items()]
    values = jax.tree.unflatten(jax.tree.structure(part), leaves)
    return State(
        step=jnp.asarray(about["step"], whole.step.dtype),
        key=jax.random.key(0),  # unused: only training draws from it
        opt_state={},
        **values,
    )


def facts(folder: Path) -> dict[str, Any]:
    """The `facts` that `write` stored in an exported model; errors as in `read`."""
    about, _ = _opened(folder)
    return {name: about[name] for name in _FACTS if name in about}


def _opened(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description and the arrays in the file of an exported model."""
    if lacking := extras.missing_package("safetensors"):
        raise ValueError(f"{folder}: {lacking}")
    from safetensors import SafetensorError, safe_open

    path = pathlib.Path(folder) / WEIGHTS
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"{path} cannot be read: {error}. It was cut or damaged: copy or export it "
            "again."
        ) from None
    if metadata.get("dis_jax") != _VERSION:
        raise ValueError(
            f"{path} was not written by this package: its metadata have dis_jax = "
            f"{metadata.get('dis_jax')!r}; expected {_VERSION!r}."
        )
    return json.loads(metadata["about"]), found


def _part(state: State, kept: Mapping[str, Any]) -> dict[str, Any]:
    """The groups of a state, each with only its kept networks."""
    return {
        group: {
            name: value
            for name, value in getattr(state, group).items()
            if name in kept.get(group, (name,))
        }
        for group in _GROUPS
    }


def _named(tree: Any) -> dict[str, Any]:
    """Leaves by dotted names: "params.encoder.mean.kernel"."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    named = lambda path: jax.tree_util.keystr(path, simple=True, separator=".")
    return {named(path): leaf for path, leaf in leaves}


def _check(
    path: pathlib.Path, found: Mapping[str, Any], wanted: Mapping[str, Any]
) -> None:
    """Raises ValueError unless names and shapes match the config."""
    config = f"the model of {path.with_name('config.json')}"
    if missing := [name for name in wanted if name not in found]:
        raise ValueError(f"{path} has no {', '.join(missing)}, which {config} needs.")
    if more := [name for name in found if name not in wanted]:
        raise ValueError(
            f"{path} contains {', '.join(more)}, which {config} does not have."
        )
    for name, shape in wanted.items():
        if found[name].shape != tuple(shape.shape):
            raise ValueError(
                f"{path}: {name} has the shape {found[name].shape}; {config} has "
                f"{tuple(shape.shape)}."
            )
