"""Fine-tuning to a target: settings, checks, and the config of the run."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dis_jax import data, own_code, training
from dis_jax.methods import schedules
from dis_jax.studies.transfer_scores import READERS
from dis_jax.training import exported
from dis_jax.training.workdir import (
    FREE_FIELDS,
    changes,
    config_path,
    differences,
    divergence,
    steps_made,
)

Path = str | os.PathLike[str]

FOLDER = "transfer"  # below a run's workdir
_NETWORKS = ("encoder", "decoder")
_OPTIMISER = "vae"
_CODE = "z"
_SWEPT = ("seed", "beta")  # fields in which members may differ


class TransferSettings(NamedTuple):
    """How a model is transferred and scored.

    Attributes:
      finetune_steps: training all parameters on the target, without labels; 0 for none.
      adam: "kept", to continue with the source's Adam state, or "fresh".
      learning_rate: of fine-tuning.
      batch_size: images per step.
      trees: gradient boosted trees of "lightgbm" or "sklearn".
      readers: the probes, some of "gbt" and "mlp".
      num_codes: codes that are scored, a third of them held out.
      num_pairs: of each factor, for OMES if the set is a grid.
      seed: of the images drawn, of their split, of pairs and of the MLP.
    """

    finetune_steps: int = 50_000
    adam: str = "kept"
    learning_rate: float = 1e-4
    batch_size: int = 64
    trees: str = "lightgbm"
    readers: tuple[str, ...] = READERS
    num_codes: int = 15_000
    num_pairs: int = 2_000
    seed: int = 0


DEFAULTS = TransferSettings()


def transfer_folder(
    source: Path, target: str, settings: TransferSettings = DEFAULTS
) -> pathlib.Path:
    """The folder of the transfer of a run to a target.

    Args:
      source: the run's workdir.
      target: name of the set, perhaps with a split after a colon.
      settings: a fresh Adam has its own folder.

    Returns:
      A folder below the run's.

    Example:
      >>> from dis_jax import studies
      >>> studies.transfer_folder("runs/a", "smallnorb+coloured").as_posix()
      'runs/a/transfer/smallnorb+coloured'
    """
    name = target.strip("/").replace("/", "_").replace(":", "_")
    fresh = "_fresh_adam" if settings.adam == "fresh" else ""
    return pathlib.Path(source) / FOLDER / f"{name}{fresh}"


def source_name(config: Any) -> str:
    """The set that a model was trained on, with its split, written as a target."""
    split = "" if config.split == "all" else f":{config.split}"
    return f"{config.dataset}{split}"


def load_target(target: str, data_dir: Path | None = None) -> data.ImageSet:
    """Loads the set that a target names; refuses one without labels."""
    name, split = data.name_and_split(target)
    own_code.permit(*own_code.names_in({"target": name}))  # the caller names it
    image_set = data.load(name, data_dir, split)
    if not image_set.factor_names:
        raise ValueError(
            f"{target!r} has no labels, which transfer scores need: use a labelled set. To "
            "continue training without scores, use --config.init_from.workdir."
        )
    return image_set


def check_shapes(
    source: str, wanted: Sequence[int], target: str, found: Sequence[int]
) -> None:
    """Refuses a target whose image shape differs from the source's; suggests a fix.

    Shapes are (height, width, channels); `wanted` is the source's.
    """
    if tuple(wanted) == tuple(found):
        return
    target, split = data.name_and_split(target)
    split = "" if split == "all" else f":{split}"
    resized = "" if tuple(wanted[:2]) == tuple(found[:2]) else f"+resized{wanted[0]}"
    colour = "+coloured" if wanted[2] > found[2] else "+grey"
    colour = "" if wanted[2] == found[2] else colour
    text = f"take --target={target}{resized}{colour}{split}"
    if wanted[2] < found[2]:
        own, _ = data.name_and_split(source)
        text = (
            f"train the source on {own}+coloured (greyscale in three channels), or "
            f"{text}"
        )
    by = ["x".join(map(str, shape)) for shape in (wanted, found)]
    raise ValueError(
        f"the source was trained on {source!r}, images of {by[0]}, and "
        f"{target!r} has {by[1]}: {text}."
    )


def check_source(source: Path, config: Any) -> None:
    """Refuses a run that is incomplete, or whose state is not that of a `beta_vae`."""
    if exported.is_exported(source):
        raise ValueError(
            f"{source} contains an exported model, which has no optimiser; transfer "
            "continues the training of a run: name the run's folder."
        )
    made = steps_made(source)
    if made < config.steps or not made:
        as_it_is = (
            f", or, to use it as it is, run the same command with --config.steps={made}"
        )
        ended = divergence(source)
        raise ValueError(
            f"{source} has made {made:,} of its {config.steps:,} steps"
            + (f" and then diverged ({ended})" if ended else "")
            + ": finish its training with the original command"
            f"{as_it_is if made else ''}."
        )
    networks, optimisers, codes = _parts(source, config, made)
    if not ({*_NETWORKS} <= networks and _OPTIMISER in optimisers and codes == {_CODE}):
        raise ValueError(
            f"{source} is a {config.method!r}, with the networks {sorted(networks)} and "
            f"the codes {sorted(codes)}; transfer continues as a beta_vae: use a source "
            f"with an encoder, a decoder and the one code {_CODE!r}, such as beta_vae, "
            "ada_gvae or group_vae."
        )


def _parts(source: Path, config: Any, step: int) -> tuple[set[str], set[str], set[str]]:
    """Names of the networks, optimisers and codes of a run, by tracing alone."""
    method = training.make_method(config)
    checkpoints = training.Checkpoints(pathlib.Path(source) / "checkpoints")
    try:
        batch = checkpoints.facts(step)["batch"]
    finally:
        checkpoints.close()

    def begin() -> Any:
        blank = {k: jnp.zeros(shape, dtype) for k, (shape, dtype) in batch.items()}
        state = method.init(jax.random.key(0), blank)
        image = jnp.zeros((1, *config.image_shape))
        return state.params, state.opt_state, method.encode(state, {"image": image})

    networks, optimisers, codes = jax.eval_shape(begin)
    return {*networks}, {*optimisers}, {*codes}


def finetuning_config(
    source: pathlib.Path, config: Any, target: str, settings: TransferSettings
) -> Any:
    """The config for fine-tuning a run: a `beta_vae` that starts from it."""
    if settings.adam not in ("kept", "fresh"):
        raise ValueError(f'adam is {settings.adam!r}; expected "kept" or "fresh".')
    lists = {name: tuple(values) for name, values in dict(config.population).items()}
    others = [name for name, values in lists.items() if values and name not in _SWEPT]
    if others:
        raise ValueError(
            f"the population in {source} differs in {', '.join(others)}; fine-tuning keeps "
            f"{' and '.join(_SWEPT)} only: train the others as separate runs."
        )
    tuning = config.copy_and_resolve_references()
    with tuning.unlocked():
        for name in set(tuning) & {"aggregate", "discriminator"}:
            del tuning[name]  # fields of other methods
        tuning.method = "beta_vae"
        tuning.dataset, tuning.split = data.name_and_split(target)
        tuning.sampler = {}
        tuning.batch_size = settings.batch_size
        tuning.hparams = {
            "learning_rate": settings.learning_rate,
            "clip_norm": float("inf"),
            # the last value of a schedule over the source's steps
            "beta": schedules.at(config.hparams.get("beta", 1.0), config.steps),
            **_variance(config),
        }
        tuning.population = dict.fromkeys(tuning.hparams, ()) | {
            name: lists.get(name, ()) for name in _SWEPT
        }
        tuning.population["beta"] = tuple(
            schedules.at(beta, config.steps) for beta in lists.get("beta", ())
        )
        tuning.steps = settings.finetune_steps
        tuning.best_metric = ""  # the source's may be a term that a beta_vae lacks
        tuning.init_from = {
            "workdir": str(source),
            "step": steps_made(source),  # a source trained further counts as another
            "networks": _NETWORKS,
            "optimisers": (_OPTIMISER,) if settings.adam == "kept" else (),
        }
    return tuning


def _variance(config: Any) -> dict[str, float]:
    """The variance of a source with a fixed-variance Gaussian likelihood, else {}."""
    value = config.hparams.get("variance")
    return {} if value is None else {"variance": schedules.at(value, config.steps)}


def check_finetuning(folder: pathlib.Path, tuning: Any) -> None:
    """Refuses a folder that contains another fine-tuning, or more steps of this one."""
    if not config_path(folder).is_file():
        return
    old = json.loads(training.read_config(folder).to_json())
    changed = differences(old, json.loads(tuning.to_json()))
    # a path may be spelled in many ways; the source is always a parent of this folder
    free = FREE_FIELDS | {"init_from.workdir"}
    held = {k: v for k, v in changed.items() if k not in free}
    if held:
        way_out = (
            "The source was trained further since: move that folder away to fine-tune its "
            "current state."
            if "init_from.step" in held
            else (
                "Restore them by flags such as --learning_rate, or move that folder away "
                "to fine-tune again."
            )
        )
        raise ValueError(
            f"{folder} contains a fine-tuning run with other "
            f"settings:\n{changes(held)}\n{way_out}"
        )
    made = steps_made(folder)
    if made > tuning.steps:
        raise ValueError(
            f"{folder} has made {made} steps of fine-tuning, more than the {tuning.steps} "
            f"requested: use --finetune_steps={made}, or move that folder away to "
            "fine-tune again."
        )
