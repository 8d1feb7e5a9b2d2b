"""Exports the model of a run to standard files."""

from __future__ import annotations

import json
from typing import Any

from dis_jax.methods import Method, State
from dis_jax.training import exported
from dis_jax.training.population import members, set_member
from dis_jax.training.restoring import method_of, read_state
from dis_jax.training.workdir import (
    FREE_FIELDS,
    Path,
    clear_divergence,
    differences,
    divergence,
    read_config,
    run_facts,
    steps_made,
    strict_json,
    write_divergence,
)


def export(
    workdir: Path,
    out: Path,
    *,
    member: int | None = None,
    best: bool = False,
    half: bool = False,
) -> tuple[Method, State, Any]:
    """Writes a trained model as `config.json` and `model.safetensors`.

    The files contain the networks that encode and decode, without the optimiser and the
    networks that only training uses. `restore(out)` reads them; so does any reader of
    safetensors, see docs/weights.md.

    Args:
      workdir: the run's folder.
      out: folder of the files; created if missing.
      member: which member of a population.
      best: whether to take the checkpoint with the best score, not the last one.
      half: whether to store the networks as float16, which halves the file.

    Returns:
      The method, the state and the config that were exported.

    Raises:
      FileExistsError: if `out` contains files of these names that do not belong to an
        exported model, such as those of a run.
      ValueError: if the run is a population and `member` is None, or safetensors is not
        installed.

    Example:
      >>> from dis_jax import training
      >>> def share(workdir):
      ...     training.export(workdir, "factor_vae_seed0")
      ...     return training.restore("factor_vae_seed0")
    """
    if exported.is_exported(workdir):
        raise ValueError(
            f"{workdir} contains an exported model already: copy its files."
        )
    exported.check_free(out)
    config = read_config(workdir)
    method = method_of(workdir, config)
    state, facts = read_state(workdir, method, config, member, best)
    if state.step.ndim:
        raise ValueError(
            f"{workdir} contains a population: give `member`, one of its "
            f"{len(members(config))} members."
        )
    # The config of this member: its own seed and hyperparameters, no population.
    if member is not None:
        set_member(config, member)
        config.population = dict.fromkeys(config.population, ())
    _check_same_model(out, config)
    facts = {**facts, "run": run_facts(config)}
    clear_divergence(out)  # of an earlier export
    exported.write(out, method, state, strict_json(config), facts, half=half)
    if ended := divergence(workdir):
        write_divergence(out, ended)
    elif member is not None and int(state.step) < steps_made(workdir) and not best:
        write_divergence(out, f"member {member} diverged after step {int(state.step)}.")
    return method, state, config


def _check_same_model(out: Path, config: Any) -> None:
    """Raises if a folder contains another model; an earlier export is replaced."""
    if not exported.is_exported(out):
        return
    then, now = (json.loads(c.to_json()) for c in (read_config(out), config))
    if others := [n for n in differences(then, now) if n not in FREE_FIELDS]:
        raise FileExistsError(
            f"{out} contains the export of another model (other {', '.join(others)}); "
            "delete it, or export to another folder."
        )
