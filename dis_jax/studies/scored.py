"""The scores of a study's models, as files."""

from __future__ import annotations

import json
import os
import pathlib
from typing import Any

from dis_jax import own_code
from dis_jax.files import file_name
from dis_jax.studies.study_table import Study
from dis_jax.training.workdir import differences


def model_config(study: Study, row: str, seed: int) -> Any:
    """The config of one model."""
    config = own_code.named(study.rows[row]).copy_and_resolve_references()
    config.seed = seed
    return config if study.of_seed is None else study.of_seed(config, seed)


def score_path(workdir: pathlib.Path, row: str, seed: int) -> pathlib.Path:
    """Path of the scores of a model."""
    return workdir / "scores" / f"{file_name(row)}_seed{seed}.json"


def is_scored(study: Study, row: str, seed: int, workdir: pathlib.Path) -> bool:
    """Whether scores exist for the current config of a model."""
    record = read_score(study, row, seed, workdir)
    # A run that ended in an error is tried again: another version may not diverge.
    return record is not None and not {"differs", "error"} & record.keys()


def read_scores(study: Study, workdir: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """The records of all scored models of a study.

    Args:
      study: what was done.
      workdir: its folder.

    Returns:
      One record per model: `row`, `seed`, `steps`, `scores`, `config`, versions, hardware;
      `differs`, {field: [of the model, of the study]}, if its config differs from that
      of the study; `diverged`, the last finite step, if it diverged, and `error`, the
      message, if that ended the run.

    Example:
      >>> from dis_jax import studies
      >>> study = studies.Study("a", "A", {"vae": {}}, (0, 1), score=lambda _: {})
      >>> studies.read_scores(study, "runs/none")
      []
    """
    found = [
        read_score(study, row, seed, pathlib.Path(workdir))
        for row in study.rows
        for seed in study.seeds
    ]
    # Drops runs of another config that ended in an error: they say nothing of the study's.
    return [r for r in found if r is not None and not {"error", "differs"} <= r.keys()]


def read_score(
    study: Study, row: str, seed: int, workdir: pathlib.Path
) -> dict[str, Any] | None:
    """The record of a model, or None if it is not scored."""
    path = score_path(workdir, row, seed)
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        config = record["config"]
        _ = [record[name] for name in ("row", "seed", "steps")]
        _ = config["image_shape"], record["scores"].items()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{path} is damaged ({type(error).__name__}: {error}): delete it, and the same "
            "command scores the model again."
        ) from None
    ours = json.loads(model_config(study, row, seed).to_json())
    # The shape comes from the data, so only the record has it.
    ours["image_shape"] = config["image_shape"]
    found = differences(config, ours)
    differs = {name: list(pair) for name, pair in found.items()}
    return record | ({"differs": differs} if differs else {})
