"""How a model is carried over to another set: settings, shapes, the run of fine-tuning."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from dis_jax import data
from dis_jax.evaluation.transfer_scores import READERS

Path = str | os.PathLike[str]

FOLDER = "transfer"
NETWORKS = ("encoder", "decoder")
OPTIMISER = "vae"
_SWEPT = ("seed", "beta")


class TransferSettings(NamedTuple):
    """How a model is carried over and scored.

    Attributes:
      finetune_steps: of all parameters on the target, without labels; 0 for none.
      adam: "kept", the source's Adam goes on, or "fresh".
      learning_rate: of fine-tuning.
      batch_size: images a step.
      trees: gradient boosted trees of "lightgbm" or "sklearn".
      readers: of "gbt" and "mlp", whose accuracies are wanted.
      num_codes: codes that are scored, a third of them held out.
      num_pairs: of each factor, for OMES where the set is a grid.
      seed: of the images drawn, and of the readers.
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
    """Where the transfer of a run to a target lies.

    Args:
      source: the run's workdir.
      target: name of the set, see `split_target`.
      settings: a fresh Adam has a folder of its own.

    Returns:
      A folder below the run's.

    Example:
      >>> from dis_jax import evaluation
      >>> evaluation.transfer_folder("runs/a", "smallnorb+coloured").as_posix()
      'runs/a/transfer/smallnorb+coloured'
    """
    name = target.strip("/").replace("/", "_").replace(":", "_")
    fresh = "_fresh_adam" if settings.adam == "fresh" else ""
    return pathlib.Path(source) / FOLDER / f"{name}{fresh}"


def split_target(target: str) -> tuple[str, str]:
    """Name and split of a target: "smallnorb+coloured:test"; by default all of it.

    Args:
      target: name or path of the set, perhaps with a split after a colon.

    Returns:
      What `data.load` takes.

    Example:
      >>> split_target("smallnorb+coloured:test"), split_target("mnist")
      (('smallnorb+coloured', 'test'), ('mnist', 'all'))
    """
    name, _, split = target.partition(":")
    return name, split or "all"


def load_target(target: str, data_dir: Path | None = None) -> data.ImageSet:
    """The set that a target names.

    Args:
      target: see `split_target`.
      data_dir: the folder of real data sets.

    Returns:
      The image set.
    """
    name, split = split_target(target)
    return data.load(name, data_dir, split)


def check_shapes(config: Any, target: str, found: Sequence[int]) -> None:
    """Makes sure that a model can read the images of a target.

    Args:
      config: of the source.
      target: name of the set.
      found: (height, width, channels) of its images.

    Raises:
      ValueError: if the source's differ; names a variant of the target, or of the
        source's set, by which they would not.
    """
    wanted = tuple(config.image_shape)
    if wanted == tuple(found):
        return
    target, colon, split = target.partition(":")
    words = (
        [target] if wanted[:2] == tuple(found[:2]) else [f"{target}+resized{wanted[0]}"]
    )
    if wanted[2] != found[2]:
        words.append("coloured" if wanted[2] == 3 else "grey")
    text = f"take --target={'+'.join(words)}{colon}{split}"
    if wanted[2] < found[2]:
        text = (
            f"train the source on {config.dataset}+coloured, whose grey is in three "
            f"channels, or {text}"
        )
    raise ValueError(
        f"the source was trained on {config.dataset!r}, images of {_by(wanted)}, and "
        f"{target!r} has {_by(found)}: {text}."
    )


def finetuning_config(
    source: Path, config: Any, step: int, target: str, settings: TransferSettings
) -> Any:
    """The config of the fine-tuning of a run.

    Args:
      source: the run's workdir.
      config: its config.
      step: how many steps it has made; a source that trained on is another one.
      target: name of the set, see `split_target`.
      settings: see `TransferSettings`.

    Returns:
      An `ml_collections.ConfigDict` of the method `beta_vae`.

    Raises:
      ValueError: if the population of the source differs in more than seed and beta, or
        an option is unknown.
    """
    if settings.adam not in ("kept", "fresh"):
        raise ValueError(f'adam is {settings.adam!r}; expected "kept" or "fresh".')
    lists = {name: tuple(values) for name, values in dict(config.population).items()}
    others = [name for name, values in lists.items() if values and name not in _SWEPT]
    if others:
        raise ValueError(
            f"the population in {source} differs in {', '.join(others)}; fine-tuning "
            f"keeps {' and '.join(_SWEPT)} alone: train the others as runs of their own."
        )
    tuning = config.copy_and_resolve_references()
    with tuning.unlocked():
        for name in set(tuning) & {"aggregate", "likelihood", "discriminator"}:
            del tuning[name]
        tuning.method = "beta_vae"
        tuning.dataset, tuning.split = split_target(target)
        tuning.sampler = {}
        tuning.batch_size = settings.batch_size
        tuning.hparams = {
            "learning_rate": settings.learning_rate,
            "clip_norm": float("inf"),
            "beta": config.hparams.get("beta", 1.0),
        }
        tuning.population = dict.fromkeys(tuning.hparams, ()) | {
            name: lists.get(name, ()) for name in _SWEPT
        }
        tuning.steps = settings.finetune_steps
        tuning.init_from = {
            "workdir": str(source),
            "step": step,
            "networks": NETWORKS,
            "optimisers": (OPTIMISER,) if settings.adam == "kept" else (),
        }
    return tuning


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
